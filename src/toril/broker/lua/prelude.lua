-- What all scripts begin with: guards against keys that somebody else has made into something else.
--
-- KEYS and ARGV are those of the script that follows.
-- Returns nothing; it only defines functions.

-- Fail before anything is changed unless each key, in the order of KEYS, is of its kind or not there at all.
local function expect(...)
  for i, kind in ipairs({ ... }) do
    local wanted, found = kind == 'counter' and 'string' or kind, redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= wanted then
      error('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found .. ', not a ' .. wanted, 0)
    end
    if kind == 'counter' and found == wanted and not string.find(redis.call('GET', KEYS[i]), '^%d+$') then
      error('WRONGTYPE ' .. KEYS[i] .. ' is not a number', 0)
    end
  end
end

-- Whether an id is one that Toril gave, which is `t` and a bigint. Others may name any key of the queue.
local function ours(id)
  return string.find(id, '^t[1-9]%d*$') and #id < 20
end

local function no_hash(reply)
  return type(reply) == 'table' and reply.err and string.find(reply.err, 'WRONGTYPE', 1, true)
end

-- Write fields of a job's hash. Whatever else is at its key is not Toril's, and of no use to anybody.
local function write(key, ...)
  local reply = redis.pcall('HSET', key, ...)
  if no_hash(reply) then
    redis.call('UNLINK', key)
  end
  if type(reply) == 'table' then
    redis.call('HSET', key, ...) -- fails for any other reason, such as a full memory, once more
  end
end

-- Read fields of a job's hash; none when something else is at its key.
local function read(key, ...)
  local reply = redis.pcall('HMGET', key, ...)
  return no_hash(reply) and {} or reply
end
