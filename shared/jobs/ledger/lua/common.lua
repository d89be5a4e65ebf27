-- Prepended to every script, behind `STATES` (shared/jobs/states.py). A state that only a later version knows is neither
-- claimable nor terminal: its chunks wait, and people can cancel it.
local function moves(state) return STATES[state] ~= nil and STATES[state].claimable end
local function is_terminal(state) return STATES[state] ~= nil and STATES[state].terminal end
local function takes_outcomes(state) return STATES[state] == nil or STATES[state].takes_outcomes end
-- The state that a verb leads to, 'same' or 'moving'; nil where it is refused.
local function target(state, verb)
  if STATES[state] == nil then return verb == 'cancel' and 'cancelled' or 'same' end
  return STATES[state].verbs[verb]
end
-- The job's projection has to be written again: it leaves this set once it has caught up. A single classified
-- photo has no projection.
local function changed(meta, job)
  if redis.call('HGET', meta, 'kind') ~= 'classify' then redis.call('SADD', 'weft:unprojected', job) end
end
local function ended(meta, job, state, now)
  redis.call('HSET', meta, 'state', state, 'finished', now)
  redis.call('SREM', 'weft:active', job)
  redis.call('ZADD', 'weft:ended', now, job)
  changed(meta, job)
end
-- Call when counters changed. Ends the job once every listed item has exactly one outcome.
local function finish_if_done(meta, job, now)
  local m = redis.call('HMGET', meta, 'state', 'total', 'listed', 'ok', 'failed')
  if not is_terminal(m[1]) and m[3] == '1' and tonumber(m[4]) + tonumber(m[5]) == tonumber(m[2]) then
    ended(meta, job, 'finished', now)
  end
end
local function seconds()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end
local function stamp(s) return string.format('%.3f', s) end

-- A damaged key of one job counts as empty: it must not hold up the jobs that stand in the same line.
local function size(command, key)
  local n = redis.pcall(command, key)
  return type(n) == 'number' and n or 0
end
-- Adds a chunk to the ready list. The order is fair between jobs: a job's n-th chunk that waits or runs stands before the
-- (n+1)-th of every other job, so that a job which comes later waits for what is in hand, not for what is lined up.
local function line_up(ready, job, c, ms)
  local counts = {}
  local function running(other)
    counts[other] = counts[other] or size('ZCARD', 'weft:{' .. other .. '}:lease')
    return counts[other]
  end
  local entries = redis.call('LRANGE', ready, 0, -1)
  local own = running(job) + 1
  for _, entry in ipairs(entries) do
    if string.match(entry, '^%S+') == job then own = own + 1 end
  end
  for _, entry in ipairs(entries) do
    local other = string.match(entry, '^%S+')
    counts[other] = running(other) + 1
    if other ~= job and counts[other] > own then
      redis.call('LINSERT', ready, 'BEFORE', entry, job .. ' ' .. c .. ' ' .. ms)
      return
    end
  end
  redis.call('RPUSH', ready, job .. ' ' .. c .. ' ' .. ms)
end
-- Moves one chunk of the job whose turn it is to the ready list; returns 1, or 0 where no job on the rota has one.
local function admit_next(identity, lane, ms)
  local rota = 'weft:rota:' .. identity .. ':' .. lane
  for _ = 1, redis.call('LLEN', rota) do
    local job = redis.call('RPOPLPUSH', rota, rota)
    local p = 'weft:{' .. job .. '}:'
    if moves(redis.call('HGET', p .. 'meta', 'state')) then
      local c = redis.pcall('LPOP', p .. 'todo')
      if type(c) == 'string' then
        line_up('weft:ready:' .. identity .. ':' .. lane, job, c, ms)
        return 1
      end
    end
    redis.call('LREM', rota, 0, job)
  end
  return 0
end
