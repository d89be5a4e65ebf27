-- Moves a job to the front of its priority, where it has all turns until it has no chunk left, or back among the others. Chunks
-- that are admitted already stay where they are.
-- KEYS: none
-- ARGV: job, first (1 or 0)
-- Returns the state, where nothing is done if that is terminal; or nil: no such job.
local job, first = ARGV[1], ARGV[2]
local meta = job_key(job, 'meta')
local state, identity, lane = unpack(redis.call('HMGET', meta, 'state', 'identity', 'lane'))
if not state or state == 'receiving' then return false end
if is_terminal(state) then return state end
if first == '1' then redis.call('HSET', meta, 'first', string.format('%.6f', seconds())) else redis.call('HDEL', meta, 'first') end
if off_the_rota(identity, lane, job) > 0 then enrol(identity, lane, job) end
return state
