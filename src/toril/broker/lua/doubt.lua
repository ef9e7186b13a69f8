-- Doubt that jobs are where a push left them, so that the next push is not taken for a repetition of it.
--
-- KEYS  1 prefix of the job keys
-- ARGV  ids
-- Returns nothing.
for _, id in ipairs(ARGV) do
  redis.pcall('HDEL', KEYS[1] .. id, 'tg') -- what is no hash is replaced by the push
end
