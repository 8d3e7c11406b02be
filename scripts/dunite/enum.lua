-- Enums: closed sets of variants, values of them, and total matching.
--
-- Reading a variant that does not exist raises at once. A matcher without an arm for every variant, or
-- with one too many, is a load error: a script that forgets DailyCap never serves a request.

local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

---@class dunite.Enum
---@field name string

local enums = {}    -- by name: the same name gives the same object
local variants = setmetatable({}, { __mode = "k" }) -- enum -> list of variant names
local known = setmetatable({}, { __mode = "k" }) -- enum -> its variants as a set
local classes = {}  -- ErrorKind's variant -> its class

local function listed(enum) return table.concat(variants[enum], ", ") end

local enum_meta = {
  __index = function(enum, name)
    if name == "has" then return M.has end
    error(("%s has no variant '%s'%s (it has %s)"):format(enum.name, tostring(name),
      text.did_you_mean(name, variants[enum]), listed(enum)), 2)
  end,
  __newindex = function(enum) error(enum.name .. " cannot be changed", 2) end,
  __tostring = function(enum) return enum.name end,
}

--- Is there such a variant? Also as a method: `LimitDenial:has("DailyCap")`.
---@return boolean
function M.has(enum, name) return known[enum][name] == true end

--- Its variants, in the order of their table.
---@return string[]
function M.variants(enum) return table.move(variants[enum], 1, #variants[enum], 1, {}) end

local function same(a, b)
  return table.concat(a, "\0") == table.concat(b, "\0")
end

--- The enum of that name, nil when there is none.
---@return dunite.Enum?
function M.named(name) return enums[name] end

--- Makes an enum, or gives the one of that name when it has the same variants.
---@param name string
---@param names string[]
---@return dunite.Enum
function M.new(name, names)
  local there = enums[name]
  if there then
    if same(variants[there], names) then return there end
    error(("enum %s exists with other variants (%s)"):format(name, listed(there)), 2)
  end
  local enum = { name = name }
  local set = {}
  for _, variant in ipairs(names) do enum[variant], set[variant] = variant, true end
  variants[enum], known[enum] = names, set
  enums[name] = setmetatable(enum, enum_meta)
  return enum
end

-- Values ----------------------------------------------------------------------------------------------

--- The metatable of an enum's values. `value.variant` names the variant; an ErrorKind's value also has kind,
--- class, http, retryable.
local function value_meta(enum, derived)
  return {
    enum = enum,
    __name = enum.name,
    __index = function(value, key)
      local of = derived[value.variant]
      return of and of[key]
    end,
    __tostring = function(value)
      local message = rawget(value, "message")
      return enum.name .. "." .. value.variant .. (message and ": " .. message or "")
    end,
  }
end

local function native_enum(name)
  local names, derived = {}, {}
  for i, row in ipairs(native.rows[name]) do
    names[i] = row.name
    derived[row.name] = { kind = row.name, class = row.class, http = row.http, text = row.text, retry = row.retryable }
    if name == "ErrorKind" then classes[row.name] = row.class end
  end
  local enum = M.new(name, names)
  local meta = value_meta(enum, derived)
  native.define(name, meta)
  return enum, meta
end

M.ErrorKind, M.error_meta = native_enum("ErrorKind")
M.LimitDenial, M.denial_meta = native_enum("LimitDenial")

local class_names = {}
for i, row in ipairs(native.rows.ErrorClass) do class_names[i] = row.name end
M.ErrorClass = M.new("ErrorClass", class_names)

--- The enum a value belongs to, nil for what is no value of an enum.
---@return dunite.Enum?
function M.of(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.enum or nil
end

--- The metatable for the values of an enum made here.
function M.values(enum, derived) return value_meta(enum, derived or {}) end

-- Matching ------------------------------------------------------------------------------------------------

local function check_phase(what)
  local phase = native.phase()
  if phase ~= "load" and phase ~= "spec" then
    error(what .. " is built while a script loads, not inside a " .. phase .. " (put it at the top of the module)", 3)
  end
end

--- Every variant of the enums, and whose it is; an ambiguous one is an error.
local function owners_of(list)
  local owners, names = {}, {}
  for _, enum in ipairs(list) do
    for _, variant in ipairs(variants[enum] or error("matcher takes enums", 3)) do
      if owners[variant] then
        error(("variant '%s' is both in %s and in %s"):format(variant, owners[variant].name, enum.name), 3)
      end
      owners[variant], names[#names + 1] = enum, variant
    end
  end
  return owners, names
end

local function names_of(list)
  local all = {}
  for i, enum in ipairs(list) do all[i] = enum.name end
  return table.concat(all, ", ")
end

local function check_arms(arms, owners, names)
  local wrong = {}
  for _, variant in ipairs(names) do
    if type(arms[variant]) ~= "function" then
      wrong[#wrong + 1] = ("no arm for %s.%s"):format(owners[variant].name, variant)
    end
  end
  for _, arm in ipairs(text.keys(arms)) do
    if not owners[arm] then
      local near = text.did_you_mean(arm, names)
      wrong[#wrong + 1] = ("an arm for '%s', which is no variant%s"):format(tostring(arm), near)
    end
  end
  if #wrong > 0 then
    error("this matcher is not total: " .. table.concat(wrong, "; ") ..
      " (write one arm for each of " .. table.concat(names, ", ") .. ")", 3)
  end
end

--- A total match over one or more enums: `matcher(LimitDenial, ErrorClass) { Concurrency = function(value, …) …` gives
--- a function of (value, …) that calls the arm of the value's variant. An ErrorKind's value matches by its class where
--- ErrorClass is among the enums.
---@param ... dunite.Enum
---@return fun(arms: table<string, function>): fun(value: table, ...): any
function M.matcher(...)
  check_phase("a matcher")
  local list = { ... }
  local owners, names = owners_of(list)
  local wanted = {}
  for _, enum in ipairs(list) do wanted[enum] = true end

  return function(arms)
    check_arms(arms, owners, names)
    local error_kind, by_class = M.ErrorKind, wanted[M.ErrorClass]
    return function(value, ...)
      local enum = M.of(value)
      if enum == error_kind and by_class then return arms[value.class](value, ...) end
      if not wanted[enum] then error(("no value of %s: %s"):format(names_of(list), tostring(value)), 2) end
      return arms[value.variant](value, ...)
    end
  end
end

--- The class of an ErrorKind's variant.
function M.class_of(kind) return classes[kind] end

M.check_phase = check_phase

return M
