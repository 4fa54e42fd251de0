-- The script of wrk: whole requests, drawn at random from a file that separates them by NUL bytes.
-- Nine # in a request are replaced by a number that is never used again.
--
-- wrk ... -s wrk.lua URL -- FILE FIRST_NUMBER

local requests = {}
local number

function init(args)
   local file = assert(io.open(args[1], "rb"))
   for text in file:read("*a"):gmatch("%Z+") do
      local before, after = text:match("^(.-)#########(.*)$")
      requests[#requests + 1] = before and {before, after} or {text}
   end
   file:close()
   number = tonumber(args[2])
   math.randomseed(number)
end

function request()
   local parts = requests[math.random(#requests)]
   if not parts[2] then
      return parts[1]
   end
   number = number + 1
   local digits = string.format("%09d", number)
   return parts[1] .. digits .. parts[2]:gsub("#########", digits)
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
   io.write(string.format('{"requests": %d, "microseconds": %d, "failed": %d}\n',
      summary.requests, summary.duration, failed))
end
