-- Boot: what the engine calls to load a deployment. Everything wrong is gathered; nothing stops at the first finding.

local native = require "dunite.native"
local app = require "dunite.app"
local deployment = require "dunite.deployment"
local locate = require "dunite.locate"
local members = require "dunite.members"
local totality = require "dunite.totality"

local M = {}

-- Flights that the standard library itself uses (dunite.fresh, the registry); always declared.
local STANDARD_FLIGHTS = {
  "dunite.releases", "dunite.tags", "dunite.surveyed", "dunite.manifests", "dunite.relations", "dunite.referrers",
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

-- What is wrong in code that did not run; what was found when it ran is there already.
local function check_totality(settings, findings)
  local modules = {}
  for _, key in ipairs { "routes", "catalog", "members" } do
    if type(settings[key]) == "string" then modules[#modules + 1] = settings[key] end
  end
  local known = table.concat(findings, "\n")
  for _, finding in ipairs(totality.check_deployment(modules)) do
    if not known:find(finding:match("^[^:]*:%d+:"), 1, true) then findings[#findings + 1] = finding end
  end
end

--- Loads the deployment. overrides: JSON of settings that replace those of dunite.lua (may be nil).
--- Gives what the engine needs: findings, settings, members, routes, dispatch.
---@param overrides? string
function M.load(overrides)
  local findings = {}
  local out = { findings = findings, settings = {}, members = {}, routes = {} }
  local declared = guarded(findings, "dunite.lua", resolve, "dunite.lua")
  if not deployment.is(declared) then
    if declared ~= nil then findings[#findings + 1] = "dunite.lua: return dunite.deployment { … }" end
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
  if not self then return out end
  load_routes(self, settings, findings)
  check_totality(settings, findings)
  out.routes = self.routes
  out.dispatch = function(exchange) return self:dispatch(exchange) end
  return out
end

return M
