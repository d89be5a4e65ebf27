-- Appends one listed chunk, or ends the listing. Item indexes must continue the list: a call whose reply was lost may be
-- repeated, and a lister that has been replaced is stopped, also where it has just as many items of other files.
-- KEYS: none
-- ARGV: job, blob ('' = none), count (int), cursor (path), last (0/1), note (code, '' = none),
--       left_out (JSON: what was left out up to the cursor, '' = unchanged)
-- Returns 1, or 0: stop listing.
local job = ARGV[1]
local p = job_key(job, '')
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'listed', 'total', 'started', 'cursor')
if not m[1] or is_terminal(m[1]) or m[2] == '1' then return 0 end
if ARGV[2] ~= '' then
  local first, last = struct.unpack('>I4I4', ARGV[2])
  if last + 1 == tonumber(m[3]) then return m[5] == ARGV[4] and 1 or 0 end
  if first ~= tonumber(m[3]) then return 0 end
  local c = redis.call('HINCRBY', meta, 'next_chunk', 1) - 1
  redis.call('SET', p .. 'in:' .. c, ARGV[2])
  if redis.call('RPUSH', p .. 'todo', c) == 1 then redis.call('PUBLISH', 'weft:news', job) end
  redis.call('HINCRBY', meta, 'total', ARGV[3])
  redis.call('HSET', meta, 'cursor', ARGV[4])
end
if ARGV[7] ~= '' then redis.call('HSET', meta, 'left_out', ARGV[7]) end
if ARGV[5] == '1' then
  redis.call('HSET', meta, 'listed', '1')
  if ARGV[6] ~= '' then redis.call('HSET', meta, 'note', ARGV[6]) end
  if m[1] == 'listing' then redis.call('HSET', meta, 'state', m[4] and 'running' or 'queued') end
  finish_if_done(meta, job, stamp(seconds()))
  redis.call('PUBLISH', 'weft:news', job)
end
return 1
