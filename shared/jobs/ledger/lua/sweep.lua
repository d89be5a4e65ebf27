-- Handles expired leases of a job. A chunk that only needs another attempt returns to the front of the ready list; one with
-- items in progress, or without attempts left, is reported for the dispatcher to split.
-- KEYS: none
-- ARGV: job, ready list (key), attempts allowed (int)
-- Returns {requeued, then per reported chunk: chunk, token, attempts, item indexes in progress}
local job, ready, allowed = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = seconds()
local reply = {0}
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', job_key(job, 'lease'), '-inf', stamp(now), 'LIMIT', 0, 64)) do
  local attempts = tonumber(redis.call('HGET', job_key(job, 'att'), chunk) or '0')
  local in_progress = redis.call('HGET', job_key(job, 'hold'), chunk)
  if attempts >= allowed or in_progress then
    reply[#reply + 1] = chunk
    reply[#reply + 1] = redis.call('HGET', job_key(job, 'tok'), chunk)
    reply[#reply + 1] = attempts
    reply[#reply + 1] = in_progress or ''
  else
    drop_lease(job, chunk)
    redis.call('HINCRBY', job_key(job, 'tok'), chunk, 1)
    redis.call('LPUSH', ready, ready_entry(job, chunk, milliseconds(now)))
    reply[1] = reply[1] + 1
  end
end
return reply
