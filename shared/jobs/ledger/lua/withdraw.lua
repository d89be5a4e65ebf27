-- Moves a job's ready chunks back to the front of its queue and takes it off the rota: no worker can read its folder, and its
-- chunks must not occupy the capacity of other jobs.
-- KEYS: none
-- ARGV: job, identity, lane
-- Returns the number of chunks moved.
local job, identity, lane = ARGV[1], ARGV[2], ARGV[3]
local ready = ready_key(identity, lane)
local moved = 0
local entries = redis.call('LRANGE', ready, 0, -1)
for i = #entries, 1, -1 do
  local owner, chunk = string.match(entries[i], '^(%S+) (%S+)')
  if owner == job then
    redis.call('LPUSH', job_key(job, 'todo'), chunk)
    redis.call('LREM', ready, 1, entries[i])
    moved = moved + 1
  end
end
off_the_rota(identity, lane, job)
return moved
