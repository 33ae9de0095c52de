-- Names the life of what is kept: made once, gone with everything else. KEYS: the marker.
local marker = redis.call('GET', KEYS[1])
if not marker then
  local time = redis.call('TIME')
  marker = time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[1], marker, 'EX', 2592000)
end
return marker
