-- Starts a submission, or restarts one that was interrupted. Never touches an accepted job.
-- KEYS: none
-- ARGV: job, receipt (unique per request), lock seconds (int), then field and value pairs of the job
-- Returns 1 (continue), 0 (another request with this key is in progress), -1 (the job is already accepted).
local job, receipt, lock_seconds = ARGV[1], ARGV[2], ARGV[3]
local meta, lock = job_key(job, 'meta'), job_key(job, 'receiving')
local state = redis.call('HGET', meta, 'state')
if state and state ~= 'receiving' then return -1 end
local holder = redis.call('GET', lock)
if holder and holder ~= receipt then return 0 end
redis.call('SET', lock, receipt, 'EX', lock_seconds)
redis.call('DEL', job_key(job, 'todo'), meta)
local now = stamp(seconds())
redis.call('HSET', meta, 'state', 'receiving', 'receipt', receipt, 'created', now, 'total', 0, 'ok', 0, 'failed', 0,
  'dups', 0, 'cached', 0, unpack(ARGV, 4))
redis.call('ZADD', 'weft:receiving', now, job)
return 1
