-- A worker that drains hands a chunk back: no attempt charged, first in line. ARGV: job, chunk, token, ready key
local job, c = ARGV[1], ARGV[2]
local p = 'weft:{' .. job .. '}:'
if redis.call('HGET', p .. 'tok', c) ~= ARGV[3] or not redis.call('ZSCORE', p .. 'lease', c) then return 0 end
local owner = redis.call('HGET', p .. 'owner', c)
redis.call('ZREM', p .. 'lease', c)
redis.call('HDEL', p .. 'owner', c)
redis.call('HDEL', p .. 'hold', c)
redis.call('HINCRBY', p .. 'att', c, -1)
redis.call('HINCRBY', p .. 'tok', c, 1)
if owner then redis.call('SREM', 'weft:held:' .. owner, job .. ' ' .. c) end
redis.call('LPUSH', ARGV[4], job .. ' ' .. c .. ' ' .. math.floor(seconds() * 1000))
return 1
