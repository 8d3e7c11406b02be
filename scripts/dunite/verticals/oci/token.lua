-- The token endpoint. GET with Basic credentials (docker, skopeo, podman), or POST of a form with
-- grant_type=password (containerd, and the specification's own way).

local native = require "dunite.native"
local errors = require "dunite.errors"
local members = require "dunite.members"
local router = require "dunite.router"
local scope = require "dunite.verticals.oci.scope"
local wire = require "dunite.verticals.oci.wire"

local M = {}

local REQUESTS_A_MINUTE = 60
local DEFAULT_TTL, LEAST_TTL = 900000, 300000 -- ms; clients keep a token for a whole image

-- Who asks: a member, or nil and the answer to give.
local function authenticate(req, user, password)
  if not user then return nil, wire.sign_in(req) end
  local member, problem, credential = req.app.members:verify(user, password, req:client())
  if members.is_slowed_down(problem) then
    return nil, wire.too_many("too many failures to sign in", problem.retry_after)
  elseif problem then
    return nil, wire.error(problem)
  elseif not member then
    return nil, wire.sign_in(req)
  end
  req:is_from(member, credential)
  local allowed, retry_after = native.rate("tokens", member.id, REQUESTS_A_MINUTE)
  if not allowed then return nil, wire.too_many("too many tokens", retry_after) end
  return member
end

local function ttl_of(app) return math.max(app.settings.tokens.ttl or DEFAULT_TTL, LEAST_TTL) end

-- An application that the member may not see grants nothing, as one that does not exist.
local function access_for(app, member, scopes)
  local access = scope.grant(members.may_use(member, "pulls") and scopes or {}, app:service(), function(name)
    local product = app.catalog:find(name, member)
    return product ~= nil and product.image ~= nil
  end)
  return setmetatable(access, native.json.array)
end

local function issue(req, member, scopes, client_id)
  local app, now = req.app, native.clock.wall()
  local seconds = ttl_of(app) // 1000
  local token, problem = native.keys:mint({
    iss = app:issuer(), aud = app:service(), sub = member.id, client_id = client_id or "registry",
    exp = now // 1000 + seconds, credential = member.access_token, access = access_for(app, member, scopes),
  }, "at+jwt")
  if not token then return wire.error(problem) end
  return wire.json {
    token = token, access_token = token, expires_in = seconds, issued_at = native.clock.rfc3339(now),
  }:header("cache-control", "no-store")
end

local function by_query(req)
  local user, password = req:basic()
  local member, refused = authenticate(req, user, password)
  if not member then return refused end
  return issue(req, member, scope.list(req:queries "scope"), req:query "client_id")
end

local function by_form(req)
  local form, problem = req:form()
  if errors.is(problem, "Overloaded") then return wire.problem(413, "SIZE_INVALID", "the form is too large") end
  if not form then return wire.error(problem) end
  local function field(name) return form[name] and form[name][1] end
  local grant = field "grant_type"
  if grant and grant ~= "password" then
    return wire.problem(400, "UNSUPPORTED", "the grant_type here is password")
  end
  local user, password = field "username", field "password"
  if not (user and password) then user, password = req:basic() end
  local member, refused = authenticate(req, user, password)
  if not member then return refused end
  return issue(req, member, scope.list(form.scope or {}), field "client_id")
end

--- The endpoint /token, to be mounted at /auth.
---@return dunite.Router
function M.routes()
  local routes = router.new()
  routes:get("/token", by_query, "token")
  routes:post("/token", by_form, "token by form")
  routes.failed = function(_, problem) return wire.error(problem) end
  return routes
end

return M
