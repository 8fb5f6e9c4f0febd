-- What assign.lua and redeem.lua share. wrk runs with this folder as its current one.
--
-- A request is one concatenation: wrk.format, which looks at every header again for each request, takes as much of a core
-- as a fast server does, and the generator shares its cores with what it measures.
local measure = {}

-- All that follows the path and is the same in every request, up to the number of bytes of the body.
function measure.head(token)
  return " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nContent-Type: application/json\r\nAuthorization: Bearer " .. token .. "\r\nContent-Length: "
end

-- One line of JSON, after what wrk prints itself. Latencies in microseconds.
function measure.report(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d,"refused":%d,"broken":%d,"timeouts":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end

return measure
