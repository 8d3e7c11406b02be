-- Why a request would be answered as it would: the deployment's own handler runs, and notes what it would do.
--
-- Invariants
--  1. No counter, cache, record, audit line or log is touched, and no upstream is asked: dunite.explain.operations
--     stands in for them in this one request (bindings/explain.h).
--  2. There is no second description of the routes: what is told is what the handler did.
--  3. Where the answer depends on what upstream says, it is said so: `assumed`.

local native = require "dunite.native"
local exchange = require "dunite.explain.exchange"
local operations = require "dunite.explain.operations"
local text = require "dunite.text"

local M = {}

local FIELDS = { method = "string", path = "string", as = "string", headers = "table", at = "string", body = "string" }
local TELLING = { "content-type", "content-disposition", "retry-after", "www-authenticate", "allow", "location" }

---@class dunite.Explain   -- what is asked
---@field method string
---@field path string      -- with its query
---@field as? string       -- a member's id or address
---@field headers? string[] -- "Name: value"
---@field at? string       -- RFC 3339
---@field body? string

-- What is wrong with the asking; nil when nothing is.
local function check(ask)
  for _, key in ipairs(text.keys(ask)) do
    if not FIELDS[key] then return "no such field: " .. key .. text.did_you_mean(key, text.keys(FIELDS)) end
    if type(ask[key]) ~= FIELDS[key] then return key .. " is a " .. FIELDS[key] end
  end
  if not (ask.method or ""):match("^%u+$") then
    return ("METHOD: found '%s', allowed is GET, HEAD, POST, …"):format(ask.method)
  end
  if (ask.path or ""):sub(1, 1) ~= "/" then return "PATH begins with '/'" end
  if ask.at and not native.clock.parse(ask.at) then
    return ("--at: found '%s', allowed is a time such as 2026-01-31T23:59:50Z"):format(ask.at)
  end
end

local function headers_of(ask)
  local headers = {}
  for _, line in ipairs(ask.headers or {}) do
    local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):%s*(.-)%s*$")
    if not name then return nil, ("-H: found '%s', allowed is 'Name: value'"):format(line) end
    name = name:lower()
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
  return headers
end

local function names_of(members_list)
  local names = {}
  for i, member in ipairs(members_list) do names[i] = member.id end
  return names
end

-- A token of the registry's for all that the member may see, as a client would have got it.
local function claims_for(app, member)
  local access = {}
  for _, product in ipairs(app.catalog:visible(member)) do
    if product.image then access[#access + 1] = { type = "repository", name = product.slug, actions = { "pull" } } end
  end
  return { sub = member.id, access = access }
end

-- Runs the handler with these credentials: the explaining, and what it answered.
local function try(app, ask, headers, member, credential)
  local explaining = operations.new()
  local sent, who = {}, nil
  for name, values in pairs(headers) do sent[name] = values end
  if member and credential == "token" then
    explaining.claims = claims_for(app, member)
    sent.authorization = { "Bearer " .. explaining.token }
  elseif member then
    sent.authorization = { "Basic " .. native.base64url(member.email .. ":" .. explaining.password) }
  end
  local asked = exchange.new {
    method = ask.method, target = ask.path, headers = sent, body = ask.body,
    on_member = function(id)
      who = native.members:find(id) or { id = id }
      local by = (sent.authorization or { "" })[1]:match("^[Bb]earer") and "token" or "password"
      explaining:step("member", { id = id, email = who.email, credential = by })
    end,
  }
  native.explain(operations.explainer(explaining), ask.at and native.clock.parse(ask.at) or nil)
  local ok, made = pcall(app.dispatch, app, asked)
  native.explain(nil)
  if not ok then error(made, 0) end
  return { explaining = explaining, exchange = asked, made = made, headers = sent }
end

-- A token where one is taken, else the password.
local function run(app, ask, headers, member)
  local tried = try(app, ask, headers, member, "token")
  if member and tried.made.status == 401 then
    local again = try(app, ask, headers, member, "password")
    if again.made.status ~= 401 then return again end
  end
  return tried
end

local function route_of(app, ask)
  local path = ask.path:match("^[^?]*")
  local route, found = app:match(ask.method, path)
  if not route then return nil, found end
  return { method = route.method, pattern = route.pattern, name = route.name, where = route.where, params = found }
end

-- What conditions and ranges make of a 200 (RFC 9110).
local function status_of(tried, ask)
  local made = tried.made
  if made.status ~= 200 or not (made.etag or made.source) then return made.status end
  local sent = {}
  for name, values in pairs(tried.headers) do sent[name] = table.concat(values, ", ") end
  return native.decide({
    method = ask.method, size = made.source and made.source:size() or made.length or nil, etag = made.etag,
    ranges = made.ranges ~= false and made.source ~= nil,
  }, sent)
end

local function answer_of(tried, ask)
  local made, told = tried.made, {}
  for _, name in ipairs(TELLING) do told[name] = made.headers[name] end
  if made.problem == tried.explaining.unasked then
    return { status = 200, assumed = true, headers = {} }
  end
  local fills = false
  for _, step in ipairs(tried.explaining.steps) do fills = fills or step.fills == true end
  return {
    status = status_of(tried, ask), assumed = fills and made.status < 300, headers = told, reason = made.reason,
    problem = made.problem and made.problem.variant or nil,
  }
end

--- The explanation; or nil and what is wrong with the asking. Inside a request only.
---@async
---@param app dunite.App
---@param ask dunite.Explain
---@return table? explanation, string? wrong
function M.run(app, ask)
  local wrong = check(ask)
  if wrong then return nil, wrong end
  local headers, malformed = headers_of(ask)
  if not headers then return nil, malformed end
  headers.host = headers.host or { (app.external_url or "http://localhost"):match("//([^/]+)") }
  local member = ask.as and native.members:find(ask.as)
  if ask.as and not member then
    local near = text.did_you_mean(ask.as, names_of(native.members:list()))
    local elsewhere = app.members.outside and " (those who are kept elsewhere are not asked for)" or ""
    return nil, ("there is no member '%s'%s%s"):format(ask.as, near, elsewhere)
  end
  local route, why = route_of(app, ask)
  local tried = run(app, ask, headers, member)
  local steps = setmetatable(tried.explaining.steps, native.json.array)
  return {
    method = ask.method, path = ask.path, as = member and member.id or nil,
    at = native.clock.rfc3339(ask.at and native.clock.parse(ask.at) or native.clock.wall()),
    route = route, no_route = why, steps = steps, answer = answer_of(tried, ask),
  }
end

return M
