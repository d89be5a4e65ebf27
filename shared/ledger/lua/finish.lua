-- Shared: call when counters changed. Ends the job once every listed item has exactly one outcome.
local function finish_if_done(meta, job, now)
  local m = redis.call('HMGET', meta, 'state', 'total', 'listed', 'ok', 'failed')
  if m[1] ~= 'cancelled' and m[1] ~= 'finished' and m[3] == '1'
     and tonumber(m[4]) + tonumber(m[5]) == tonumber(m[2]) then
    redis.call('HSET', meta, 'state', 'finished', 'finished', now)
    redis.call('SREM', 'weft:active', job)
  end
end
local function seconds()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end
local function stamp(s) return string.format('%.3f', s) end
