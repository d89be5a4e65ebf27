-- A received job becomes visible: from here on it is accepted and nothing of it may be lost.
-- ARGV: job, state, lane ready key ('' = leave the chunks to the dispatcher)
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local meta = p .. 'meta'
if redis.call('HGET', meta, 'state') ~= 'receiving' then return 0 end
local now = seconds()
redis.call('HSET', meta, 'state', ARGV[2], 'created', stamp(now))
redis.call('ZREM', 'weft:receiving', job)
redis.call('SADD', 'weft:active', job)
local record = redis.call('HGET', meta, 'kind') == 'classify' and 'weft:brief' or 'weft:jobs'
redis.call('ZADD', record, stamp(now), job)
if ARGV[3] ~= '' then
  while true do
    local c = redis.call('LPOP', p .. 'todo')
    if not c then break end
    redis.call('RPUSH', ARGV[3], job .. ' ' .. c .. ' ' .. math.floor(now * 1000))
  end
end
finish_if_done(meta, job, stamp(now))
return 1
