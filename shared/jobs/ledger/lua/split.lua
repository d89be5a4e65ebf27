-- Replaces an expired chunk by smaller ones, first in line. ARGV: job, chunk, token, ready key, then per new chunk:
-- blob, attempts so far, alone (1: nothing else may be in hand beside it)
local job, c = ARGV[1], ARGV[2]
local p = 'weft:{' .. job .. '}:'
local deadline = redis.call('ZSCORE', p .. 'lease', c)
local now = seconds()
if redis.call('HGET', p .. 'tok', c) ~= ARGV[3] or not deadline or tonumber(deadline) > now then return 0 end
local owner = redis.call('HGET', p .. 'owner', c)
redis.call('ZREM', p .. 'lease', c)
redis.call('HDEL', p .. 'owner', c)
redis.call('HDEL', p .. 'hold', c)
redis.call('HINCRBY', p .. 'tok', c, 1)
if owner then redis.call('SREM', 'weft:held:' .. owner, job .. ' ' .. c) end
for i = #ARGV - 2, 5, -3 do
  local n = redis.call('HINCRBY', p .. 'meta', 'next_chunk', 1) - 1
  redis.call('SET', p .. 'in:' .. n, ARGV[i])
  redis.call('HSET', p .. 'att', n, ARGV[i + 1])
  if ARGV[i + 2] == '1' then redis.call('SADD', p .. 'alone', n) end
  redis.call('LPUSH', ARGV[4], job .. ' ' .. n .. ' ' .. math.floor(now * 1000))
end
return 1
