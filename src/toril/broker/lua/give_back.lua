-- Put the suggestions back that a worker took and never claimed.
--
-- KEYS  1 wait  2 marker  3 active  4 taken by that worker  5 prefix of the job keys
-- Returns how many there were.
--
-- They return to the front, oldest first, as they were next. A job that was claimed after all is suggested
-- once too often, which PostgreSQL refuses. Somebody else is woken even if there were none: a worker that is
-- paused or cut off still waits for markers in Redis' eyes, and may have swallowed one.
expect('list', 'zset', 'list', 'list')
local noted = redis.call('LRANGE', KEYS[4], 1, -1)
redis.call('DEL', KEYS[4])
for i = #noted, 1, -1 do
  redis.call('LREM', KEYS[3], -1, noted[i])
  redis.pcall('HDEL', KEYS[5] .. noted[i], 'processedOn')
  redis.call('RPUSH', KEYS[1], noted[i])
end
redis.call('ZADD', KEYS[2], 0, '0')
return #noted
