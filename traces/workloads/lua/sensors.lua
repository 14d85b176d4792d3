-- A gateway's program: reads JSON records from standard input, keeps a short history per node,
-- applies rules, writes what is to be done and, now and then, a report. Records are served as
-- they come, so the pace is the feeder's.

-- A small device collects early: the next cycle begins when memory has grown by a tenth.
collectgarbage("incremental", 110, 400)

local here = arg[0]:match("^(.*/)") or "./"
package.path = here .. "?.lua"

local json = require("json")
local rules = require("rules")

local RULES = [[
# what the building does by itself
co2 > 1000 for 2 : open window {node} at {value}
co2 < 600 for 2 : close window {node}
temp > 27 for 2 : cool {node} {value}
temp < 20 for 2 : heat {node} {value}
hum > 70 for 3 : ventilate {node}
lux < 50 for 2 : light {node} on
lux > 500 for 2 : light {node} off
volt < 2.6 for 4 : change battery of {node} ({value} V)
]]

local HISTORY = 8
local REPORT_EVERY = 100

local history = {} -- node -> ring of its last records' values
local decide = rules.engine(rules.compile(RULES))
local counts = { records = 0, bad = 0, actions = 0 }
local pending = {} -- actions not reported yet

local function remember(record)
  local ring = history[record.node] or { next = 1 }
  history[record.node] = ring
  ring[ring.next] = record.values
  ring.next = ring.next % HISTORY + 1
end

local function average(ring, kind)
  local sum, count = 0, 0
  for _, values in ipairs(ring) do
    if values[kind] then sum, count = sum + values[kind], count + 1 end
  end
  return count > 0 and sum / count or nil
end

local function report()
  local nodes = {}
  for node, ring in pairs(history) do
    nodes[node] = { temp = average(ring, "temp"), co2 = average(ring, "co2"), kept = #ring }
  end
  print(json.encode({ counts = counts, nodes = nodes, actions = pending }))
  pending = {}
end

for line in io.lines() do
  local ok, record = pcall(json.decode, line)
  if ok then
    counts.records = counts.records + 1
    remember(record)
    for _, action in ipairs(decide(record)) do
      counts.actions = counts.actions + 1
      pending[#pending + 1] = action
    end
    record.answer = counts.actions
    local echo = json.encode(record) -- what would go to the uplink
    assert(json.decode(echo).seq == record.seq)
  else
    counts.bad = counts.bad + 1
  end
  if counts.records % REPORT_EVERY == 0 then report() end
end
report()
