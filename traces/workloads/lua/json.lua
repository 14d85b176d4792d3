-- A small JSON reader and writer: enough for sensor records.

local json = {}

local ESCAPES = { n = "\n", t = "\t", r = "\r", b = "\b", f = "\f", ["/"] = "/", ["\\"] = "\\", ['"'] = '"' }
local NAMES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\\"] = "\\\\", ['"'] = '\\"' }

local value -- reads one value: text, position -> value, next position

local function skip(text, at)
  return text:find("%S", at) or #text + 1
end

local function fail(at, what)
  error(("JSON: %s expected at %d"):format(what, at), 0)
end

local function string_at(text, at)
  local from, parts = at + 1, nil
  local cursor = from
  while true do
    local stop = text:find('["\\]', cursor)
    if not stop then fail(cursor, "closing quote") end
    if text:byte(stop) == 34 then
      local tail = text:sub(from, stop - 1)
      if not parts then return tail, stop + 1 end
      parts[#parts + 1] = tail
      return table.concat(parts), stop + 1
    end
    parts = parts or {}
    parts[#parts + 1] = text:sub(from, stop - 1)
    parts[#parts + 1] = ESCAPES[text:sub(stop + 1, stop + 1)] or fail(stop, "known escape")
    cursor = stop + 2
    from = cursor
  end
end

local function array_at(text, at)
  local list = {}
  at = skip(text, at + 1)
  if text:byte(at) == 93 then return list, at + 1 end
  while true do
    list[#list + 1], at = value(text, at)
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "]" then return list, at + 1 end
    if mark ~= "," then fail(at, ", or ]") end
    at = skip(text, at + 1)
  end
end

local function object_at(text, at)
  local map = {}
  at = skip(text, at + 1)
  if text:byte(at) == 125 then return map, at + 1 end
  while true do
    local key
    key, at = string_at(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then fail(at, ":") end
    map[key], at = value(text, skip(text, at + 1))
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "}" then return map, at + 1 end
    if mark ~= "," then fail(at, ", or }") end
    at = skip(text, at + 1)
  end
end

function value(text, at)
  local first = text:sub(at, at)
  if first == '"' then return string_at(text, at) end
  if first == "{" then return object_at(text, at) end
  if first == "[" then return array_at(text, at) end
  if text:sub(at, at + 3) == "true" then return true, at + 4 end
  if text:sub(at, at + 4) == "false" then return false, at + 5 end
  local number = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not number then fail(at, "value") end
  return tonumber(number), at + #number
end

--- Reads one JSON text; raises an error that names the position when it is malformed.
function json.decode(text)
  return (value(text, skip(text, 1)))
end

local function write(out, item)
  if type(item) == "table" then
    if #item > 0 then
      out[#out + 1] = "["
      for index, element in ipairs(item) do
        if index > 1 then out[#out + 1] = "," end
        write(out, element)
      end
      out[#out + 1] = "]"
      return
    end
    local keys = {}
    for key in pairs(item) do keys[#keys + 1] = key end
    table.sort(keys)
    out[#out + 1] = "{"
    for index, key in ipairs(keys) do
      if index > 1 then out[#out + 1] = "," end
      out[#out + 1] = '"' .. key .. '":'
      write(out, item[key])
    end
    out[#out + 1] = "}"
  elseif type(item) == "string" then
    out[#out + 1] = '"' .. item:gsub('[\n\t\r\\"]', NAMES) .. '"'
  else
    out[#out + 1] = tostring(item)
  end
end

--- Writes a value as JSON, keys in order.
function json.encode(item)
  local out = {}
  write(out, item)
  return table.concat(out)
end

return json
