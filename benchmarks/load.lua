-- The load of wrk: whole requests, drawn at random from a file that separates them by NUL bytes.
-- A run of nine # in a request is replaced by a number that never comes twice.
--
-- wrk ... -s load.lua URL -- FILE FIRST_NUMBER SEED

local requests = {}
local number

function init(args)
   local file = assert(io.open(args[1], "rb"))
   for text in file:read("*a"):gmatch("%Z+") do
      local before, after = text:match("^(.-)#########(.*)$")
      requests[#requests + 1] = before and {before, after} or text
   end
   file:close()
   number = tonumber(args[2])
   math.randomseed(tonumber(args[3]))
end

function request()
   local drawn = requests[math.random(#requests)]
   if type(drawn) == "string" then
      return drawn
   end
   number = number + 1
   return drawn[1] .. string.format("%09d", number) .. drawn[2]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
   io.write(string.format('{"requests": %d, "microseconds": %d, "failed": %d, "p99_microseconds": %.1f}\n',
      summary.requests, summary.duration, failed, latency:percentile(99)))
end
