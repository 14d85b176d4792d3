-- Rules over sensor values, read from text such as `co2 > 1000 for 3 : open window {node}`.

local rules = {}

local COMPARE = {
  [">"] = function(left, right) return left > right end,
  ["<"] = function(left, right) return left < right end,
}

local function expand(action, record, reading)
  return (action:gsub("{(%w+)}", function(name)
    if name == "value" then return ("%.1f"):format(reading) end
    return tostring(record[name])
  end))
end

-- A watcher is a coroutine per node and rule: it is resumed with each reading and yields the
-- action's text in the moment the rule has held for long enough.
local function watcher(rule)
  return coroutine.wrap(function(record, reading)
    local held = 0
    while true do
      held = COMPARE[rule.operator](reading, rule.limit) and held + 1 or 0
      local action
      if held == rule.count then action = expand(rule.action, record, reading) end
      record, reading = coroutine.yield(action)
    end
  end)
end

--- Compiles the rules of a text, one per line; lines that begin with `#` are remarks.
function rules.compile(text)
  local compiled = {}
  for line in text:gmatch("[^\n]+") do
    if not line:match("^%s*#") then
      local kind, operator, limit, count, action = line:match("^(%w+) ([<>]) (%S+) for (%d+) : (.+)$")
      if not kind then error("rule not understood: " .. line, 0) end
      compiled[#compiled + 1] = {
        kind = kind, operator = operator, limit = tonumber(limit), count = tonumber(count), action = action,
      }
    end
  end
  return compiled
end

--- Gives a function that takes a record and returns the list of actions that it causes.
function rules.engine(compiled)
  local watchers = {}
  return function(record)
    local actions = {}
    for index, rule in ipairs(compiled) do
      local reading = record.values[rule.kind]
      if reading then
        local key = record.node .. "/" .. index
        watchers[key] = watchers[key] or watcher(rule)
        actions[#actions + 1] = watchers[key](record, reading)
      end
    end
    return actions
  end
end

return rules
