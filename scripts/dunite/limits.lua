-- Limits: a limiter with the deployment's numbers. A number may be a function of the member (plans).

local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

---@class dunite.Limit
local Limit = {}
Limit.__index = Limit

---@param name string
---@param settings { concurrency: any, daily_cap: any }
---@return dunite.Limit
function M.new(name, settings)
  return setmetatable({
    name = name, limiter = native.limiter(name), concurrency = settings.concurrency, daily_cap = settings.daily_cap,
  }, Limit)
end

local function number(limit, member, name)
  if math.type(limit) == "integer" and limit >= 0 then return limit end
  if type(limit) == "function" then
    if type(member) ~= "table" then error(name .. " is a function of the member: give the member, not an id", 3) end
    limit = limit(member)
  end
  if limit == "unlimited" then return -1 end
  local whole = math.tointeger(limit)
  if not whole or whole < 0 then
    error(("%s gave %s; allowed is a whole number from 0 or \"unlimited\""):format(name, tostring(limit)), 3)
  end
  return whole
end

local function duration(value, name)
  local ms = value and text.milliseconds(value)
  if value and not ms then
    error(("%s: found %s, allowed is a duration such as \"10s\""):format(name, tostring(value)), 3)
  end
  return ms
end

local COVER = 600000 -- ms that a share's count covers
local OPTIONS = { share = true, cover = true, wait = true }

local function options_of(options)
  if not options or next(options) == nil then return nil end
  for key in pairs(options) do
    if not OPTIONS[key] then
      error("acquire has no option '" .. tostring(key) .. "'" .. text.did_you_mean(key, text.keys(OPTIONS)), 3)
    end
  end
  local cover = duration(options.cover, "cover") or (options.share and COVER or nil)
  return { share = options.share, cover = cover, wait = duration(options.wait, "wait") }
end

local function subject_of(member)
  if type(member) == "string" then return member end
  return type(member) == "table" and member.id or error("acquire takes a member or a subject", 3)
end

--- A slot and one of the day's count: a lease, or nil and a LimitDenial or an ErrorKind.
--- share: pieces of one thing that hold one slot and one count together, covered for `cover` (10 minutes);
--- wait: queue so long for a slot.
---@async
---@param member dunite.native.Member|string
---@param options? { share?: string, cover?: string|number, wait?: string|number }
---@return dunite.native.Lease? lease, table? problem
function Limit:acquire(member, options)
  return self.limiter:acquire(subject_of(member), number(self.concurrency, member, "concurrency"),
    number(self.daily_cap, member, "daily_cap"), options_of(options))
end

--- A slot only; the day is never touched.
---@async
---@return dunite.native.Lease? lease, table? problem
function Limit:acquire_concurrency_only(member, options)
  local given = options_of(options) or {}
  given.slot_only = true
  return self.limiter:acquire(subject_of(member), number(self.concurrency, member, "concurrency"), -1, given)
end

local function or_nil(limit) return limit >= 0 and limit or nil end

---@class dunite.Seen
---@field limit? integer         -- of the day; nil: unlimited
---@field used integer
---@field left? integer
---@field concurrency? integer   -- at once; nil: unlimited
---@field running integer
---@field reset_in_secs integer  -- to the next UTC midnight

--- What the member has left today.
---@return dunite.Seen
function Limit:look(member)
  local running, counted, reset = self.limiter:look(subject_of(member))
  local cap = or_nil(number(self.daily_cap, member, "daily_cap"))
  return {
    limit = cap, used = counted, left = cap and math.max(cap - counted, 0), running = running,
    concurrency = or_nil(number(self.concurrency, member, "concurrency")), reset_in_secs = reset,
  }
end

--- Begins the member's day anew.
---@return true? ok, table? problem
function Limit:reset(member) return self.limiter:reset(subject_of(member)) end

--- Tells in the answer what is left of the day, by the fields RateLimit-Policy and RateLimit
--- (draft-ietf-httpapi-ratelimit-headers-10). An unlimited day tells nothing.
---@param made dunite.Answer
---@param member dunite.native.Member|string
---@return dunite.Answer made
function Limit:tell(made, member)
  local cap = number(self.daily_cap, member, "daily_cap")
  if cap < 0 then return made end
  local _, counted, reset = self.limiter:look(subject_of(member))
  local left = counted < cap and cap - counted or 0
  if self.told ~= cap then self.told, self.policy = cap, ('"%s";q=%d;w=86400'):format(self.name, cap) end
  made.headers["ratelimit-policy"] = self.policy
  made.headers["ratelimit"] = ('"%s";r=%d;t=%d'):format(self.name, left, reset)
  return made
end

return M
