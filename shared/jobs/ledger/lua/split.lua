-- Replaces a chunk whose lease has expired by smaller ones, at the front of the ready list.
-- KEYS: none
-- ARGV: job, chunk, token (int), ready list (key), then per new chunk: blob, attempts so far (int), alone (0/1: nothing else
-- may be in progress beside it)
-- Returns 1, or 0: the lease was renewed or lost.
local job, chunk, token, ready = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = seconds()
local deadline = holds_lease(job, chunk, token)
if not deadline or tonumber(deadline) > now then return 0 end
drop_lease(job, chunk)
redis.call('HINCRBY', job_key(job, 'tok'), chunk, 1)
for i = #ARGV - 2, 5, -3 do
  local blob, attempts, alone = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local part = redis.call('HINCRBY', job_key(job, 'meta'), 'next_chunk', 1) - 1
  redis.call('SET', job_key(job, 'in:' .. part), blob)
  redis.call('HSET', job_key(job, 'att'), part, attempts)
  if alone == '1' then redis.call('SADD', job_key(job, 'alone'), part) end
  redis.call('LPUSH', ready, ready_entry(job, part, milliseconds(now)))
end
return 1
