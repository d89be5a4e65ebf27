-- Moves up to ARGV[3] chunks of a job from its own list to the ready list, and puts the job on the rota from which ending
-- chunks are replaced (see commit). ARGV: job, ready key, count, rota key
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local state = redis.call('HGET', p .. 'meta', 'state')
if state ~= 'queued' and state ~= 'running' and state ~= 'listing' then return 0 end
if redis.call('LLEN', p .. 'todo') > 0 and not redis.call('LPOS', ARGV[4], job) then redis.call('LPUSH', ARGV[4], job) end
local ms = math.floor(seconds() * 1000)
for i = 1, tonumber(ARGV[3]) do
  local c = redis.call('LPOP', p .. 'todo')
  if not c then return i - 1 end
  redis.call('RPUSH', ARGV[2], job .. ' ' .. c .. ' ' .. ms)
end
return tonumber(ARGV[3])
