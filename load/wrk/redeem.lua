-- Redeems codes of a bearer book.
-- Arguments: token, prefix of the codes, number of the first, how many there are, how many were used before, tag of the users.
-- The codes are those of load/bench/codes.ts, and are gone through in an order that is not the one they came in: by a
-- step that has no divisor in common with their number. After the last comes the first again, with the same user.
package.path = "./?.lua;" .. package.path
local measure = require("measure")
local SPACE, FACTOR, STEP = 268435456, 165901211, 999983
local first, count, start, middle
local at = 0

function init(args)
  first, count = tonumber(args[3]), tonumber(args[4])
  at = tonumber(args[5]) * STEP % count
  start = "POST /api/v1/coupons/" .. args[2] .. "-"
  local user = '{"userId":"user-' .. args[6] .. '-'
  middle = "/redeem" .. measure.head(args[1]) .. (#user + 8 + #'"}') .. "\r\n\r\n" .. user
end

function request()
  local index = first + at
  at = (at + STEP) % count
  return start .. string.format("%07X", index * FACTOR % SPACE) .. middle .. string.format('%08d"}', index)
end

done = measure.report
