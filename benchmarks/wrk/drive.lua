-- Sends the requests of one operation. Arguments: METHOD PATH STATUS TARGETS [BODY]
-- Each line of the file TARGETS is a key and an id. The requests use them in turn, and the id replaces `{id}` in PATH.
-- A response with another status, or without a body, counts as failed. Prints one line of JSON at the end.

local requests, place = {}, 0
local expected
local threads = {}
failed = 0 -- global, so that `done` can read it from each thread

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local method, path = args[1], args[2]
  expected = tonumber(args[3])
  local body
  if args[5] then
    local file = assert(io.open(args[5], "rb"))
    body = file:read("*a")
    file:close()
  end
  for line in io.lines(args[4]) do
    local key, id = line:match("(%S+) (%S+)")
    local headers = { ["X-API-Key"] = key }
    if body then
      headers["Content-Type"] = "application/json"
    end
    requests[#requests + 1] = wrk.format(method, (path:gsub("{id}", id)), headers, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function response(status, headers, body)
  if status ~= expected or #body == 0 then
    failed = failed + 1
  end
end

function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("failed")
  end
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
