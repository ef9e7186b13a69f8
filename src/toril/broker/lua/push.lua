-- Tell a queue about jobs that PostgreSQL has queued.
--
-- KEYS  1 wait  2 prioritized  3 delayed  4 marker  5 meta  6 pc  7 active  8 completed  9 failed
--       10 prefix of the job keys ("bull:<queue>:")
-- ARGV  1 now (ms)  2 interop level ("off", "board")  3 "1" to push again what is known already
--       then for each job 9 values: id, generation, due (ms), priority, created (ms), name, data, opts, failures
--       (the last four are empty when the level is "off")
-- Returns how many were new to this Redis.
--
-- Idempotent per (id, generation) while the job's hash is there and has not been taken: who pushes a job that
-- was taken knows from PostgreSQL that it is queued all the same. In level "off" a second push adds a second
-- suggestion, which PostgreSQL refuses. A hash with another creation time is another job's, from a database
-- that is gone: it is overwritten. Layout: BullMQ 5 and 6 (see keys.py).
expect('list', 'zset', 'zset', 'zset', 'hash', 'counter', 'list', 'zset', 'zset')
local now, level, again = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'
local ready, urgent, later = {}, {}, {}
local known = 0

local function forget_places(id, key)
  -- Wherever the job was before; a job that was taken was LPUSHed to `active`, so it is found from the tail.
  redis.call('LREM', KEYS[7], -1, id)
  redis.call('ZREM', KEYS[8], id)
  redis.call('ZREM', KEYS[9], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', key, 'finishedOn', 'processedOn', 'returnvalue')
end

for i = 4, #ARGV, 9 do
  local id, due, priority = ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local key = KEYS[10] .. id
  local fresh = true
  if level ~= 'off' then
    local generation, created, taken = unpack(read(key, 'tg', 'timestamp', 'processedOn'))
    if created then
      if again or taken or created ~= ARGV[i + 4] or (tonumber(generation) or 0) < tonumber(ARGV[i + 1]) then
        forget_places(id, key)
      else
        fresh, known = false, known + 1
      end
    end
    if fresh then
      local delay = due > now and due - now or 0
      write(key, 'tg', ARGV[i + 1], 'name', ARGV[i + 5], 'data', ARGV[i + 6], 'opts', ARGV[i + 7],
        'timestamp', ARGV[i + 4], 'delay', delay, 'priority', priority, 'atm', ARGV[i + 8])
    end
  elseif due > now and priority > 0 then
    write(key, 'priority', priority) -- all that is needed when its time comes
  end
  if fresh then
    if due > now then
      later[#later + 1] = due * 4096 + tonumber(string.sub(id, 2)) % 4096
      later[#later + 1] = id
    elseif priority > 0 then
      urgent[#urgent + 1] = priority
      urgent[#urgent + 1] = id
    else
      ready[#ready + 1] = id
    end
  end
end

if #ready > 0 then
  redis.call('LPUSH', KEYS[1], unpack(ready))
end
if #urgent > 0 then
  local last = redis.call('INCRBY', KEYS[6], #urgent / 2)
  for i = 1, #urgent, 2 do
    urgent[i] = string.format('%.0f', urgent[i] * 4294967296 + (last - (#urgent - i - 1) / 2) % 4294967296)
  end
  redis.call('ZADD', KEYS[2], unpack(urgent))
end
if #later > 0 then
  for i = 1, #later, 2 do
    later[i] = string.format('%.0f', later[i])
  end
  redis.call('ZADD', KEYS[3], unpack(later))
end
if redis.call('HEXISTS', KEYS[5], 'paused') == 0 then
  if #ready > 0 or #urgent > 0 then
    redis.call('ZADD', KEYS[4], 0, '0')
  end
  if #later > 0 then
    local first = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
    redis.call('ZADD', KEYS[4], string.format('%.0f', math.floor(tonumber(first[2]) / 4096)), '1')
  end
end
return (#ARGV - 3) / 9 - known
