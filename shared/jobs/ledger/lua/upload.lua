-- Records files of an upload that is open, and puts its expiry off. A position that comes again replaces its file.
-- KEYS: none
-- ARGV: upload, seconds until it expires, when the files were stored, sender (int; 'next' = a new one takes the upload over; '' = not
-- told), then per file: position (int), row (JSON), bytes (int),
-- SHA-256 of a blob that this upload has stored ('' = it was there before)
-- Returns {files, bytes, sender} of the whole upload; 0: another sender has taken it over; nil: no such upload, or it became a job.
local upload, seconds_left, stored, sender = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local record = 'weft:upload:' .. upload
local files = record .. ':files'
local state = redis.call('HMGET', record, 'created', 'job', 'sender')
if not state[1] or state[2] then return false end
local current = tonumber(state[3] or 0)
if sender == 'next' then
  current = redis.call('HINCRBY', record, 'sender', 1)
elseif sender ~= '' and tonumber(sender) ~= current then
  return 0
end
local now = seconds()
for i = 5, #ARGV, 4 do
  local position, row, bytes, fresh = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local before = redis.call('HGET', files, position)
  if before then redis.call('HINCRBY', record, 'bytes', -tonumber(cjson.decode(before)[3])) end
  redis.call('HSET', files, position, row)
  redis.call('HINCRBY', record, 'bytes', bytes)
  if fresh ~= '' then redis.call('HSET', record .. ':fresh', fresh, stored) end
end
redis.call('ZADD', 'weft:uploads', stamp(now + seconds_left), upload)
return {redis.call('HLEN', files), tonumber(redis.call('HGET', record, 'bytes')), current}
