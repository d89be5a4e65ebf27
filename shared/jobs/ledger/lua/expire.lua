-- Expires all leases of a worker at once: its new child process reports that the previous one has died.
-- KEYS: none
-- ARGV: worker
-- Returns the number of leases expired.
local worker = ARGV[1]
local now = stamp(seconds())
local expired = 0
for _, entry in ipairs(redis.call('SMEMBERS', held_key(worker))) do
  local job, chunk = string.match(entry, '^(%S+) (%S+)')
  if redis.call('HGET', job_key(job, 'owner'), chunk) == worker then
    expired = expired + redis.call('ZADD', job_key(job, 'lease'), 'XX', 'CH', now, chunk)
  end
end
redis.call('DEL', held_key(worker))
return expired
