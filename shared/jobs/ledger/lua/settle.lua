-- A job's projection holds so many entries of its log, and describes it in this state: unless more has come, that is all.
-- ARGV: job, entries, state. Returns 1 where nothing is left to write.
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local state = redis.call('HGET', p .. 'meta', 'state')
if state and (state ~= ARGV[3] or redis.call('LLEN', p .. 'log') ~= tonumber(ARGV[2])) then return 0 end
redis.call('SREM', 'weft:unprojected', job)
-- Only saves work when the dispatcher starts: a full Redis may refuse it.
if state then redis.pcall('HSET', p .. 'meta', 'projected', ARGV[2]) end
return 1
