-- Posts a body again and again, with a number of its own in each.
-- Arguments: token, path, body (with 8 hash signs where the number goes), tag of the idempotency keys (`-`: none are sent).
package.path = "./?.lua;" .. package.path
local measure = require("measure")
local n = 0
local start, middle, stop, tag = "", "", "", nil

function init(args)
  local from, to = args[3]:find("########", 1, true)
  local before, after = args[3], ""
  if from ~= nil then before, after = args[3]:sub(1, from - 1), args[3]:sub(to + 1) end
  start = "POST " .. args[2] .. measure.head(args[1]) .. #args[3]
  middle, stop = "\r\n\r\n" .. before, after
  numbered = from ~= nil
  if args[4] ~= "-" then tag = "\r\nIdempotency-Key: " .. args[4] end
end

function request()
  n = n + 1
  local number = string.format("%08d", n)
  local head = tag == nil and start or (start .. tag .. number)
  if not numbered then return head .. middle end
  return head .. middle .. number .. stop
end

done = measure.report
