-- The app: a deployment's settings brought to life, and the function that answers a request.

local native = require "dunite.native"
local answer = require "dunite.answer"
local catalog = require "dunite.catalog"
local control = require "dunite.control"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local health = require "dunite.health"
local limits = require "dunite.limits"
local members = require "dunite.members"
local request = require "dunite.request"
local router = require "dunite.router"
local text = require "dunite.text"

local M = {}

---@class dunite.App: dunite.Router
---@field name string
---@field settings table
---@field limits table<string, dunite.Limit>
---@field flights table<string, dunite.native.Flights>
---@field upstreams table<string, dunite.native.Upstream>
---@field freshness dunite.Freshness
---@field catalog dunite.Catalog
---@field members dunite.Members
---@field listeners table<string, dunite.Router> -- what each sort of listener is answered by
---@field external_url? string
---@field trusted_proxies string[]
local App = setmetatable({}, { __index = getmetatable(router.new()) })
App.__index = App

-- A table of named things where a misspelt name raises.
local function named(what, things)
  return setmetatable(things, {
    __index = function(_, name)
      error(("no %s '%s' is declared%s"):format(what, tostring(name), text.did_you_mean(name, text.keys(things))), 2)
    end,
  })
end

local function each(names, make)
  local out = {}
  for _, name in ipairs(names) do out[name] = make(name) end
  return out
end

local function map(things, make)
  local out = {}
  for name, thing in pairs(things) do out[name] = make(name, thing) end
  return out
end

---@param settings table   -- as dunite.deployment settled them
---@param entries table[]  -- the catalog's
---@param findings string[]
---@param where string
---@return dunite.App
function M.new(settings, entries, findings, where)
  local self = setmetatable(router.new(), App)
  self.name, self.settings = settings.name, settings
  self.external_url, self.trusted_proxies = settings.external_url, settings.trusted_proxies
  self.freshness = settings.freshness
  self.limits = named("limit", map(settings.limits, limits.new))
  self.flights = named("flight", each(settings.flights, native.flights))
  self.upstreams = named("upstream", map(settings.upstreams, native.upstream))
  self.catalog = catalog.new(entries, findings, where, self.upstreams)
  for _, product in ipairs(self.catalog.list) do product.app = self end
  self.members = members.new(self)
  self.listeners = { main = self, admin = health.routes(), control = control.routes(self) }
  return self
end

--- What our tokens are issued by and for.
function App:issuer() return self.external_url or self.name end

function App:service()
  local host = self.external_url and self.external_url:match("^https?://([^/]+)")
  return self.settings.tokens.service or host or self.name
end

--- The upstream of a product's source or image: the one it names, else the one declared under that purpose
--- ("downloads", "images"), else "forgejo", else the only one.
---@param part { upstream?: string }
---@param purpose string
---@return dunite.native.Upstream
function App:upstream_for(part, purpose)
  local upstreams = self.upstreams
  if part.upstream then return upstreams[part.upstream] end
  local only = next(upstreams)
  return rawget(upstreams, purpose) or rawget(upstreams, "forgejo") or upstreams[only or purpose]
end

-- What a handler raised: an answer and a problem are what they are; anything else is a script's fault. (It is not asked
-- where memory ran out: then what was raised comes as it is, a text.)
local function raised(value)
  if answer.is(value) or enum.of(value) then return value end
  local fine, said = pcall(tostring, value)
  said = fine and said or "(its __tostring raises)"
  if type(value) ~= "string" then said = ("a %s was raised: %s"):format(type(value), said) end
  return errors.new("Script", { message = said, trace = debug.traceback("", 2) })
end

-- Makes an answer of what a handler gave or raised in place of one. A problem becomes one by its class.
local function refused(self, made, req, route)
  local problem = made
  if enum.of(made) == nil then
    problem = errors.new("Script", { message = "a handler gave no answer but a " .. type(made), trace = route.where })
  end
  if errors.is(problem, "Script") then
    native.log("error", problem.message, { route = route.pattern, trace = problem.trace })
  end
  return self:fail(req, problem)
end

-- How an event ends that a refusal answers, by the class of its problem.
local OUTCOMES = { NotFound = "denied", Upstream = "failed_upstream", Local = "failed" }

-- The audit event that a handler opened: a refusal ends it here, anything else in C, when the last byte has gone.
local function audited(made, req)
  local event, problem = req.event, made.problem
  if not event then return made end
  if made.status < 400 then return made:audited(event) end
  event:close(problem and OUTCOMES[problem.class] or "denied",
    problem and problem.variant or made.reason or tostring(made.status))
  return made
end

--- Answers one request; the engine runs it in a task of its own.
---@async
---@param exchange dunite.native.Exchange
---@return dunite.native.Answer
function App:dispatch(exchange)
  local req = request.new(exchange, self)
  local routes = self.listeners[req.listener]
  local route, params = routes:match(req.method, req.path)
  if self.trusted_proxies[1] then req:client() end
  if not route then
    exchange:route("none")
    return routes:refuse(req, params):finish(req.id)
  end
  req.params = params
  exchange:route(route.pattern)
  local ok, made = xpcall(route.handler, raised, req)
  if not answer.is(made) then
    if not ok and type(made) == "string" then made = errors.new("Memory", { message = made }) end
    if errors.is(made, "Cancelled") then error(made, 0) end
    made = refused(routes, made, req, route)
  end
  return audited(made, req):finish(req.id)
end

return M
