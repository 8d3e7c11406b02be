-- Compares what meta/native.lua (META) and its parts describe with what is registered; gives the differences as text.

local described, class, missing = {}, {}, {} -- "where.name" -> true; variable of the file -> its class

-- What only `dunite spec` has, and registers itself.
local function of_specs(where, name)
  return where == "native.spec" or where == "spec_engine" or (where == "native" and name == "spec")
end

local last
local function read(line)
  last = line:match("^%-%-%-@class (dunite%.native%.%w+)") or last
  local variable = line:match("^local (%w+) = {}")
  if variable and last then class[variable], last = last, nil end
  local where, name = line:match("^function ([%w%.]+)[%.:]([%w_]+)%(")
  if not name then where, name = line:match("^(native[%w%.]*)%.(%w+) =") end
  if name and not of_specs(where, name) then described[where .. "." .. name] = true end
end
for line in io.lines(META) do read(line) end
for _, file in ipairs { "double.lua", "small.lua", "stock.lua", "workshop.lua" } do
  for line in io.lines((META:gsub("native%.lua$", file))) do read(line) end
end

local function registered(where)
  if where == "native" then return native end
  local inner = native[where:match("^native%.(%w+)$") or where]
  if type(inner) == "table" then return inner end
  local meta = debug.getregistry()[class[where]]
  return meta and meta.__index or {}
end

local seen = {}
for name in pairs(described) do
  local where, field = name:match("^(.*)%.([%w_]+)$")
  seen[where] = registered(where)
  if seen[where][field] == nil then missing[#missing + 1] = name .. " is not registered" end
end
for where, functions in pairs(seen) do
  for field in pairs(functions) do
    local name = where .. "." .. field
    if not described[name] then missing[#missing + 1] = name .. " is not described" end
  end
end
local classes = {}
for _, name in pairs(class) do classes[name] = true end
for name in pairs(debug.getregistry()) do
  if type(name) == "string" and name:find("^dunite%.native%.") and not classes[name] then
    missing[#missing + 1] = name .. " is no described class"
  end
end
table.sort(missing)
return table.concat(missing, "\n")
