-- Asks now and then: each connection waits between 20 and 60 milliseconds before it asks again.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(folder .. "report.lua")

function delay()
  return math.random(20, 60)
end
