-- Extends leases that are still the caller's, and notes what it holds in its hands.
-- ARGV: lease seconds, then per claim: job, chunk, token, held indexes ("" = none). Returns 1/0 per claim.
local deadline = stamp(seconds() + tonumber(ARGV[1]))
local kept = {}
for i = 2, #ARGV, 4 do
  local p = 'weft:{' .. ARGV[i] .. '}:'
  local c, token = ARGV[i + 1], ARGV[i + 2]
  local mine = redis.call('HGET', p .. 'tok', c) == token and redis.call('ZSCORE', p .. 'lease', c)
  if mine then
    redis.call('ZADD', p .. 'lease', 'XX', deadline, c)
    if ARGV[i + 3] ~= '' then redis.call('HSET', p .. 'hold', c, ARGV[i + 3]) end
  end
  kept[#kept + 1] = mine and 1 or 0
end
return kept
