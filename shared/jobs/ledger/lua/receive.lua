-- A submission begins, or one that died half-way begins again. Never touches a job that was accepted already.
-- ARGV: job, receipt (this request's own), lock seconds, then the job's fields and values
-- Returns 1 (go on), 0 (another request with this key is being received), -1 (the job is accepted already).
local job = ARGV[1]
local p = 'weft:{' .. job .. '}:'
local meta = p .. 'meta'
local state = redis.call('HGET', meta, 'state')
if state and state ~= 'receiving' then return -1 end
local holder = redis.call('GET', p .. 'receiving')
if holder and holder ~= ARGV[2] then return 0 end
redis.call('SET', p .. 'receiving', ARGV[2], 'EX', ARGV[3])
redis.call('DEL', p .. 'todo', meta)
local now = stamp(seconds())
redis.call('HSET', meta, 'state', 'receiving', 'receipt', ARGV[2], 'created', now, 'total', 0, 'ok', 0, 'failed', 0,
  'dups', 0, 'cached', 0, unpack(ARGV, 4))
redis.call('ZADD', 'weft:receiving', now, job)
return 1
