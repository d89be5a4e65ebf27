-- Leases the oldest ready chunk. The entry leaves its list after the first writes: a full Redis refuses those, and then
-- nothing has changed.
-- KEYS: ready lists, in order of priority
-- ARGV: worker, lease seconds (float), engine and precision ('' = unknown), then jobs to skip (their folder is not readable on the worker)
-- Returns {job, chunk, token, attempt, blob, done bits, bank, preset, alone, path, request, trace, owner} or nil.
local worker, lease_seconds, engine, precision = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local now = seconds()
local skipped = {}
for i = 5, #ARGV do skipped[ARGV[i]] = true end
for _, list in ipairs(KEYS) do
  local position = 0
  while true do
    local entry = redis.call('LINDEX', list, position)
    if not entry then break end
    local job, c = string.match(entry, '^(%S+) (%S+)')
    local p = job_key(job, '')
    local meta = p .. 'meta'
    local m = redis.call('HMGET', meta, 'state', 'bank', 'preset', 'path', 'request', 'trace', 'owner', 'precision')
    if skipped[job] then
      position = position + 1
    elseif is_active(m[1]) then
      local blob = redis.call('GET', p .. 'in:' .. c)
      if not blob then
        redis.call('LREM', list, 1, entry)
      else
        local token = redis.call('HINCRBY', p .. 'tok', c, 1)
        local attempt = redis.call('HINCRBY', p .. 'att', c, 1)
        redis.call('LREM', list, 1, entry)
        -- An entry that came twice takes the chunk from its holder, of whom nothing may stay behind.
        drop_lease(job, c)
        redis.call('ZADD', p .. 'lease', stamp(now + lease_seconds), c)
        redis.call('HSET', p .. 'owner', c, worker)
        redis.call('SADD', held_key(worker), job .. ' ' .. c)
        if m[1] == 'queued' then redis.call('HSET', meta, 'state', 'running') end
        redis.call('HSETNX', meta, 'started', stamp(now))
        if engine ~= '' then redis.call('HSETNX', meta, 'engine', engine) end
        -- Workers of several precisions may share a job: it names each, in the order of their first claims.
        if precision ~= '' and not string.find(' + ' .. (m[8] or '') .. ' + ', ' + ' .. precision .. ' + ', 1, true) then
          redis.call('HSET', meta, 'precision', m[8] and (m[8] .. ' + ' .. precision) or precision)
        end
        local first, last = struct.unpack('>I4I4', blob)
        local bits = redis.call('GETRANGE', p .. 'done', math.floor(first / 8), math.floor(last / 8))
        return {job, c, token, attempt, blob, bits, m[2], m[3], redis.call('SISMEMBER', p .. 'alone', c),
                m[4] or '', m[5] or '', m[6] or '', m[7] or ''}
      end
    else
      -- An ended or removed job's chunk is of no use. In every other state, also one that only a later version knows, the
      -- chunk waits with its job.
      if m[1] and not is_terminal(m[1]) then redis.call('LPUSH', p .. 'todo', c) end
      redis.call('LREM', list, 1, entry)
    end
  end
end
return false
