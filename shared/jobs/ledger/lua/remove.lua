-- Removes every key and reference of a job atomically: a reader never sees a job without its log.
-- KEYS: none
-- ARGV: job, log entries (int: only an ended job whose log has this length; '' = unconditionally), released (0/1: its
-- Idempotency-Key keeps referring to it until it expires)
-- Returns 1, or 0: not removed.
local job = ARGV[1]
local p = job_key(job, '')
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'next_chunk', 'identity', 'lane', 'idempotency')
local entries = redis.call('LLEN', p .. 'log')
if ARGV[2] ~= '' then
  if not is_terminal(m[1]) or entries ~= tonumber(ARGV[2]) then return 0 end
end
if m[5] then
  local name = 'weft:idem:' .. m[5]
  local held = redis.call('GET', name)
  if held and string.find(held, job, 1, true) then
    -- A full Redis may refuse to write; releasing jobs is what makes room again.
    if ARGV[3] == '1' then redis.pcall('SET', name, string.gsub(held, '}$', ', "released": true}'), 'KEEPTTL')
    else redis.call('DEL', name) end
  end
end
local owners = redis.call('HGETALL', p .. 'owner')
for i = 1, #owners, 2 do redis.call('SREM', held_key(owners[i + 1]), job .. ' ' .. owners[i]) end
if m[3] then
  local ready = ready_key(m[3], m[4])
  for _, entry in ipairs(redis.call('LRANGE', ready, 0, -1)) do
    if string.match(entry, '^%S+') == job then redis.call('LREM', ready, 0, entry) end
  end
  off_the_rota(m[3], m[4], job)
end
for c = 0, tonumber(m[2] or 0) - 1 do redis.call('UNLINK', p .. 'in:' .. c) end
for n = 0, entries - 1 do redis.call('UNLINK', p .. 'vec:' .. n) end
for _, part in ipairs({'meta', 'todo', 'log', 'lease', 'tok', 'att', 'owner', 'hold', 'alone', 'gen', 'failed', 'done', 'pace',
    'receiving', 'sent', 'course', 'estimate', 'said'}) do
  redis.call('UNLINK', p .. part)
end
for _, record in ipairs({'jobs', 'brief', 'receiving', 'ended'}) do redis.call('ZREM', 'weft:' .. record, job) end
redis.call('SREM', 'weft:active', job)
redis.call('SREM', 'weft:unprojected', job)
return 1
