-- No worker can read the job's folder: its chunks must not take the room of other jobs.
-- ARGV: job, ready key, rota key. Returns the number of chunks taken back.
local job, ready = ARGV[1], ARGV[2]
local todo = 'weft:{' .. job .. '}:todo'
local taken = 0
local entries = redis.call('LRANGE', ready, 0, -1)
for i = #entries, 1, -1 do
  local owner, c = string.match(entries[i], '^(%S+) (%S+)')
  if owner == job then
    redis.call('LPUSH', todo, c)
    redis.call('LREM', ready, 1, entries[i])
    taken = taken + 1
  end
end
redis.call('LREM', ARGV[3], 0, job)
return taken
