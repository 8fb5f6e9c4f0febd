-- Assigns a code, gives it back, and so on: a load that can go on for ever. When it ends, a code of each connection may still
-- be assigned.
-- Arguments: token, a file with the id of a book per line, what a refused client does (`wait`: comes back after the time
-- that it was told; `return`: comes back at once).
-- Half of the requests are assigns, through the books in turn; each code that one got is given back by a later request.
-- A request carries its number as X-Request-Id, and the answer brings it back: so the latencies of what was answered and of
-- what was refused are told apart, which wrk itself does not.
package.path = "./?.lua;" .. package.path
local measure = require("measure")
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } clipbook_time; int clock_gettime(int clock, clipbook_time *time);")
local CLOCK_MONOTONIC = 1
-- Requests under way at once are far fewer.
local SLOTS = 65536
local USERS = 1000
-- Buckets of a latency are 1 % wide.
local BUCKETS_PER_E = 100
local time = ffi.new("clipbook_time")

local books, count, assign, give = {}, 0, "", ""
local n = 0
-- Codes to give back, first in, first out.
local held, first, last = {}, 1, 0
-- By number of the request: when it went, and the code that it gives back, or false.
local began, giving = {}, {}
-- How long the next connection waits. Which one it is does not matter, since one is as good as the other.
local delays, nextDelay, lastDelay = {}, 1, 0
-- Read at the end, from outside of this thread.
answered, refused, untold, other = {}, {}, 0, 0

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function init(args)
  for line in io.lines(args[2]) do
    count = count + 1
    books[count] = line
  end
  local bytes = #('{"couponBookId":"' .. books[1] .. '","userId":"user-') + 4 + #'"}'
  assign = "POST /api/v1/coupons/assign" .. measure.head(args[1]) .. bytes .. "\r\nX-Request-Id: "
  give = "/unassign" .. measure.head(args[1]) .. "2\r\nX-Request-Id: "
  if args[3] == "wait" then
    delay = function()
      if nextDelay > lastDelay then return 0 end
      nextDelay = nextDelay + 1
      return delays[nextDelay - 1]
    end
  end
end

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.s) * 1e6 + tonumber(time.ns) / 1e3
end

function request()
  n = n + 1
  local slot = n % SLOTS
  began[slot] = now()
  if first <= last then
    local code = held[first]
    held[first] = nil
    first = first + 1
    giving[slot] = code
    return "POST /api/v1/coupons/" .. code .. give .. string.format("%09d", n) .. "\r\n\r\n{}"
  end
  giving[slot] = false
  return assign .. string.format("%09d", n) .. '\r\n\r\n{"couponBookId":"' .. books[n % count + 1] ..
    string.format('","userId":"user-%04d"}', n % USERS)
end

local function hold(code)
  last = last + 1
  held[last] = code
end

local function record(latencies, slot)
  local bucket = math.floor(math.log(math.max(1, now() - began[slot])) * BUCKETS_PER_E)
  latencies[bucket] = (latencies[bucket] or 0) + 1
end

function response(status, headers, body)
  local slot = tonumber(headers["X-Request-Id"]) % SLOTS
  local code = giving[slot]
  local wait = 0
  if status == 200 then
    record(answered, slot)
    if not code then hold(string.match(body, '"code":"([^"]+)"')) end
  else
    if code then hold(code) end
    local told = headers["Retry-After"]
    if status == 503 then
      record(refused, slot)
      if told == nil then untold = untold + 1 end
    else
      other = other + 1
    end
    -- As told and up to a quarter more, as a good client does, so that they don't come back all at once.
    wait = (tonumber(told) or 1) * (1000 + math.random(0, 250))
  end
  if delay then
    lastDelay = lastDelay + 1
    delays[lastDelay] = wait
    delays[nextDelay - 1] = nil
  end
end

local function merged(name)
  local sum = {}
  for _, thread in ipairs(threads) do
    for bucket, count in pairs(thread:get(name)) do sum[bucket] = (sum[bucket] or 0) + count end
  end
  return sum
end

-- Count, p50 and p99 in microseconds; 0 where there is none.
local function split(latencies)
  local buckets, total = {}, 0
  for bucket, count in pairs(latencies) do
    buckets[#buckets + 1] = bucket
    total = total + count
  end
  table.sort(buckets)
  local function quantile(share)
    local seen = 0
    for _, bucket in ipairs(buckets) do
      seen = seen + latencies[bucket]
      if seen >= total * share then return math.exp((bucket + 0.5) / BUCKETS_PER_E) end
    end
    return 0
  end
  return string.format('{"count":%d,"p50Us":%.0f,"p99Us":%.0f}', total, quantile(0.5), quantile(0.99))
end

function done(summary, latency)
  measure.report(summary, latency)
  local untoldAll, otherAll = 0, 0
  for _, thread in ipairs(threads) do
    untoldAll = untoldAll + thread:get("untold")
    otherAll = otherAll + thread:get("other")
  end
  io.write(string.format('SPLIT {"answered":%s,"refused":%s,"untold":%d,"other":%d}\n',
    split(merged("answered")), split(merged("refused")), untoldAll, otherAll))
end
