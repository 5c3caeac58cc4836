-- wrk: eth_getBalance of one account after the other, none twice; every answer is compared. Arguments: FILE FIRST, FILE having a
-- line `ADDRESS BALANCE` per account. The id of a request is the account's line, so an answer says what it belongs to.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  addresses, balances = {}, {}
  for line in io.lines(args[1]) do
    local address, balance = line:match("^(0x%x+) (0x%x+)$")
    addresses[#addresses + 1], balances[#balances + 1] = address, balance
  end
  at, good, bad, example = tonumber(args[2]), 0, 0, ""
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  at = at + 1
  if at > #addresses then
    wrk.thread:stop()
    at = #addresses
  end
  return wrk.format("POST", "/", nil, '{"jsonrpc":"2.0","id":' .. at .. ',"method":"eth_getBalance","params":["' .. addresses[at] .. '","latest"]}')
end

function response(status, headers, body)
  local id, result = body:match('^{"jsonrpc":"2.0","id":(%d+),"result":"(0x%x+)"}')
  if status == 200 and id and balances[tonumber(id)] == result then
    good = good + 1
  else
    bad, example = bad + 1, body
  end
end

function done(summary, latency, requests)
  local thread = threads[1]
  local errors = summary.errors
  io.write(string.format("result %d %d %d %.0f %.0f %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, latency:percentile(50), latency:percentile(99),
    thread:get("at"), thread:get("bad")))
  if thread:get("bad") > 0 then io.write("example " .. thread:get("example") .. "\n") end
end
