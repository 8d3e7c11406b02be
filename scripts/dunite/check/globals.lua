-- Globals that a script does not have: a name that was never declared, or a field of a standard library that is not
-- there.

local text = require "dunite.text"

local M = {}

-- Names that no table holds.
local ALWAYS = { _ENV = true }

local function known_names()
  local names = {}
  for name in pairs(_G) do names[#names + 1] = name end
  return names
end

local function field_of(name, field)
  local library = rawget(_G, name)
  if type(library) ~= "table" or library == _G or rawget(library, field) ~= nil then return nil end
  local names = text.keys(library)
  return ("%s has no '%s' here%s (it has %s)"):format(name, field, text.did_you_mean(field, names),
    table.concat(names, ", "))
end

local function judge(global)
  if ALWAYS[global.name] then return nil end
  if rawget(_G, global.name) == nil then
    if global.assigned then return ("the new global '%s' is assigned to (write local)"):format(global.name) end
    return ("undefined global '%s'%s (write local, or require it)"):format(global.name,
      text.did_you_mean(global.name, known_names()))
  end
  if global.assigned then return ("the global '%s' is assigned to (write local)"):format(global.name) end
  return global.field and field_of(global.name, global.field)
end

---@param file dunite.check.File
---@return string[] findings
function M.check(file)
  local findings, told = {}, {}
  for _, global in ipairs(file.syntax and file.syntax.globals or {}) do
    local wrong = judge(global)
    local finding = wrong and ("%s:%d: %s"):format(file.path, global.line, wrong)
    if finding and not told[finding] then
      told[finding] = true
      findings[#findings + 1] = finding
    end
  end
  return findings
end

return M
