-- Prepended to every script, behind `STATES` (shared/jobs/states.py). A state that only a later version knows is neither
-- claimable nor terminal: its chunks wait, and people can cancel it.
local function is_active(state) return STATES[state] ~= nil and STATES[state].claimable end
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
  redis.call('HDEL', meta, 'first')
  redis.call('SREM', 'weft:active', job)
  redis.call('ZADD', 'weft:ended', now, job)
  redis.call('HINCRBY', 'weft:stats', 'jobs:' .. state, 1)
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
local function milliseconds(s) return math.floor(s * 1000) end

-- Key builders, as in keys.py.
local function job_key(job, part) return 'weft:{' .. job .. '}:' .. part end
local function ready_key(identity, lane) return 'weft:ready:' .. identity .. ':' .. lane end
local function rota_key(identity, lane, priority)
  local name = 'weft:rota:' .. identity .. ':' .. lane
  if priority == 'high' or priority == 'low' then return name .. ':' .. priority end
  return name
end
local function turn_key(identity, lane) return 'weft:turn:' .. identity .. ':' .. lane end
local PRIORITIES = {'high', 'normal', 'low'}
local function off_the_rota(identity, lane, job)
  local removed = 0
  for _, priority in ipairs(PRIORITIES) do
    removed = removed + redis.call('LREM', rota_key(identity, lane, priority), 0, job)
  end
  return removed
end
-- When a person moved the job to the front of its priority; 0 of all others.
local function moved_first(job) return tonumber(redis.call('HGET', job_key(job, 'meta'), 'first') or '0') end
-- Puts a job on its rota, which is served from the right: there stand those that were moved to the front, the last one
-- outermost, and `soon` puts a job just behind them. All others begin at the left.
local function enrol(identity, lane, job, soon)
  local rota = rota_key(identity, lane, redis.call('HGET', job_key(job, 'meta'), 'priority'))
  -- It begins with a whole turn.
  redis.call('HDEL', job_key(job, 'meta'), 'turn')
  local own, pivot, position = moved_first(job), nil, -1
  if own == 0 and not soon then return redis.call('LPUSH', rota, job) end
  while true do
    local other = redis.call('LINDEX', rota, position)
    local at = other and moved_first(other) or 0
    if at <= own then break end
    pivot, position = other, position - 1
  end
  if pivot then redis.call('LINSERT', rota, 'BEFORE', pivot, job) else redis.call('RPUSH', rota, job) end
end
local function held_key(worker) return 'weft:held:' .. worker end

-- An entry of a ready list; `ms` is the time of admission.
local function ready_entry(job, chunk, ms) return job .. ' ' .. chunk .. ' ' .. ms end

-- Whether `token` is the chunk's current fencing token and its lease is recorded (it may have expired).
local function holds_lease(job, chunk, token)
  return redis.call('HGET', job_key(job, 'tok'), chunk) == token and redis.call('ZSCORE', job_key(job, 'lease'), chunk)
end

-- Removes a chunk's lease and everything recorded about its holder.
local function drop_lease(job, chunk)
  local owner = redis.call('HGET', job_key(job, 'owner'), chunk)
  redis.call('ZREM', job_key(job, 'lease'), chunk)
  redis.call('HDEL', job_key(job, 'owner'), chunk)
  redis.call('HDEL', job_key(job, 'hold'), chunk)
  if owner then redis.call('SREM', held_key(owner), job .. ' ' .. chunk) end
end

-- Size of a collection. A damaged key of one job counts as empty, so that it does not block other jobs.
local function size(command, key)
  local n = redis.pcall(command, key)
  return type(n) == 'number' and n or 0
end
-- Photos of a turn: as many as the largest chunk has (CHUNK_ITEMS).
local TURN = 64
-- Photos of a chunk, at most a turn's: of one that is tried again, only the first and the last index are looked at.
local function photos_of(job, chunk)
  local head = redis.pcall('GETRANGE', job_key(job, 'in:' .. chunk), 0, 7)
  if type(head) ~= 'string' or #head < 8 then return TURN end
  local first, last = struct.unpack('>I4I4', head)
  return math.max(1, math.min(TURN, last - first + 1))
end
-- Photos of the chunks of a job that workers hold.
local function held_photos(job)
  local chunks, total = redis.pcall('ZRANGE', job_key(job, 'lease'), 0, -1), 0
  for _, chunk in ipairs(chunks.err and {} or chunks) do total = total + photos_of(job, chunk) end
  return total
