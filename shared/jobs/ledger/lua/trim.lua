-- Lets go what the projection of a finished job holds: its commits, and the photos of chunks of which none failed. What a
-- retry needs stays. The log keeps its length, with blank entries: its positions are numbers of vectors and of projected
-- entries, also for earlier versions.
-- KEYS: none
-- ARGV: job, log entries (int: only where the log has this length)
-- Returns 1, or 0: it has not finished, or there is more to project.
local job, entries = ARGV[1], tonumber(ARGV[2])
local p = job_key(job, '')
local meta = p .. 'meta'
local m = redis.call('HMGET', meta, 'state', 'next_chunk')
if m[1] ~= 'finished' or redis.call('LLEN', p .. 'log') ~= entries then return 0 end
local kept = {}
for _, chunk in ipairs(redis.call('HVALS', p .. 'failed')) do kept[chunk] = true end
for c = 0, tonumber(m[2] or 0) - 1 do
  if not kept[tostring(c)] then redis.call('UNLINK', p .. 'in:' .. c) end
end
for _, part in ipairs({'log', 'tok', 'att', 'pace', 'course', 'estimate', 'said'}) do redis.call('UNLINK', p .. part) end
local blanks = {}
for _ = 1, math.min(entries, 1000) do blanks[#blanks + 1] = '' end
for first = 1, entries, 1000 do
  redis.call('RPUSH', p .. 'log', unpack(blanks, 1, math.min(1000, entries - first + 1)))
end
redis.call('HSET', meta, 'trimmed', entries)
return 1
