-- Read some of the ids of a queue, place by place in the order in which jobs move through them.
--
-- KEYS  1 delayed  2 prioritized  3 wait  4 paused  5 active
-- ARGV  1 the place to go on with, as the number of its key  2 how many of its ids have been read  3 how many to read
-- Returns { place, read of it, {ids}, … }: where to go on (place 6: that was all), and the ids of each of the places.
--
-- Jobs leave each place at its end (the lowest scores, the tails) and most arrive at its head, so that a walk that
-- begins at the head meets everything that stays, while others push and take.
expect('zset', 'zset', 'list', 'list', 'list')
local place, read_of_it, left = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = { {}, {}, {}, {}, {} }
while place <= 5 and left > 0 do
  local command = place <= 2 and 'ZREVRANGE' or 'LRANGE'
  local ids = redis.call(command, KEYS[place], read_of_it, read_of_it + left - 1)
  found[place] = ids
  if #ids == left then
    read_of_it = read_of_it + #ids
  else
    place, read_of_it = place + 1, 0
  end
  left = left - #ids
end
return { place, read_of_it, unpack(found) }
