-- Takes from a bucket: the arithmetic of weir_engine::limits::take. KEYS: the bucket.
-- ARGV: now, what one costs, what a full bucket is worth (microseconds), how many.
local now, step, room, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = tonumber(redis.call('GET', KEYS[1]) or '') or 0
if not (full_at >= now) then full_at = now end
if full_at > now + room then full_at = now + room end
local after = full_at + step * cost
local wait = after - now - room
local is_allowed = 0
if wait <= 0 then
  full_at, wait, is_allowed = after, 0, 1
end
local life = math.ceil((full_at - now) / 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', life))
return { is_allowed, full_at, wait }
