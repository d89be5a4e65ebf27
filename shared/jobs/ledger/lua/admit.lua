-- Puts every job given that moves and has chunks left on the rota, whether or not there is room, and then fills the ready
-- list in turns until so many chunks wait or run. Workers replace what they end (see commit), in the same turns.
-- ARGV: identity, lane, chunks that may wait or run, jobs. Returns how many chunks were moved.
local identity, lane = ARGV[1], ARGV[2]
local rota = 'weft:rota:' .. identity .. ':' .. lane
local enrolled = {}
for _, job in ipairs(redis.call('LRANGE', rota, 0, -1)) do enrolled[job] = true end
local room = tonumber(ARGV[3]) - redis.call('LLEN', 'weft:ready:' .. identity .. ':' .. lane)
for i = 4, #ARGV do
  local job = ARGV[i]
  local p = 'weft:{' .. job .. '}:'
  room = room - size('ZCARD', p .. 'lease')
  if not enrolled[job] and size('LLEN', p .. 'todo') > 0 and moves(redis.call('HGET', p .. 'meta', 'state')) then
    redis.call('LPUSH', rota, job)
  end
end
local ms = math.floor(seconds() * 1000)
local moved = 0
while moved < room and admit_next(identity, lane, ms) == 1 do moved = moved + 1 end
return moved
