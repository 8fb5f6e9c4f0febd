-- A new user for each request gets a code of a book.
-- Arguments: token, tag (makes the users of this run its own), block, a file with the id of a book per line.
-- Requests go through the books in turn, `block` of them to one book before the next one comes.
package.path = "./?.lua;" .. package.path
local measure = require("measure")
local books, count, block, start, stop = {}, 0, 1, "", ""
local n = 0

function init(args)
  for line in io.lines(args[4]) do
    count = count + 1
    books[count] = line
  end
  block = tonumber(args[3])
  stop = string.format('","userId":"user-%s-', args[2])
  local bytes = #('{"couponBookId":"' .. books[1] .. stop) + 8 + #'"}'
  start = "POST /api/v1/coupons/assign" .. measure.head(args[1]) .. bytes .. '\r\n\r\n{"couponBookId":"'
end

function request()
  local book = books[math.floor(n / block) % count + 1]
  n = n + 1
  return start .. book .. stop .. string.format('%08d"}', n)
end

done = measure.report
