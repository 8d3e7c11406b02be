-- The app: a deployment's settings brought to life, and the function that answers a request.

local native = require "dunite.native"
local answer = require "dunite.answer"
local catalog = require "dunite.catalog"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
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
---@field catalog dunite.Catalog
---@field members dunite.Members
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
  self.limits = named("limit", map(settings.limits, limits.new))
  self.flights = named("flight", each(settings.flights, native.flights))
  self.upstreams = named("upstream", map(settings.upstreams, native.upstream))
  self.catalog = catalog.new(entries, findings, where)
  for _, product in ipairs(self.catalog.list) do product.app = self end
  self.members = members.new(self)
  return self
end

--- What our tokens are issued by and for.
function App:issuer() return self.external_url or self.name end

function App:service()
  return self.settings.tokens.service or (self.external_url and self.external_url:match("^https?://([^/]+)")) or self.name
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

-- A handler raised: an answer is one; a problem is answered by its class; anything else is a script's fault.
local function rescued(req)
  return function(raised)
    if answer.is(raised) then return raised end
    if errors.is(raised, "Cancelled") then return raised end
    native.log("error", "a handler raised", { request = req.id, error = tostring(raised), trace = debug.traceback("", 2) })
    return answer.error(errors.is(raised) and raised or errors.new("Script", { message = tostring(raised) }))
  end
end

local function checked(made, route)
  if answer.is(made) then return made end
  if enum.of(made) then return answer.error(made) end
  native.log("error", "a handler gave no answer", { route = route.pattern, where = route.where, gave = type(made) })
  return answer.error(errors.new("Script"))
end

-- The audit event that a handler opened ends with its answer; one that streams ends in C.
local function audited(made, req)
  local event = req.event
  if not event then return made end
  if made.source then
    return made:audited(event)
  elseif made.status == 429 then
    event:close("denied", made.payload and made.payload.error.code)
  elseif made.problem and made.problem.class == "Upstream" then
    event:close("failed_upstream", made.problem.variant)
  elseif made.status >= 400 then
    event:close("denied", made.problem and made.problem.variant or tostring(made.status))
  else
    event:close("completed", nil, 0)
  end
  return made
end

--- Answers one request; the engine runs it in a task of its own.
---@async
---@param exchange dunite.native.Exchange
---@return dunite.native.Answer
function App:dispatch(exchange)
  local req = request.new(exchange, self)
  local route, params = self:match(req.method, req.path)
  if not route then
    exchange:route("none")
    return self:refuse(req, params):finish(req.id)
  end
  req.params = params
  exchange:route(route.pattern)
  local _, made = xpcall(route.handler, rescued(req), req)
  if errors.is(made, "Cancelled") then error(made, 0) end
  return audited(checked(made, route), req):finish(req.id)
end

return M
