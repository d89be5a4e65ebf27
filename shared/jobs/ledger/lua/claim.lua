-- Takes the oldest ready chunk and leases it. KEYS: ready lists, first wins.
-- ARGV: worker, lease seconds, engine ('' = unknown), then ids of jobs to pass over (their folder cannot be read where the worker runs).
-- Returns {job, chunk, token, attempt, blob, done bits, bank, preset, alone, path} or nil.
-- An entry leaves its list last: a full Redis refuses the first write that needs room, and then nothing has changed.
local now = seconds()
local skipped = {}
for i = 4, #ARGV do skipped[ARGV[i]] = true end
for _, list in ipairs(KEYS) do
  local position = 0
  while true do
    local entry = redis.call('LINDEX', list, position)
    if not entry then break end
    local job, c = string.match(entry, '^(%S+) (%S+)')
    local p = 'weft:{' .. job .. '}:'
    local meta = p .. 'meta'
    local m = redis.call('HMGET', meta, 'state', 'bank', 'preset', 'path')
    if skipped[job] then
      position = position + 1
    elseif moves(m[1]) then
      local blob = redis.call('GET', p .. 'in:' .. c)
      if not blob then
        redis.call('LREM', list, 1, entry)
      else
        local token = redis.call('HINCRBY', p .. 'tok', c, 1)
        local attempt = redis.call('HINCRBY', p .. 'att', c, 1)
        redis.call('LREM', list, 1, entry)
        redis.call('ZADD', p .. 'lease', stamp(now + tonumber(ARGV[2])), c)
        redis.call('HSET', p .. 'owner', c, ARGV[1])
        redis.call('SADD', 'weft:held:' .. ARGV[1], job .. ' ' .. c)
        if m[1] == 'queued' then redis.call('HSET', meta, 'state', 'running') end
        redis.call('HSETNX', meta, 'started', stamp(now))
        if ARGV[3] ~= '' then redis.call('HSETNX', meta, 'engine', ARGV[3]) end
        local first, last = struct.unpack('>I4I4', blob)
        local bits = redis.call('GETRANGE', p .. 'done', math.floor(first / 8), math.floor(last / 8))
        return {job, c, token, attempt, blob, bits, m[2], m[3], redis.call('SISMEMBER', p .. 'alone', c),
                m[4] or ''}
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
