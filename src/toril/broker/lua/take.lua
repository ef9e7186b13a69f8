-- Take a batch of suggestions for a worker.
--
-- KEYS  1 wait  2 prioritized  3 delayed  4 marker  5 meta  6 pc  7 active  8 taken by this worker
--       9 foreign  10 prefix of the job keys
-- ARGV  1 now (ms)  2 interop level  3 how many  4 ticket  5 worker name
-- Returns { due time of the next delayed job (ms) or 0, 1 if the queue is paused, id, id, … }
--
-- What is taken is noted under the ticket (key 8), a number that grows. A call whose answer was lost is
-- repeated with the same ticket and gets the same batch; a call with a higher one says that the last batch has
-- been dealt with; one with a lower one was late on its way, nobody waits for its answer, and it takes nothing.
-- Ids that Toril did not make are set aside in key 9, untouched.
expect('list', 'zset', 'zset', 'zset', 'hash', 'counter', 'list', 'list', 'list')
local now, level, count = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local PROMOTE = 200 -- delayed jobs that one call may move, so that no call is long

local function promote()
  local last = string.format('%.0f', (now + 1) * 4096 - 1)
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', last, 'LIMIT', 0, PROMOTE)
  for _, id in ipairs(due) do
    redis.call('ZREM', KEYS[3], id)
    local key = KEYS[10] .. id
    local priority = tonumber(read(key, 'priority')[1]) or 0
    if priority > 0 then
      local score = priority * 4294967296 + redis.call('INCR', KEYS[6]) % 4294967296
      redis.call('ZADD', KEYS[2], string.format('%.0f', score), id)
    else
      redis.call('LPUSH', KEYS[1], id)
    end
    if ours(id) and level == 'off' then
      redis.call('DEL', key)
    elseif ours(id) then
      write(key, 'delay', 0)
    end
  end
end

local function next_delayed()
  local first = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  return first[2] and math.floor(tonumber(first[2]) / 4096) or 0
end

local noted = redis.call('LRANGE', KEYS[8], 0, -1)
if noted[1] == ARGV[4] then
  table.remove(noted, 1)
  return { next_delayed(), 0, unpack(noted) }
elseif noted[1] and (tonumber(noted[1]) or 0) > tonumber(ARGV[4]) then
  return { 0, 0 }
end
redis.call('DEL', KEYS[8])
redis.call('RPUSH', KEYS[8], ARGV[4])
redis.call('EXPIRE', KEYS[8], 604800)

promote()
if redis.call('HEXISTS', KEYS[5], 'paused') == 1 then
  return { next_delayed(), 1 }
end

local ids = {}
local function keep(found)
  for _, id in ipairs(found) do
    if ours(id) then
      ids[#ids + 1] = id
    elseif string.sub(id, 1, 2) ~= '0:' then -- BullMQ 5 leaves such markers in the list
      redis.call('RPUSH', KEYS[9], id)
    end
  end
end

keep(redis.call('RPOP', KEYS[1], count) or {})
if #ids < count then
  local found = {}
  for i, value in ipairs(redis.call('ZPOPMIN', KEYS[2], count - #ids)) do
    if i % 2 == 1 then
      found[#found + 1] = value
    end
  end
  keep(found)
end

if #ids > 0 then
  redis.call('RPUSH', KEYS[8], unpack(ids))
  if level ~= 'off' then
    redis.call('LPUSH', KEYS[7], unpack(ids))
    for _, id in ipairs(ids) do
      write(KEYS[10] .. id, 'processedOn', ARGV[1], 'pb', ARGV[5])
    end
  end
end

if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then
  redis.call('ZADD', KEYS[4], 0, '0') -- there is more: wake the next worker
end
return { next_delayed(), 0, unpack(ids) }
