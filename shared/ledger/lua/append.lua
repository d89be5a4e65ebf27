-- The lister adds one chunk, or ends the list. ARGV: job, blob ('' = none), count, cursor, last (0/1), note
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'listed', 'cursor', 'started')
if not m[1] or m[1] == 'cancelled' or m[2] == '1' then return 0 end
if ARGV[2] ~= '' then
  local c = redis.call('HINCRBY', meta, 'next_chunk', 1) - 1
  redis.call('SET', p .. 'in:' .. c, ARGV[2])
  redis.call('RPUSH', p .. 'todo', c)
  redis.call('HINCRBY', meta, 'total', ARGV[3])
  redis.call('HSET', meta, 'cursor', ARGV[4])
end
if ARGV[5] == '1' then
  redis.call('HSET', meta, 'listed', '1')
  if ARGV[6] ~= '' then redis.call('HSET', meta, 'note', ARGV[6]) end
  if m[1] == 'listing' then redis.call('HSET', meta, 'state', m[4] and 'running' or 'queued') end
  finish_if_done(meta, job, stamp(seconds()))
end
return 1
