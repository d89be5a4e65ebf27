-- Sets or removes what people wish of a job that has not ended.
-- KEYS: none
-- ARGV: job, then pairs: name, value ('' = remove)
-- Returns the state, where nothing is done if that is terminal; or nil: no such job.
local job = ARGV[1]
local meta = job_key(job, 'meta')
local state = redis.call('HGET', meta, 'state')
if not state or state == 'receiving' then return false end
if is_terminal(state) then return state end
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', meta, ARGV[i]) else redis.call('HSET', meta, ARGV[i], ARGV[i + 1]) end
end
redis.call('PUBLISH', 'weft:news', job)
return state
