-- Returns a chunk of a draining worker to the front of the ready list, without charging an attempt.
-- KEYS: none
-- ARGV: job, chunk, token (int), ready list (key)
-- Returns 1, or 0: the lease was lost.
local job, chunk, token, ready = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not holds_lease(job, chunk, token) then return 0 end
drop_lease(job, chunk)
redis.call('HINCRBY', job_key(job, 'att'), chunk, -1)
redis.call('HINCRBY', job_key(job, 'tok'), chunk, 1)
redis.call('LPUSH', ready, ready_entry(job, chunk, milliseconds(seconds())))
return 1
