-- Gives a moving job another priority: it has the next turn of its new one. Chunks that are admitted already stay where they are.
-- KEYS: none
-- ARGV: job, priority
-- Returns the state, where nothing is done if that is terminal; or nil: no such job.
local job, priority = ARGV[1], ARGV[2]
local meta = job_key(job, 'meta')
local state, identity, lane = unpack(redis.call('HMGET', meta, 'state', 'identity', 'lane'))
if not state or state == 'receiving' then return false end
if is_terminal(state) then return state end
redis.call('HSET', meta, 'priority', priority)
if off_the_rota(identity, lane, job) > 0 then enrol(identity, lane, job, true) end
return state
