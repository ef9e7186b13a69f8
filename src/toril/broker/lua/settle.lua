-- Mirror what PostgreSQL has recorded of jobs that were taken.
--
-- KEYS  1 active  2 completed  3 failed  4 prefix of the job keys
-- ARGV  1 completed jobs to keep  2 failed jobs to keep
--       then for each job 6 values: id, what ("completed", "failed", "back", "gone"), finished (ms), attempts made,
--       value (the result, or the failure's reason), stack traces (JSON array)
-- Returns nothing.
--
-- "back": the job was queued again, and the push tells where. "gone": nothing of it is to be seen any more.
-- A mirror, not a truth: it may be late, and what it would soon trim need not be written at all.
expect('list', 'zset', 'zset')
local TRIM = 200 -- jobs that one call may trim from a set, so that no call is long

local function finish(set, id, finished, ...)
  write(KEYS[4] .. id, 'finishedOn', finished, ...)
  redis.call('ZADD', set, finished, id)
end

local function trim(set, keep)
  local excess = math.min(redis.call('ZCARD', set) - keep, TRIM)
  if excess <= 0 then
    return
  end
  local keys = {}
  for _, id in ipairs(redis.call('ZRANGE', set, 0, excess - 1)) do
    keys[#keys + 1] = KEYS[4] .. id
    keys[#keys + 1] = KEYS[4] .. id .. ':logs'
  end
  redis.call('UNLINK', unpack(keys))
  redis.call('ZREMRANGEBYRANK', set, 0, excess - 1)
end

for i = 3, #ARGV, 6 do
  local id, what, finished, made, value, stack = unpack(ARGV, i, i + 5)
  redis.call('LREM', KEYS[1], -1, id)
  if what == 'completed' then
    finish(KEYS[2], id, finished, 'atm', made, 'returnvalue', value)
  elseif what == 'failed' then
    finish(KEYS[3], id, finished, 'atm', made, 'failedReason', value, 'stacktrace', stack)
  elseif what == 'gone' then
    redis.call('UNLINK', KEYS[4] .. id, KEYS[4] .. id .. ':logs')
  elseif value == '' then
    if not read(KEYS[4] .. id, 'tg')[1] then
      redis.call('UNLINK', KEYS[4] .. id) -- a stale suggestion of a job that was trimmed long ago
    end
  else
    write(KEYS[4] .. id, 'atm', made, 'failedReason', value, 'stacktrace', stack)
  end
end
trim(KEYS[2], tonumber(ARGV[1]))
trim(KEYS[3], tonumber(ARGV[2]))
