-- Accepts outcomes; nothing else does. The first result of an item's current generation wins; a failure counts only from the
-- holder of the lease. Accepted outcomes become one entry of the job's log; `vec` is kept until it is projected.
-- A chunk that ends admits the next one of its lane, round-robin over the jobs on the rota, so that work continues without the
-- dispatcher and a large job cannot block a later one.
-- KEYS: none
-- ARGV: job, chunk, token (int), final (0/1), results blob, vectors blob, count (int), then per item: index (int), generation
-- (int), error code ('' = ok), cached (0/1)
-- Returns {accepted, duplicates, whether the caller held the lease}.
local job, c, token, final, results, vectors = unpack(ARGV, 1, 6)
local p = job_key(job, '')
local meta = p .. 'meta'
local state = redis.call('HGET', meta, 'state')
local mine = holds_lease(job, c, token)
local ok, failed, cached, dups = 0, 0, 0, 0
local mask = {}
if state and takes_outcomes(state) then
  for i = 0, tonumber(ARGV[7]) - 1 do
    local index, generation, code, from_cache = unpack(ARGV, 8 + i * 4, 11 + i * 4)
    local accepted = false
    if (redis.call('HGET', p .. 'gen', index) or '0') ~= generation then
      dups = dups + 1
    elseif code == '' or mine then
      if redis.call('SETBIT', p .. 'done', index, 1) == 0 then
        accepted = true
        if code == '' then ok = ok + 1 else
          failed = failed + 1
          redis.call('HINCRBY', 'weft:stats', 'failed:' .. code, 1)
          redis.call('HSET', p .. 'failed', index, c)
        end
        if from_cache == '1' then cached = cached + 1 end
      else dups = dups + 1 end
    end
    mask[#mask + 1] = accepted and '1' or '0'
  end
end
if ok + failed > 0 then
  local n = redis.call('RPUSH', p .. 'log', c .. ' ' .. table.concat(mask) .. '\n' .. results)
  if vectors ~= '' then redis.call('SET', p .. 'vec:' .. (n - 1), vectors) end
  changed(meta, job)
  redis.call('HINCRBY', meta, 'ok', ok)
  redis.call('HINCRBY', meta, 'failed', failed)
  redis.call('HINCRBY', meta, 'cached', cached)
  redis.call('HINCRBY', 'weft:stats', 'photos_ok', ok)
  redis.call('HINCRBY', 'weft:stats', 'photos_failed', failed)
  redis.call('HINCRBY', 'weft:stats', 'cached', cached)
end
if dups > 0 then redis.call('HINCRBY', meta, 'dups', dups) end
if mine and final == '1' then
  drop_lease(job, c)
  local identity, lane = unpack(redis.call('HMGET', meta, 'identity', 'lane'))
  if identity then admit_next(identity, lane, milliseconds(seconds())) end
end
if ok + failed > 0 then
  local now = seconds()
  -- One sample per second, for a minute: the basis of rate and ETA.
  local last = redis.call('LINDEX', p .. 'pace', -1)
  local done = redis.call('HMGET', meta, 'ok', 'failed', 'cached')
  if not last or now - tonumber(string.match(last, '^%S+')) >= 1 then
    redis.call('RPUSH', p .. 'pace', stamp(now) .. ' ' .. (done[1] + done[2]) .. ' ' .. done[3])
    redis.call('LTRIM', p .. 'pace', -60, -1)
  end
  finish_if_done(meta, job, stamp(now))
end
return {ok + failed, dups, mine and 1 or 0}
