-- Gives a job another name.
-- KEYS: none
-- ARGV: job, name
-- Returns 1, or 0: no such job.
local job, name = ARGV[1], ARGV[2]
local meta = job_key(job, 'meta')
local state = redis.call('HGET', meta, 'state')
if not state or state == 'receiving' then return 0 end
redis.call('HSET', meta, 'name', name)
changed(meta, job)
return 1
