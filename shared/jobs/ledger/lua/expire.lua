-- A worker's new child says that the old one is dead: what that one held is free at once. ARGV: worker
local now = stamp(seconds())
local n = 0
for _, entry in ipairs(redis.call('SMEMBERS', 'weft:held:' .. ARGV[1])) do
  local job, c = string.match(entry, '^(%S+) (%S+)')
  local p = 'weft:{' .. job .. '}:'
  if redis.call('HGET', p .. 'owner', c) == ARGV[1] then
    n = n + redis.call('ZADD', p .. 'lease', 'XX', 'CH', now, c)
  end
end
redis.call('DEL', 'weft:held:' .. ARGV[1])
return n
