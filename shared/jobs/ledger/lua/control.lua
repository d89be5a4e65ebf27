-- cancel, pause, resume, start (a scheduled job whose time has come). ARGV: job, verb. Returns the state before, or nil.
local job, verb = ARGV[1], ARGV[2]
local p = job_key(job, '')
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'listed', 'started')
local state = m[1]
if not state or state == 'receiving' then return false end
local waiting = state == 'queued' or state == 'running' or state == 'listing'
local function moving()
  if m[2] ~= '1' then return 'listing' end
  return m[3] and 'running' or 'queued'
end
-- Also from a state that only a later version knows: whatever a job is in, people can end it.
if verb == 'cancel' and state ~= 'finished' and state ~= 'cancelled' then
  ended(meta, job, 'cancelled', stamp(seconds()))
  redis.call('DEL', p .. 'todo', p .. 'lease')
elseif verb == 'pause' and waiting then
  redis.call('HSET', meta, 'state', 'paused')
elseif verb == 'resume' and state == 'paused' then
  redis.call('HSET', meta, 'state', moving())
  -- The pause does not count as slowness: speed is measured from here on.
  local done = redis.call('HMGET', meta, 'ok', 'failed', 'cached')
  redis.call('HSET', meta, 'anchor', stamp(seconds()) .. ' ' .. (done[1] + done[2]) .. ' ' .. done[3])
  redis.call('DEL', p .. 'pace')
elseif verb == 'start' and state == 'scheduled' then
  redis.call('HSET', meta, 'state', moving())
end
return state
