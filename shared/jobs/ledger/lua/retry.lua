-- Queues failed items again as one new chunk, all or nothing: their done bit is cleared and their generation raised, so that a
-- late commit of the old generation cannot win.
-- KEYS: none
-- ARGV: job, blob, then per item: index (int), new generation (int)
-- Returns 1, or 0: refused.
local job = ARGV[1]
local p = job_key(job, '')
local meta = p .. 'meta'
local state = redis.call('HGET', meta, 'state')
local to = target(state, 'retry')
if to == nil then return 0 end
for i = 3, #ARGV, 2 do
  if redis.call('HEXISTS', p .. 'failed', ARGV[i]) == 0
     or tonumber(redis.call('HGET', p .. 'gen', ARGV[i]) or '0') + 1 ~= tonumber(ARGV[i + 1]) then return 0 end
end
for i = 3, #ARGV, 2 do
  redis.call('SETBIT', p .. 'done', ARGV[i], 0)
  redis.call('HSET', p .. 'gen', ARGV[i], ARGV[i + 1])
  redis.call('HDEL', p .. 'failed', ARGV[i])
end
redis.call('HINCRBY', meta, 'failed', -(#ARGV - 2) / 2)
local c = redis.call('HINCRBY', meta, 'next_chunk', 1) - 1
redis.call('SET', p .. 'in:' .. c, ARGV[2])
redis.call('RPUSH', p .. 'todo', c)
if to ~= 'same' then
  redis.call('HSET', meta, 'state', to)
  redis.call('ZREM', 'weft:ended', job)
  changed(meta, job)
  redis.call('HDEL', meta, 'started', 'finished', 'note', 'note_detail', 'anchor')
  -- Rate and ETA cover the new round only.
  redis.call('HSET', meta, 'base', redis.call('HGET', meta, 'ok') + redis.call('HGET', meta, 'failed'))
  redis.call('DEL', p .. 'pace')
end
redis.call('SADD', 'weft:active', job)
return 1
