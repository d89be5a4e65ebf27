-- Marks a job as projected up to a log length and a state, unless either has changed meanwhile.
-- KEYS: none
-- ARGV: job, log entries (int), state
-- Returns 1, or 0: there is more to project.
local job, entries, projected_state = ARGV[1], ARGV[2], ARGV[3]
local meta = job_key(job, 'meta')
local state = redis.call('HGET', meta, 'state')
if state and (state ~= projected_state or redis.call('LLEN', job_key(job, 'log')) ~= tonumber(entries)) then return 0 end
redis.call('SREM', 'weft:unprojected', job)
-- Only saves work at the dispatcher's next start, so a full Redis may refuse it.
if state then redis.pcall('HSET', meta, 'projected', entries) end
return 1
