-- The only place where an outcome counts. First result of an item's current generation wins; a failure counts only from
-- the chunk's present holder. The accepted part is one entry of the job's log; `vec` waits for the projection.
-- ARGV: job, chunk, token, final(0/1), results blob, vectors blob, count, then per item: index, generation, ok, cached
-- Returns {accepted, duplicates, still mine}.
--
-- A chunk that ends makes room for the next: jobs with chunks left take turns (`rota`), so that work goes on without
-- waiting for the dispatcher, and a night's job cannot keep a later one out.
local job, c, token = ARGV[1], ARGV[2], ARGV[3]
local p = 'weft:{' .. job .. '}:'
local meta = p .. 'meta'
local state = redis.call('HGET', meta, 'state')
local mine = redis.call('HGET', p .. 'tok', c) == token and redis.call('ZSCORE', p .. 'lease', c)
local ok, failed, cached, dups = 0, 0, 0, 0
local mask = {}
if state and takes_outcomes(state) then
  for i = 0, tonumber(ARGV[7]) - 1 do
    local a = 8 + i * 4
    local index = ARGV[a]
    local accepted = false
    if (redis.call('HGET', p .. 'gen', index) or '0') ~= ARGV[a + 1] then
      dups = dups + 1
    elseif ARGV[a + 2] == '1' or mine then
      if redis.call('SETBIT', p .. 'done', index, 1) == 0 then
        accepted = true
        if ARGV[a + 2] == '1' then ok = ok + 1 else
          failed = failed + 1
          redis.call('HSET', p .. 'failed', index, c)
        end
        if ARGV[a + 3] == '1' then cached = cached + 1 end
      else dups = dups + 1 end
    end
    mask[#mask + 1] = accepted and '1' or '0'
  end
end
if ok + failed > 0 then
  local n = redis.call('RPUSH', p .. 'log', c .. ' ' .. table.concat(mask) .. '\n' .. ARGV[5])
  if ARGV[6] ~= '' then redis.call('SET', p .. 'vec:' .. (n - 1), ARGV[6]) end
  changed(meta, job)
  redis.call('HINCRBY', meta, 'ok', ok)
  redis.call('HINCRBY', meta, 'failed', failed)
  redis.call('HINCRBY', meta, 'cached', cached)
  redis.call('HINCRBY', 'weft:stats', 'photos_ok', ok)
  redis.call('HINCRBY', 'weft:stats', 'photos_failed', failed)
  redis.call('HINCRBY', 'weft:stats', 'cached', cached)
end
if dups > 0 then redis.call('HINCRBY', meta, 'dups', dups) end
if mine and ARGV[4] == '1' then
  local owner = redis.call('HGET', p .. 'owner', c)
  redis.call('ZREM', p .. 'lease', c)
  redis.call('HDEL', p .. 'owner', c)
  redis.call('HDEL', p .. 'hold', c)
  if owner then redis.call('SREM', 'weft:held:' .. owner, job .. ' ' .. c) end
  local m = redis.call('HMGET', meta, 'identity', 'lane')
  if m[1] then admit_next(m[1], m[2], math.floor(seconds() * 1000)) end
end
if ok + failed > 0 then
  local now = seconds()
  -- one sample a second, a minute of them: what rate and ETA are made of
  local last = redis.call('LINDEX', p .. 'pace', -1)
  local done = redis.call('HMGET', meta, 'ok', 'failed', 'cached')
  if not last or now - tonumber(string.match(last, '^%S+')) >= 1 then
    redis.call('RPUSH', p .. 'pace', stamp(now) .. ' ' .. (done[1] + done[2]) .. ' ' .. done[3])
    redis.call('LTRIM', p .. 'pace', -60, -1)
  end
  finish_if_done(meta, job, stamp(now))
end
return {ok + failed, dups, mine and 1 or 0}
