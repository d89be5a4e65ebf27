-- Records files of an upload that is open, and puts its expiry off. A position that comes again replaces its file.
-- KEYS: none
-- ARGV: upload, seconds until it expires, when the files were stored, then per file: position (int), row (JSON), bytes (int),
-- SHA-256 of a blob that this upload has stored ('' = it was there before)
-- Returns {files, bytes} of the whole upload; nil: no such upload, or it became a job.
local upload, seconds_left, stored = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local record = 'weft:upload:' .. upload
local files = record .. ':files'
local state = redis.call('HMGET', record, 'created', 'job')
if not state[1] or state[2] then return false end
local now = seconds()
for i = 4, #ARGV, 4 do
  local position, row, bytes, fresh = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local before = redis.call('HGET', files, position)
  if before then redis.call('HINCRBY', record, 'bytes', -tonumber(cjson.decode(before)[3])) end
  redis.call('HSET', files, position, row)
  redis.call('HINCRBY', record, 'bytes', bytes)
  if fresh ~= '' then redis.call('HSET', record .. ':fresh', fresh, stored) end
end
redis.call('ZADD', 'weft:uploads', stamp(now + seconds_left), upload)
return {redis.call('HLEN', files), tonumber(redis.call('HGET', record, 'bytes'))}
