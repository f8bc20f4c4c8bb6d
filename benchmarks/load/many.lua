-- The same request with one of many cookies, a different one each time: a file with a cookie a line.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(folder .. "report.lua")

local requests, at = {}, 0

function init(args)
  for cookie in io.lines(args[1]) do
    wrk.headers["Cookie"] = cookie
    requests[#requests + 1] = wrk.format()
  end
end

-- A step that shares no divisor with the number of cookies comes by all of them.
function request()
  at = (at + 7919) % #requests
  return requests[at + 1]
end
