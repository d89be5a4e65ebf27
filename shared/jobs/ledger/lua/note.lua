-- Sets or clears the note that explains why a job is not progressing; never recreates a removed job.
-- KEYS: none
-- ARGV: job, code ('' = clear), detail (JSON object: values for the code's message)
-- Returns 1, or 0: no such job.
local job, code, detail = ARGV[1], ARGV[2], ARGV[3]
local meta = job_key(job, 'meta')
if redis.call('EXISTS', meta) == 0 then return 0 end
if code == '' then
  redis.call('HDEL', meta, 'note', 'note_detail')
else
  redis.call('HSET', meta, 'note', code, 'note_detail', detail)
end
return 1
