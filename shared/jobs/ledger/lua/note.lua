-- Says on a job why it does not move, or takes that back; a job that was removed meanwhile does not come back by it.
-- ARGV: job, code ('' = none), JSON of the values that the code's sentence names
local meta = 'weft:{' .. ARGV[1] .. '}:meta'
if redis.call('EXISTS', meta) == 0 then return 0 end
if ARGV[2] == '' then
  redis.call('HDEL', meta, 'note', 'note_detail')
else
  redis.call('HSET', meta, 'note', ARGV[2], 'note_detail', ARGV[3])
end
return 1
