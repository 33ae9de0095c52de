-- Writes counters, field by field, unless what is kept stands at the same place or a later one.
-- KEYS: the hash. ARGV: seconds to live, then field and value in turn; a value begins with its place in 20 digits.
for i = 2, #ARGV, 2 do
  local place = tonumber(string.sub(ARGV[i + 1], 1, 20))
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local kept = old and tonumber(string.sub(old, 1, 20))
  if not kept or kept < place then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
