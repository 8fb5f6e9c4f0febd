-- A new user with every request. Arguments: book, token, a stamp that no other run has.
local n = 0
function init(args)
  book, token, stamp = args[1], args[2], args[3]
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. token
end
function request()
  n = n + 1
  local body = '{"couponBookId":"' .. book .. '","userId":"u-' .. stamp .. "-" .. n .. '"}'
  return wrk.format("POST", "/api/v1/coupons/assign", nil, body)
end
