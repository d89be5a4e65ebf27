-- Sets or clears the note that explains why a job is not progressing; never recreates a removed job.
-- KEYS: none
-- ARGV: job, code ('' = clear), detail (JSON object: values for the code's message), seen (the note that the writer saw,
--       '' = none, '*' = whatever: not where the job has ended or got another note meanwhile)
-- Returns 1, or 0: no such job, or nothing was done.
local job, code, detail, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local meta = job_key(job, 'meta')
if redis.call('EXISTS', meta) == 0 then return 0 end
if seen ~= '*' then
  local m = redis.call('HMGET', meta, 'state', 'note')
  if is_terminal(m[1]) or (m[2] or '') ~= seen then return 0 end
end
if code == '' then
  redis.call('HDEL', meta, 'note', 'note_detail')
else
  redis.call('HSET', meta, 'note', code, 'note_detail', detail)
end
return 1
