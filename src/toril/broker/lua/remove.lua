-- Remove ids from one place of a queue, where they have no business to be.
--
-- KEYS  1 the place  2 completed  3 failed  4 prefix of the job keys
-- ARGV  1 what the place is ("zset", "list")  2 where to begin in a list  3 how many of its ids to look at
--       4 "1" to remove the jobs' hashes too, unless a board shows them as finished, then the ids
-- Returns how many were removed from the place.
--
-- A list can't be told to remove what is at a position. So what is to go is overwritten with one and the same word
-- (which a take would discard), and that is removed in one pass from the nearer end: a few milliseconds in a list
-- of a million, whether one id or a thousand are to go.
expect(ARGV[1], 'zset', 'zset')
local GONE = '0:gone'
local removed = 0

local function remove_from_list(ids)
  local first, gone = tonumber(ARGV[2]), {}
  for _, id in ipairs(ids) do
    gone[id] = true
  end
  for i, id in ipairs(redis.call('LRANGE', KEYS[1], first, first + ARGV[3] - 1)) do
    if gone[id] then
      redis.call('LSET', KEYS[1], first + i - 1, GONE)
      removed = removed + 1
    end
  end
  if removed > 0 then
    local nearer_the_head = first * 2 < redis.call('LLEN', KEYS[1])
    redis.call('LREM', KEYS[1], nearer_the_head and removed or -removed, GONE)
  end
end

local ids = { unpack(ARGV, 5) }
if ARGV[1] == 'zset' then
  removed = redis.call('ZREM', KEYS[1], unpack(ids))
else
  remove_from_list(ids)
end
if ARGV[4] == '1' then
  for _, id in ipairs(ids) do
    if not redis.call('ZSCORE', KEYS[2], id) and not redis.call('ZSCORE', KEYS[3], id) then
      redis.call('UNLINK', KEYS[4] .. id, KEYS[4] .. id .. ':logs')
    end
  end
end
return removed
