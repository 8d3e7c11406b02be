-- Small things about text: nearest names, lists for messages, units.

local M = {}

-- Edit distance where two letters that changed places count once (optimal string alignment), for "did you mean".
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local here, there = a:byte(i), b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (here == there and 0 or 1))
      local swapped = i > 1 and j > 1 and here == b:byte(j - 1) and a:byte(i - 1) == there
      if swapped then row[j] = math.min(row[j], before[j - 2] + 1) end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

--- The known name nearest to a misspelt one, if any is near.
---@param name string
---@param known string[]
---@return string?
function M.nearest(name, known)
  local best, least = nil, math.max(2, #name // 3) + 1
  for _, candidate in ipairs(known) do
    local far = distance(name:lower(), candidate:lower())
    if far < least then best, least = candidate, far end
  end
  return best
end

--- ", did you mean 'x'?" or "".
function M.did_you_mean(name, known)
  local near = M.nearest(tostring(name), known)
  return near and (", did you mean '" .. near .. "'?") or ""
end

--- The keys of a table, sorted.
---@return string[]
function M.keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }
local BYTES = {
  B = 1, KiB = 1 << 10, MiB = 1 << 20, GiB = 1 << 30, TiB = 1 << 40,
  kB = 1000, MB = 1000 ^ 2, GB = 1000 ^ 3, TB = 1000 ^ 4,
}

local function measure(value, units)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  local number, unit = value:match("^%s*(%d+%.?%d*)%s*(%a*)%s*$")
  if not number then return nil end
  local factor = unit == "" and 1 or units[unit]
  return factor and tonumber(number) * factor
end

--- Milliseconds of a duration: a number of seconds, or "10s", "5m", "1d", "250ms".
---@return integer?
function M.milliseconds(value)
  local seconds = measure(value, SECONDS)
  return seconds and seconds >= 0 and math.tointeger(math.floor(seconds * 1000 + 0.5)) or nil
end

--- Bytes of a size: a number, or "50GiB", "10MB".
---@return integer?
function M.bytes(value)
  local bytes = measure(value, BYTES)
  return bytes and bytes >= 0 and math.tointeger(math.floor(bytes)) or nil
end

return M
