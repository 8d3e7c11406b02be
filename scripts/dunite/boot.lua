-- Boot: what the engine calls to load a deployment. Everything wrong is gathered; nothing stops at the first finding.

local native = require "dunite.native"
local app = require "dunite.app"
local check = require "dunite.check"
local deployment = require "dunite.deployment"
local hiding = require "dunite.check.hiding"
local locate = require "dunite.locate"
local members = require "dunite.members"
local ejected = require "dunite.ejected"

local M = {}

-- Flights that the standard library itself uses (dunite.fresh, the registry); always declared.
local STANDARD_FLIGHTS = {
  "dunite.releases", "dunite.tags", "dunite.surveyed", "dunite.manifests", "dunite.relations", "dunite.referrers",
  "dunite.members",
}

-- What is raised here is about what was given; it names that, not this file.
local OURS = "^dunite:scripts/dunite/boot%.lua:%d+: "

local function guarded(findings, what, f, ...)
  local ok, result = xpcall(f, function(raised) return (tostring(raised):gsub(OURS, "")) end, ...)
  if ok then return result end
  local named = result:match("^[^\n]*:%d+: ") or result:sub(1, #what + 2) == what .. ": "
  findings[#findings + 1] = (named and "" or what .. ": ") .. result
  return nil
end

-- A module by name, a Lua file by path, or the thing itself.
local function resolve(given)
  if type(given) == "function" then return given() end
  if type(given) ~= "string" then return given end
  if not given:match("%.lua$") then return require(given) end
  local source, reason = native.read_file(given)
  if not source then error(reason, 0) end
  local chunk, message = load(source, "@" .. given, "t")
  if not chunk then error(message, 0) end
  return chunk()
end

local function where_of(given, fallback)
  if type(given) ~= "string" then return fallback end
  return given:match("%.lua$") and given or given .. ".lua"
end

-- A path as seen from the deployment's folder. What a script raised names all of it, or the end of it.
local function from_folder(path)
  local folder = (native.deployment_folder() or ".") .. "/"
  if path:sub(1, #folder) == folder then return path:sub(#folder + 1) end
  if path:sub(1, 3) ~= "..." then return path end
  for at in path:gmatch "/()" do
    if native.deployment_has(path:sub(at)) then return path:sub(at) end
  end
  return path
end

-- Where the entries of a catalog or of members stand, where they are written in a file of their own.
local function locate_entries(given, findings)
  local source = type(given) == "string" and native.read_file(where_of(given))
  if source then locate.add_entry_lines(findings, where_of(given), source) end
end

local function shorten(findings)
  for i, finding in ipairs(findings) do
    local path, rest = finding:match("^([^:\n]+)(:%d+: .*)$")
    if path then
      findings[i] = from_folder(path) .. rest:gsub("%(([^%s:()]+)(:%d+%))", function(other, line)
        return "(" .. from_folder(other) .. line
      end)
    end
  end
end

local function load_routes(self, settings, findings)
  if settings.routes == nil then return end
  local routes = settings.routes
  if type(routes) ~= "function" then routes = guarded(findings, "routes", resolve, routes) end
  if type(routes) ~= "function" then
    if routes ~= nil then
      local where = where_of(settings.routes, "dunite.lua")
      findings[#findings + 1] = where .. ": routes are a function(app), or a module that returns one"
    end
    return
  end
  guarded(findings, where_of(settings.routes, "dunite.lua"), routes, self)
end

-- What is said already of that very place.
local function is_told(told, finding)
  local place = finding:match("^[^:]*:%d+:")
  return place ~= nil and told:find(place, 1, true) ~= nil
end

-- What is wrong in code that did not run, and what is suspicious there; what was found when it ran is there already.
-- checks: "check": all of it is a finding; "serve": suspicions are warnings; nil: nobody asks for them.
local function look_through(self, out, checks)
  local modules = {}
  for _, key in ipairs { "routes", "catalog", "members" } do
    if type(self.settings[key]) == "string" then modules[#modules + 1] = self.settings[key] end
  end
  local findings, suspicions = check.deployment(modules, self)
  shorten(out.findings)
  local told = table.concat(out.findings, "\n")
  for _, finding in ipairs(findings) do
    if not is_told(told, finding) then table.insert(out.findings, finding) end
  end
  for _, suspicion in ipairs(checks and suspicions or {}) do
    local into = checks == "check" and out.findings or out.warnings
    if not is_told(told, suspicion) then table.insert(into, suspicion) end
  end
  if not checks then return end
  for _, look in ipairs { hiding.check, ejected.check } do
    local found = look(self.routes)
    table.move(found, 1, #found, #out.warnings + 1, out.warnings)
  end
  shorten(out.warnings)
  if checks == "check" then check.sort(out.findings) end
end

--- Loads the deployment. overrides: JSON of settings that replace those of dunite.lua (may be nil).
--- Gives what the engine needs: findings, warnings, settings, members, routes, dispatch.
---@param overrides? string
---@param checks? "check"|"serve"   -- what is looked for besides what would break
function M.load(overrides, checks)
  local findings = {}
  local out = { findings = findings, warnings = {}, settings = {}, members = {}, routes = {} }
  local declared = guarded(findings, "dunite.lua", resolve, "dunite.lua")
  if not deployment.is(declared) then
    if declared ~= nil then findings[#findings + 1] = "dunite.lua: return dunite.deployment { … }" end
    look_through({ settings = {}, routes = {} }, out, checks)
    return out
  end
  local given = overrides and assert(native.json.decode(overrides)) or {}
  local settings = deployment.settle(declared, given, findings, "dunite.lua")
  locate.add_lines(findings, "dunite.lua", native.read_file("dunite.lua") or "")
  for _, name in ipairs(STANDARD_FLIGHTS) do table.insert(settings.flights, name) end
  out.settings = settings
  local entries = settings.catalog ~= nil and guarded(findings, "catalog", resolve, settings.catalog) or {}
  local people = settings.members ~= nil and guarded(findings, "members", resolve, settings.members) or {}
  out.members = members.check(people, findings, where_of(settings.members, "dunite.lua"))
  local self = guarded(findings, "app", app.new, settings, entries, findings, where_of(settings.catalog, "dunite.lua"))
  locate_entries(settings.catalog, findings)
  locate_entries(settings.members, findings)
  if not self then return out end
  self.members:ask_outside(people)
  load_routes(self, settings, findings)
  table.move(self.problems, 1, #self.problems, #findings + 1, findings)
  look_through(self, out, checks)
  out.routes = self.routes
  out.dispatch = function(exchange) return self:dispatch(exchange) end
  return out
end

return M
