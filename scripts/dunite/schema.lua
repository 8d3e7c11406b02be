-- Schemas: what a table of settings may hold, declared once and checked once, with all findings together.
--
-- A schema is a table of fields: name -> { type = …, required = true, default = … }. Types: "string", "boolean",
-- "integer", "duration" (comes out in ms), "size" (comes out in bytes), "list" (of = a field), "map" (of = a
-- field), "table" (fields = a schema), "choice" (one_of = names), "any", or a function(value) that gives the value to
-- keep, or nil and what is allowed.

local text = require "dunite.text"

local M = {}

--- Stands for a setting whose environment variable or secret is not there; the schema reports it with its key.
M.Missing = { __name = "missing setting" }

-- What was found, but never a password within a URL.
local function shown(value)
  if type(value) == "string" then return ("%q"):format((value:gsub("//[^/@]*@", "//…@"))) end
  return type(value) == "table" and "a table" or tostring(value)
end

local types = {}

function types.string(value) if type(value) == "string" then return value end return nil, "a string" end
function types.boolean(value) if type(value) == "boolean" then return value end return nil, "true or false" end

function types.integer(value, field)
  local number = math.tointeger(tonumber(value))
  local least, most = field.min or math.mininteger, field.max or math.maxinteger
  if number and number >= least and number <= most then return number end
  return nil, field.max and ("a whole number from %d to %d"):format(least, most)
      or ("a whole number" .. (field.min and (" from %d"):format(least) or ""))
end

function types.duration(value)
  local ms = text.milliseconds(value)
  if ms then return ms end
  return nil, 'seconds, or a duration such as "10s", "5m", "1d"'
end

function types.size(value)
  local bytes = text.bytes(value)
  if bytes then return bytes end
  return nil, 'bytes, or a size such as "50GiB"'
end

function types.choice(value, field)
  for _, each in ipairs(field.one_of) do
    if each == value then return value end
  end
  return nil, "one of " .. table.concat(field.one_of, ", ") .. text.did_you_mean(value, field.one_of)
end

types["any"] = function(value) return value end

local function add(findings, where, key, message)
  findings[#findings + 1] = ("%s: %s: %s"):format(where, key, message)
end

local check

function types.list(value, field, findings, where, key)
  if type(value) ~= "table" then return nil, "a list" end
  local out = {}
  for i, each in ipairs(value) do out[i] = check(each, field.of, findings, where, ("%s[%d]"):format(key, i)) end
  return out
end

function types.map(value, field, findings, where, key)
  if type(value) ~= "table" then return nil, "a table" end
  local out = {}
  for _, name in ipairs(text.keys(value)) do
    if type(name) == "string" then
      out[name] = check(value[name], field.of, findings, where, key .. "." .. name)
    else
      add(findings, where, key, ("found the key %s, names are allowed"):format(shown(name)))
    end
  end
  return out
end

function types.table(value, field, findings, where, key)
  if type(value) ~= "table" then return nil, "a table" end
  return M.check(value, field.fields, findings, where, key .. ".")
end

function check(value, field, findings, where, key)
  if getmetatable(value) == M.Missing then
    add(findings, where, key, value.message)
    return nil
  end
  local kind = field.type
  local kept, allowed
  if type(kind) == "function" then
    kept, allowed = kind(value)
  else
    kept, allowed = types[kind](value, field, findings, where, key)
  end
  if kept == nil and allowed then
    add(findings, where, key, ("found %s, allowed is %s"):format(shown(value), allowed))
  end
  return kept
end

--- Checks settings against a schema. Gives what to use (defaults filled in); findings is appended to.
---@param settings table
---@param schema table<string, table>
---@param findings string[]
---@param where string     -- the file, or file:line
---@param prefix? string
---@return table
function M.check(settings, schema, findings, where, prefix)
  prefix = prefix or ""
  local out, known = {}, text.keys(schema)
  for _, key in ipairs(text.keys(settings)) do
    if not schema[key] then
      add(findings, where, prefix .. tostring(key), "no such key" .. text.did_you_mean(key, known) ..
        " (known are " .. table.concat(known, ", ") .. ")")
    end
  end
  for _, key in ipairs(known) do
    local field, value = schema[key], settings[key]
    if value ~= nil then
      out[key] = check(value, field, findings, where, prefix .. key)
    elseif field.required then
      add(findings, where, prefix .. key, "is missing")
    elseif field.default ~= nil then
      out[key] = field.default
    end
  end
  return out
end

return M
