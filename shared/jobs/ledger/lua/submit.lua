-- Makes a received job visible: from here on it is accepted and must not be lost.
-- KEYS: none
-- ARGV: job, state, ready list (key; '' = leave admission to the dispatcher), receipt, total (int), listed (0/1), chunks (int)
-- Returns 1, or 0: another request has taken over the submission.
local job, state, ready, receipt, total, listed, chunks = unpack(ARGV)
local meta, todo = job_key(job, 'meta'), job_key(job, 'todo')
local current_state, current_receipt = unpack(redis.call('HMGET', meta, 'state', 'receipt'))
if current_receipt ~= receipt then return 0 end
if current_state ~= 'receiving' then return 1 end
local now = seconds()
redis.call('HSET', meta, 'state', state, 'created', stamp(now), 'total', total, 'listed', listed, 'next_chunk', chunks)
redis.call('ZREM', 'weft:receiving', job)
redis.call('DEL', job_key(job, 'receiving'))
redis.call('SADD', 'weft:active', job)
local record = redis.call('HGET', meta, 'kind') == 'classify' and 'weft:brief' or 'weft:jobs'
redis.call('ZADD', record, stamp(now), job)
if ready ~= '' then
  while true do
    local chunk = redis.call('LPOP', todo)
    if not chunk then break end
    redis.call('RPUSH', ready, ready_entry(job, chunk, milliseconds(now)))
  end
end
finish_if_done(meta, job, stamp(now))
redis.call('PUBLISH', 'weft:news', job)
return 1
