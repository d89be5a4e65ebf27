-- Puts active jobs with unadmitted chunks on the rota, also without free capacity, and then admits chunks round-robin up to
-- the target. Between two calls, every chunk that ends admits its successor (see commit.lua).
-- KEYS: none
-- ARGV: identity, lane, target (int: chunks ready or leased), then per active job of the lane: job
-- Returns the number of chunks admitted.
local identity, lane, target_size = ARGV[1], ARGV[2], tonumber(ARGV[3])
local enrolled = {}
for _, priority in ipairs(PRIORITIES) do
  for _, job in ipairs(redis.call('LRANGE', rota_key(identity, lane, priority), 0, -1)) do enrolled[job] = true end
end
local room = target_size - redis.call('LLEN', ready_key(identity, lane))
for i = 4, #ARGV do
  local job = ARGV[i]
  room = room - size('ZCARD', job_key(job, 'lease'))
  if not enrolled[job] and size('LLEN', job_key(job, 'todo')) > 0
     and is_active(redis.call('HGET', job_key(job, 'meta'), 'state')) then
    enrol(identity, lane, job)
  end
end
local ms = milliseconds(seconds())
local admitted = 0
while admitted < room and admit_next(identity, lane, ms) == 1 do admitted = admitted + 1 end
return admitted
