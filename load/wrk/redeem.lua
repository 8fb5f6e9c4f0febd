-- Codes PREFIX-000000001, … of a bearer book, each once. Arguments: prefix, token, the first number.
local n = 0
function init(args)
  prefix, token, n = args[1], args[2], tonumber(args[3])
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. token
end
function request()
  n = n + 1
  local path = string.format("/api/v1/coupons/%s-%09d/redeem", prefix, n)
  return wrk.format("POST", path, nil, '{"userId":"u-' .. n .. '"}')
end
