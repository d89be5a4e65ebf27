-- Records parts of a file of an upload that is open, and puts its expiry off.
-- KEYS: none
-- ARGV: upload, seconds until it expires, when the parts were stored, then per part: SHA-256, bytes (int), 1 where this upload has
-- stored the blob (0 = it was there before)
-- Returns the bytes of all its parts; nil: no such upload, or it became a job.
local upload, seconds_left, stored = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local record = 'weft:upload:' .. upload
local state = redis.call('HMGET', record, 'created', 'job')
if not state[1] or state[2] then return false end
for i = 4, #ARGV, 3 do
  redis.call('HSET', record .. ':parts', ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] == '1' then redis.call('HSET', record .. ':fresh', ARGV[i], stored) end
end
redis.call('ZADD', 'weft:uploads', stamp(seconds() + seconds_left), upload)
local sum = 0
for _, bytes in ipairs(redis.call('HVALS', record .. ':parts')) do sum = sum + tonumber(bytes) end
return sum
