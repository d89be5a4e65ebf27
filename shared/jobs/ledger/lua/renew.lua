-- Extends leases that the caller still holds, and records which items are in progress.
-- KEYS: none
-- ARGV: lease seconds (float), then per claim: job, chunk, token (int), item indexes in progress (space-separated, '' = none)
-- Returns per claim 1, or 0: the lease was lost.
local deadline = stamp(seconds() + tonumber(ARGV[1]))
local renewed = {}
for i = 2, #ARGV, 4 do
  local job, chunk, token, in_progress = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local mine = holds_lease(job, chunk, token)
  if mine then
    redis.call('ZADD', job_key(job, 'lease'), 'XX', deadline, chunk)
    if in_progress ~= '' then redis.call('HSET', job_key(job, 'hold'), chunk, in_progress) end
  end
  renewed[#renewed + 1] = mine and 1 or 0
end
return renewed
