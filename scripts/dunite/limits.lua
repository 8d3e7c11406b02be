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
  if not options then return nil end
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

--- What the member has left today, and the seconds to the next UTC midnight.
---@return { limit: integer?, used: integer, running: integer, reset_in_secs: integer }
function Limit:look(member)
  local running, counted, reset = self.limiter:look(subject_of(member))
  local cap = number(self.daily_cap, member, "daily_cap")
  return { limit = cap >= 0 and cap or nil, used = counted, running = running, reset_in_secs = reset }
end

return M
