-- A received job becomes visible: from here on it is accepted and nothing of it may be lost.
-- ARGV: job, state, lane ready key ('' = leave the chunks to the dispatcher), receipt, total, listed (0/1), chunks
-- Returns 1, or 0: another request has taken the submission over.
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'receipt')
if m[2] ~= ARGV[4] then return 0 end
if m[1] ~= 'receiving' then return 1 end
local now = seconds()
redis.call('HSET', meta, 'state', ARGV[2], 'created', stamp(now), 'total', ARGV[5], 'listed', ARGV[6], 'next_chunk', ARGV[7])
redis.call('ZREM', 'weft:receiving', job)
redis.call('DEL', p .. 'receiving')
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
redis.call('PUBLISH', 'weft:news', job)
return 1
