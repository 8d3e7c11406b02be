-- What a request that only explains gets in place of the engine's operations: each notes a step, looks without
-- touching, and gives what the operation would give. Named as the bindings name them (bindings/explain.h); what has no
-- entry here is really done. Each gives true and the results, or false: let it be done.

local native = require "dunite.native"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local text = require "dunite.text"

local M = {}

---@class dunite.Explaining
---@field steps table[]             -- in the order in which they would happen
---@field unasked table             -- the problem that an upstream which is not asked gives
---@field password string           -- that is taken as right
---@field token string              -- that is a good one of the member's
---@field claims? table             -- the token's
---@field records table<string, table<string, string|false>> -- what would have been put and deleted
local Explaining = {}
Explaining.__index = Explaining

---@return dunite.Explaining
function M.new()
  return setmetatable({
    steps = {}, records = {}, password = native.random(16), token = native.random(16),
    unasked = errors.new("Transport", { message = "this only explains: upstream is not asked", unasked = true }),
  }, Explaining)
end

function Explaining:step(kind, fields)
  fields.step = kind
  self.steps[#self.steps + 1] = fields
  return fields
end

-- A member whose entitlements tell when somebody looks at them.
function Explaining:member(member)
  if not member then return nil end
  local copy, held = {}, member.entitlements
  for key, value in pairs(member) do copy[key] = value end
  copy.entitlements = setmetatable({}, {
    __index = function(_, name)
      self:step("entitlement", { name = name, held = held[name] == true })
      return held[name]
    end,
    __pairs = function() return pairs(held) end,
  })
  return copy
end

local function nothing() end

local Lease = { release = nothing, refund = nothing, __close = nothing }
Lease.__index = Lease

local Event = { close = nothing }
Event.__index = Event

-- A blob that is not opened.
local Source = { close = nothing, __close = nothing }
Source.__index = Source
function Source:size() return self.bytes end
function Source:digest() return self.known_digest end
function Source:status() return self.state end
function Source:read() return nil, self.unasked end

local function url_of(upstream, url) return url:sub(1, 1) == "/" and upstream:url() .. url or url end

local function shown(limit) return limit < 0 and "unlimited" or limit end

local function denial(variant, reset)
  local fields = { variant = variant, reset_in_secs = variant == "DailyCap" and reset or nil }
  return setmetatable(fields, enum.denial_meta)
end

local tell = {}

tell["limiter.acquire"] = function(self, limiter, subject, concurrency, daily_cap, options)
  local outcome, running, used, reset = limiter:would(subject, concurrency, daily_cap, options)
  local given = options or {}
  self:step("limit", {
    limit = limiter:name(), subject = subject, outcome = outcome, running = running, concurrency = shown(concurrency),
    used = not given.slot_only and used or nil, daily_cap = not given.slot_only and shown(daily_cap) or nil,
    left = not given.slot_only and daily_cap >= 0 and math.max(0, daily_cap - used) or nil,
    reset_in_secs = reset, wait = given.wait, share = given.share,
  })
  if outcome == "granted" or outcome == "shared" then return true, setmetatable({}, Lease) end
  return true, nil, denial(outcome == "DailyCap" and outcome or "Concurrency", reset)
end

tell["cache.open"] = function(self, cache, options)
  local status, size = cache:peek(options)
  if status == "coalesced" then status = "filling" end
  local upstream = options.upstream
  local asks = status == "miss" or status == "bypass"
  if asks and not upstream then status, asks = "absent", false end
  self:step("cache", {
    entry = options.digest or options.name, version = options.version, status = status, size = size,
  })
  if status == "absent" then return true, nil, errors.new("NotFound", { message = "not in the cache" }) end
  if asks then
    self:step("upstream", {
      upstream = upstream:name(), method = "GET", url = url_of(upstream, options.url), scope = options.scope,
      fills = status == "miss",
    })
  end
  return true, setmetatable({
    bytes = size or options.size, known_digest = options.digest, state = status, unasked = self.unasked,
  }, Source)
end

tell["upstream.fetch"] = function(self, upstream, options)
  self:step("upstream", {
    upstream = upstream:name(), method = options.method or "GET", url = url_of(upstream, options.url),
    scope = options.scope, fills = false,
  })
  return true, nil, self.unasked
end

tell["cache.store"] = function(_, _, bytes, digest) return true, digest or native.sha256(bytes) end
tell["cache.forget"] = function() return true, false end

local function bucket(self, name)
  self.records[name] = self.records[name] or {}
  return self.records[name]
end

tell["records.get"] = function(self, _, name, key)
  local value = bucket(self, name)[key]
  return value ~= nil, value or nil
end

tell["records.put"] = function(self, _, name, key, value)
  bucket(self, name)[key] = value == nil and false or value
  return true, true
end


tell["records.delete"] = function(self, records, name, key)
  local before = bucket(self, name)[key]
  if before == nil then before = records:get(name, key) end
  bucket(self, name)[key] = false
  return true, before and true or false
end

tell["records.commit"] = function(self, _, name, key, value)
  bucket(self, name)[key] = value or false
  return true, true
end

tell["members.find"] = function(self, members, name) return true, self:member(members:find(name)) end

tell["members.verify"] = function(self, members, name, password, _, outside)
  if password ~= self.password then
    self:step("note", { text = "the password is taken as right: to check it would count failures" })
  end
  return true, outside or self:member(members:find(name))
end

tell["members.save"] = function() return true, true end
tell["members.remove"] = tell["members.save"]

tell["keys.verify"] = function(self, _, token)
  return token == self.token, self.claims
end

tell["keys.mint"] = function() return true, "a-token" end
tell["keys.create"] = function() return true, "a-key" end
for _, name in ipairs { "retire", "remove", "activate", "reload" } do
  tell["keys." .. name] = function() return true, true end
end
tell["limiter.reset"] = function() return true, true end
tell["members.import"] = function() return true, nil, errors.new("Script", { message = "not while this explains" }) end
tell["rate"] = function() return true, true end
tell["count"] = function() return true end
tell["reload"] = function() return true, false, 0, "not while this explains" end

tell["audit.open"] = function(self, _, fields)
  self:step("audit", {
    kind = fields.kind, application = fields.application, version = fields.version, asset = fields.asset,
    digest = fields.digest,
  })
  return true, setmetatable({}, Event)
end

-- A line about the upstream that was not asked is about us.
tell["log"] = function(self, level, message, fields)
  local ours = fields and tostring(fields.problem or ""):find(self.unasked.message, 1, true)
  if not ours then self:step("log", { level = level, message = message }) end
  return true
end

--- The operations that are told, and not done.
---@return string[]
function M.names() return text.keys(tell) end

--- What the bindings call.
---@param explaining dunite.Explaining
function M.explainer(explaining)
  return function(operation, ...)
    local told = tell[operation]
    if not told then return false end
    return told(explaining, ...)
  end
end

return M
