-- A deployment: the table that dunite.lua returns, its schema, and where its values come from.

local native = require "dunite.native"
local schema = require "dunite.schema"

local M = {}

---@class dunite.Deployment
local Deployment = {}
Deployment.__index = Deployment

local function missing(message) return setmetatable({ message = message }, schema.Missing) end

--- An environment variable; "" counts as unset. Without a default it must be set.
---@param name string
---@param default? any
function M.env(name, default)
  local value = native.getenv(name)
  if value ~= nil then return value end
  if default ~= nil then return default end
  return missing("the environment variable " .. name .. " is not set")
end

-- A secret never shows itself: not in a log, not in an error, not in `status`.
local Secret = { __name = "secret", __tostring = function(secret) return "secret " .. secret.name end }
local revealed = setmetatable({}, { __mode = "k" })

--- A secret: the file named by NAME_FILE, else the variable NAME. optional: nil when neither is set.
---@param name string
---@param optional? boolean
function M.secret(name, optional)
  local value, reason = native.secret(name)
  if not value then
    if optional then return nil end
    return missing(reason or ("neither " .. name .. "_FILE nor " .. name .. " is set"))
  end
  local secret = setmetatable({ name = name }, Secret)
  revealed[secret] = value
  return secret
end

local function secret(value)
  if getmetatable(value) == Secret then return revealed[value] end
  if type(value) == "string" then return value end
  return nil, 'dunite.secret "NAME"'
end

local function limit(value)
  if value == "unlimited" or type(value) == "function" then return value end
  local number = math.tointeger(tonumber(value))
  if number and number >= 0 then return number end
  return nil, 'a whole number from 0, "unlimited", or function(member)'
end

local function module_of(value)
  if type(value) == "string" or type(value) == "function" or type(value) == "table" then return value end
  return nil, "a module's name, a file that ends in .lua, a table, or a function"
end

local function web_url(value)
  local parts = type(value) == "string" and native.url_parse(value)
  if parts then return (value:gsub("/+$", "")) end
  return nil, "an http or https URL"
end

local function cidr(value)
  if type(value) == "string" and pcall(native.cidr_has, { value }, "127.0.0.1") then return value end
  return nil, 'an address or a range such as "10.0.0.0/8"'
end

local function listen_address(value)
  local port = type(value) == "string" and math.tointeger(tonumber(value:match("^.+:(%d+)$")))
  if port and port <= 65535 or type(value) == "string" and value:match("^unix:.+") then return value end
  return nil, "host:port, [::]:port or unix:PATH"
end

local upstream = {
  kind = { type = "choice", one_of = { "forgejo", "oci", "plain" }, required = true },
  url = { type = web_url, required = true },
  token = { type = secret },
  username = { type = secret },
  password = { type = secret },
  allow_private = { type = "list", of = { type = cidr }, default = {} },
  credential_hosts = { type = "list", of = { type = "string" }, default = {} },
  ca_file = { type = "string" },
  connect_timeout = { type = "duration", default = 10000 },
  first_byte_timeout = { type = "duration", default = 30000 },
  stall_timeout = { type = "duration", default = 30000 },
  connections = { type = "integer", min = 1, max = 10000, default = 64 },
}

M.schema = {
  name = { type = "string", default = "dunite" },
  listen = { type = "list", of = { type = listen_address }, default = { "127.0.0.1:8080" } },
  admin_listen = { type = "list", of = { type = listen_address }, default = {} },
  external_url = { type = web_url },
  trusted_proxies = { type = "list", of = { type = cidr }, default = {} },
  data_dir = { type = "string", default = "data" },
  workers = { type = "integer", min = 0, max = 256, default = 0 },
  drain = { type = "duration", default = 30000 },
  log = { type = "table", default = {}, fields = {
    format = { type = "choice", one_of = { "text", "json" } },
    level = { type = "choice", one_of = { "debug", "info", "warn", "error" } },
    file = { type = "string" },
  } },
  upstreams = { type = "map", of = { type = "table", fields = upstream }, default = {} },
  limits = { type = "map", default = {}, of = { type = "table", fields = {
    concurrency = { type = limit, default = "unlimited" },
    daily_cap = { type = limit, default = "unlimited" },
  } } },
  flights = { type = "list", of = { type = "string" }, default = {} },
  cache = { type = "table", default = {}, fields = {
    max_bytes = { type = "size" },
    min_free_bytes = { type = "size" },
    fills_per_upstream = { type = "integer", min = 1, max = 1000 },
    fills_per_member = { type = "integer", min = 1, max = 1000 },
    accept_empty = { type = "boolean" },
    dir = { type = "string" },
  } },
  budget = { type = "table", default = {}, fields = {
    instructions = { type = "integer", min = 1000 },
    memory = { type = "size" },
  } },
  reload = { type = "table", default = { specs = false, specs_timeout = 300000 }, fields = {
    specs = { type = "boolean", default = false },
    specs_timeout = { type = "duration", default = 300000 },
  } },
  tokens = { type = "table", default = {}, fields = {
    service = { type = "string" },
    realm = { type = web_url },
    ttl = { type = "duration" },
  } },
  audit = { type = "table", default = { keep = 365 * 86400000 }, fields = {
    keep = { type = "duration", default = 365 * 86400000 },
  } },
  freshness = { type = "table", default = { releases = 300000, manifests = 300000, stale = 86400000 }, fields = {
    releases = { type = "duration", default = 300000 },
    manifests = { type = "duration", default = 300000 },
    stale = { type = "duration", default = 86400000 },
  } },
  catalog = { type = module_of },
  members = { type = module_of },
  routes = { type = module_of, required = true },
}

--- Declares the deployment; what dunite.lua returns.
---@param settings table
---@return dunite.Deployment
function M.deployment(settings)
  if type(settings) ~= "table" then error("dunite.deployment takes a table", 2) end
  return setmetatable({ settings = settings }, Deployment)
end

--- Is it what dunite.deployment gave?
function M.is(value) return getmetatable(value) == Deployment end

-- A table of named things: no list, and nothing with a behaviour of its own (a secret).
local function is_map(value)
  return type(value) == "table" and #value == 0 and getmetatable(value) == nil
end

-- Overrides go into the tables they name, and replace what is no table.
local function merge(settings, overrides)
  local out = {}
  for key, value in pairs(settings) do out[key] = value end
  for key, value in pairs(overrides) do
    local old = out[key]
    out[key] = is_map(old) and is_map(value) and merge(old, value) or value
  end
  return out
end

local function is_loopback(address)
  if address:match("^unix:") then return true end
  local host = address:match("^(.*):%d+$")
  return host == "localhost" or host == "[::1]" or host:match("^127%.%d+%.%d+%.%d+$") ~= nil
end

-- Realm, issuer and listed URLs are built from it; what a client says of itself will do on this machine only.
local function check_external_url(settings, findings, where)
  for _, address in ipairs(not settings.external_url and settings.listen or {}) do
    if not is_loopback(address) then
      findings[#findings + 1] = ("%s: external_url: is missing (it may be left out only when every listener is " ..
        "loopback, and %s is not)"):format(where, address)
      return
    end
  end
end

--- The settings to use, checked; findings is appended to.
---@param deployment dunite.Deployment
---@param overrides table
---@param findings string[]
---@param where string
---@return table
function M.settle(deployment, overrides, findings, where)
  local settings = schema.check(merge(deployment.settings, overrides), M.schema, findings, where)
  check_external_url(settings, findings, where)
  return settings
end

return M
