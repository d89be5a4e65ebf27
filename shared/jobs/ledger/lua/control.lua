-- cancel, pause, resume, start (a scheduled job whose time has come), open and close (at the ends of its window): what each
-- does in which state is in `STATES`.
-- KEYS: none
-- ARGV: job, verb
-- Returns the state before, or nil: no such job.
local job, verb = ARGV[1], ARGV[2]
local p = job_key(job, '')
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'listed', 'started')
local state = m[1]
if not state or state == 'receiving' then return false end
local to = target(state, verb)
-- A job that a person lets run outside its hours does so until they begin.
if verb == 'open' then redis.call('HDEL', meta, 'anyway') end
if verb == 'resume' and target(state, 'open') == 'moving' then redis.call('HSET', meta, 'anyway', 1) end
if to == nil or to == 'same' then return state end
if to == 'moving' then
  if m[2] ~= '1' then to = 'listing' else to = m[3] and 'running' or 'queued' end
end
if is_terminal(to) then
  ended(meta, job, to, stamp(seconds()))
  redis.call('DEL', p .. 'todo', p .. 'lease')
else
  redis.call('HSET', meta, 'state', to)
end
if verb == 'resume' or verb == 'open' then
  -- The pause does not count as slowness: speed is measured from here on.
  local done = redis.call('HMGET', meta, 'ok', 'failed', 'cached')
  redis.call('HSET', meta, 'anchor', stamp(seconds()) .. ' ' .. (done[1] + done[2]) .. ' ' .. done[3])
  redis.call('DEL', p .. 'pace')
end
return state