end
-- Inserts a chunk into a ready list, fairly between jobs: it precedes every chunk of another job up to whose end that job would
-- have more photos ready or leased than this one has up to its own end (weighted fair queueing), so that a later job waits only
-- for chunks in progress, not for the whole backlog.
local function insert_ready(ready, job, chunk, ms)
  local before = {}
  local function ahead(other)
    before[other] = before[other] or held_photos(other)
    return before[other]
  end
  local entries = redis.call('LRANGE', ready, 0, -1)
  local own = ahead(job) + photos_of(job, chunk)
  for _, entry in ipairs(entries) do
    local other, c = string.match(entry, '^(%S+) (%S+)')
    if other == job then own = own + photos_of(job, c) end
  end
  for _, entry in ipairs(entries) do
    local other, c = string.match(entry, '^(%S+) (%S+)')
    if other ~= job then
      before[other] = ahead(other) + photos_of(other, c)
      if before[other] > own then
        redis.call('LINSERT', ready, 'BEFORE', entry, ready_entry(job, chunk, ms))
        return
      end
    end
  end
  redis.call('RPUSH', ready, ready_entry(job, chunk, ms))
end
-- Priorities in the order in which they are asked for the next chunk. Of 20 turns, jobs of low priority have 1 and those of
-- normal priority 4 for certain; the others are had by the highest priority that has chunks left.
local function priorities(identity, lane)
  local waiting = {}
  for _, priority in ipairs(PRIORITIES) do
    if redis.call('EXISTS', rota_key(identity, lane, priority)) == 1 then waiting[#waiting + 1] = priority end
  end
  if #waiting < 2 then
    redis.call('DEL', turn_key(identity, lane))
    return waiting
  end
  local turn = redis.call('INCR', turn_key(identity, lane)) % 20
  redis.call('EXPIRE', turn_key(identity, lane), 3600)
  local first = turn == 19 and 'low' or turn % 5 == 0 and 'normal' or 'high'
  table.sort(waiting, function(a, b)
    if a == first or b == first then return a == first and b ~= first end
    return (a == 'high' or b == 'low') and a ~= b
  end)
  return waiting
end
-- Ends a job's turn: it goes to the back of its rota, behind the other jobs of its owner, which go there with it: owners take
-- turns, and the jobs of each. A job of nobody is its own owner; those that were moved to the front stay there.
local function pass_on(rota, job)
  local owner = redis.call('HGET', job_key(job, 'meta'), 'owner')
  local own = {job}
  for _, other in ipairs(owner and redis.call('LRANGE', rota, 0, -1) or {}) do
    if other ~= job and redis.call('HGET', job_key(other, 'meta'), 'owner') == owner and moved_first(other) == 0 then
      own[#own + 1] = other
    end
  end
  -- From the last to the first, so that each stands before those behind it, and the job before all.
  for at = #own, 1, -1 do
    redis.call('LREM', rota, 0, own[at])
    redis.call('LPUSH', rota, own[at])
  end
end
-- Admits one chunk of the next job on one rota; returns 1, or 0 if no job on it has one. A turn is as many photos as the
-- largest chunk has, so that jobs with small chunks get as many photos as those with large ones. A job that was moved to the
-- front stays there: it has all turns while it has chunks.
local function admit_from(identity, lane, priority, ms)
  local rota = rota_key(identity, lane, priority)
  for _ = 1, 2 * redis.call('LLEN', rota) do
    local job = redis.call('LINDEX', rota, -1)
    if not job then return 0 end
    local meta, todo = job_key(job, 'meta'), job_key(job, 'todo')
    local chunk = is_active(redis.call('HGET', meta, 'state')) and redis.pcall('LINDEX', todo, 0)
    if type(chunk) ~= 'string' then
      redis.call('LREM', rota, 0, job)
    else
      local photos, used = photos_of(job, chunk), tonumber(redis.call('HGET', meta, 'turn') or '0')
      if used > 0 and used + photos > TURN and moved_first(job) == 0 then
        redis.call('HDEL', meta, 'turn')
        pass_on(rota, job)
      else
        redis.call('LPOP', todo)
        insert_ready(ready_key(identity, lane), job, chunk, ms)
        if used + photos >= TURN then
          redis.call('HDEL', meta, 'turn')
          if moved_first(job) == 0 then pass_on(rota, job) end
        else
          redis.call('HSET', meta, 'turn', used + photos)
        end
        return 1
      end
    end
  end
  return 0
end
-- Admits one chunk of the next job whose turn it is; returns 1, or 0 if no job has one.
local function admit_next(identity, lane, ms)
  for _, priority in ipairs(priorities(identity, lane)) do
    if admit_from(identity, lane, priority, ms) == 1 then return 1 end
  end
  redis.call('DEL', turn_key(identity, lane))
  return 0
end
