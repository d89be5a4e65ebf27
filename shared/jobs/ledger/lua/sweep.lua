-- Expired leases of a job. What only needs another try goes back to the front of the ready list here; what was in a dead
-- worker's hands, or has had its attempts, is returned for the dispatcher to split. ARGV: job, ready key, attempts allowed
-- Returns {requeued, chunk, token, attempts, hold, chunk, …}
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local now = seconds()
local out = {0}
for _, c in ipairs(redis.call('ZRANGEBYSCORE', p .. 'lease', '-inf', stamp(now), 'LIMIT', 0, 64)) do
  local attempts = tonumber(redis.call('HGET', p .. 'att', c) or '0')
  local hold = redis.call('HGET', p .. 'hold', c)
  if attempts >= tonumber(ARGV[3]) or hold then
    out[#out + 1] = c
    out[#out + 1] = redis.call('HGET', p .. 'tok', c)
    out[#out + 1] = attempts
    out[#out + 1] = hold or ''
  else
    local owner = redis.call('HGET', p .. 'owner', c)
    redis.call('ZREM', p .. 'lease', c)
    redis.call('HDEL', p .. 'owner', c)
    redis.call('HINCRBY', p .. 'tok', c, 1)
    if owner then redis.call('SREM', 'weft:held:' .. owner, job .. ' ' .. c) end
    redis.call('LPUSH', ARGV[2], job .. ' ' .. c .. ' ' .. math.floor(now * 1000))
    out[1] = out[1] + 1
  end
end
return out
