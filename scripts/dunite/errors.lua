-- Errors: values of ErrorKind, tests on them, and mirrors of a vertical's own.

local enum = require "dunite.enum"
local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

local ErrorKind = enum.ErrorKind
local rows = {}
for _, row in ipairs(native.rows.ErrorKind) do rows[row.name] = row end

--- A problem of that kind. fields: message, status, retry_after, expected, actual.
---@param kind string
---@param fields? table
---@return table problem
function M.new(kind, fields)
  local value = { variant = ErrorKind[kind] }
  for key, field in pairs(fields or {}) do value[key] = field end
  return setmetatable(value, enum.error_meta)
end

--- Is it a problem, of that kind if one is given? A kind that does not exist raises.
---@param value any
---@param kind? string
---@return boolean
function M.is(value, kind)
  if kind and not ErrorKind:has(kind) then local _ = ErrorKind[kind] end
  return enum.of(value) == ErrorKind and (kind == nil or value.variant == kind)
end

--- Can the same thing go well if tried again?
---@return boolean
function M.retryable(problem)
  local row = rows[problem.variant]
  if row.retryable == "by_status" then
    return problem.status == 429 or (problem.status or 0) >= 500
  end
  return row.retryable == "always"
end

-- Mirrors ---------------------------------------------------------------------------------------------

local function check_into(into, wrong)
  for _, kind in ipairs(enum.variants(ErrorKind)) do
    if type(into[kind]) ~= "string" then
      wrong[#wrong + 1] = ("'into' has no arm for ErrorKind.%s"):format(kind)
    end
  end
  for _, kind in ipairs(text.keys(into)) do
    if not ErrorKind:has(kind) then
      wrong[#wrong + 1] = ("'into' has an arm for '%s', which is no ErrorKind%s"):format(tostring(kind),
        text.did_you_mean(kind, enum.variants(ErrorKind)))
    end
  end
end

local function variants_of(into)
  local seen = {}
  for _, variant in pairs(into) do seen[variant] = true end
  return text.keys(seen)
end

local function check_back(into, back, names, wrong)
  for _, variant in ipairs(names) do
    if not ErrorKind:has(back[variant]) then
      wrong[#wrong + 1] = ("'back' has no ErrorKind for %s"):format(variant)
    end
  end
  local known = {}
  for _, variant in ipairs(names) do known[variant] = true end
  for _, variant in ipairs(text.keys(back)) do
    if not known[variant] then
      wrong[#wrong + 1] = ("'back' has an arm for '%s', which 'into' never gives"):format(tostring(variant))
    end
  end
  for kind, variant in pairs(into) do
    local there, again = rows[kind], rows[back[variant] or ""]
    if there and again and (there.class ~= again.class or there.http ~= again.http) then
      wrong[#wrong + 1] = ("%s comes back from %s as %s: class or status changed"):format(kind, variant, again.name)
    end
  end
end

--- A vertical's own error enum, total both ways: `mirror("DownloadError") { into = { NotFound = "AssetNotFound", … },
--- back = { AssetNotFound = "NotFound", … } }`. Class and status survive the way there and back; names are the
--- vertical's own. The enum also gives `of(problem)` and `kind_of(value)` through the second result.
---@param name string
---@return fun(arms: { into: table<string,string>, back: table<string,string> }): dunite.Enum, dunite.Mirror
function M.mirror(name)
  enum.check_phase("a mirror")
  return function(arms)
    local wrong, into, back = {}, arms.into or {}, arms.back or {}
    check_into(into, wrong)
    local names = variants_of(into)
    check_back(into, back, names, wrong)
    if #wrong > 0 then
      table.sort(wrong)
      error(("the mirror %s is not total: %s"):format(name, table.concat(wrong, "; ")), 2)
    end
    local derived = {}
    for _, variant in ipairs(names) do derived[variant] = rows[back[variant]] end
    local made = enum.new(name, names)
    local meta = enum.values(made, derived)

    ---@class dunite.Mirror
    local mirror = {}
    --- The vertical's error for a problem of ErrorKind; its fields come along.
    function mirror.of(problem)
      local value = { problem = problem }
      for key, field in pairs(problem) do value[key] = field end
      value.variant = into[problem.variant]
      return setmetatable(value, meta)
    end
    --- The problem of ErrorKind for a vertical's error.
    function mirror.back(value)
      local fields = {}
      for key, field in pairs(value) do
        if key ~= "variant" and key ~= "problem" then fields[key] = field end
      end
      return M.new(back[value.variant], fields)
    end
    return made, mirror
  end
end

return M
