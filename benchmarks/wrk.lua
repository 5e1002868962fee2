-- Sends prepared requests in turn; the file holds them whole, apart by a line of four percent signs.
-- At the end one line with the figures, for benchmarks/load.py.

local separator = "\n%%%%\n"
local requests = {}
local turn = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local text = file:read("*a")
  file:close()
  local from = 1
  while true do
    local first, last = text:find(separator, from, true)
    if not first then break end
    requests[#requests + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  requests[#requests + 1] = text:sub(from)
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": {"status": %d, "socket": %d}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
