-- The storefront's policy as a script for nginx: a bearer token, its member, one route of five, a slot, the day's count.
-- It is cheaper than dunite's: the token is looked up and no signature is checked, the counts are not durable, and
-- nothing is noted in an audit.

local M = {}

local MEMBERS = { ["@TOKEN@"] = { id = "ada", active = true } }
local CONCURRENCY, DAILY_CAP = 100000, 1000000000
local ROUTES = {
  { "^/v1/applications/([^/]+)/downloads$", "list" },
  { "^/v1/applications/([^/]+)/downloads/([^/]+)$", "download" },
  { "^/v1/applications/([^/]+)/downloads/([^/]+)/([^/]+)$", "version" },
  { "^/v2/([^/]+)/manifests/([^/]+)$", "manifest" },
  { "^/v2/([^/]+)/blobs/([^/]+)$", "blob" },
}
local PRODUCTS = { tool = true }

local slots, days = ngx.shared.slots, ngx.shared.days

local function member_of(header)
  local found = header and ngx.re.match(header, [[^bearer +([\w.~+/=-]+)\s*$]], "ijo")
  return found and MEMBERS[found[1]]
end

local function route_of(path)
  for _, route in ipairs(ROUTES) do
    local found = ngx.re.match(path, route[1], "jo")
    if found then return route[2], found[1] end
  end
end

local function take(id)
  if slots:incr(id, 1, 0) > CONCURRENCY then
    slots:incr(id, -1)
    return false
  end
  ngx.ctx.slot = id
  local now = ngx.time()
  local day = id .. math.floor(now / 86400)
  if days:incr(day, 1, 0, 86400 - now % 86400) > DAILY_CAP then
    days:incr(day, -1)
    return false
  end
  return true
end

function M.enter()
  local member = member_of(ngx.var.http_authorization)
  if not member or not member.active then return ngx.exit(401) end
  local route, slug = route_of(ngx.var.uri)
  if not route or not PRODUCTS[slug] then return ngx.exit(404) end
  if not take(member.id) then return ngx.exit(429) end
end

function M.leave()
  if ngx.ctx.slot then slots:incr(ngx.ctx.slot, -1) end
end

return M
