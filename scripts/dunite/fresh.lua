-- Knowledge with a time to live: what upstream said last, kept in the records, asked for again by one flight at a time
-- over all workers, and still used (up to `stale`) when upstream cannot be asked.

local native = require "dunite.native"
local errors = require "dunite.errors"

local M = {}

---@class dunite.Freshness   -- an app's, in milliseconds
---@field releases integer   -- how long each is believed
---@field manifests integer
---@field stale integer      -- how long it is still used when upstream cannot be asked

---@class dunite.Fresh
---@field bucket string
---@field what "releases"|"manifests"
local Fresh = {}
Fresh.__index = Fresh

--- bucket: of the records, and of the flights "dunite.BUCKET"; what: whose time to live it has.
---@param bucket string
---@param what "releases"|"manifests"
---@return dunite.Fresh
function M.new(bucket, what)
  local flights = native.flights("dunite." .. bucket)
  return setmetatable({ bucket = bucket, what = what, decoded = {}, flights = flights }, Fresh)
end

-- What the records hold, decoded once per text.
local function known(self, key)
  local last = self.decoded[key]
  local raw = native.records:get(self.bucket, key, last and last.raw)
  if not raw then
    self.decoded[key] = nil
    return nil
  end
  if last and last.raw == raw then return last.row end
  local row = native.json.decode(raw)
  if type(row) ~= "table" then return nil end
  self.decoded[key] = { raw = raw, row = row }
  return row
end

local function age(row) return native.clock.wall() - row.at end

local function is_fresh(row, ttl)
  local old = row and age(row)
  return old and old >= 0 and old < ttl
end

--- What is known without asking anybody, however old.
---@return any? value
function Fresh:peek(key)
  local row = known(self, key)
  return row and row.value
end

--- Notes it.
---@return any value
function Fresh:put(key, value)
  native.records:put(self.bucket, key, native.json.encode { at = native.clock.wall(), value = value })
  return value
end

--- Forgets it.
function Fresh:forget(key)
  self.decoded[key] = nil
  return native.records:delete(self.bucket, key)
end

--- Forgets all whose keys begin so.
function Fresh:forget_all(prefix)
  for _, key in ipairs(native.records:keys(self.bucket, prefix)) do self:forget(key) end
end

--- The value for the key; `ask` gets it from upstream (value, or nil and a problem) when what is known is too old.
--- wait: for so long at most, in milliseconds; asking goes on without who waited.
---@async
---@param key string
---@param freshness dunite.Freshness
---@param ask fun(): any, table?
---@param wait? integer
---@return any? value, table? problem
function Fresh:get(key, freshness, ask, wait)
  local row, ttl = known(self, key), freshness[self.what]
  if is_fresh(row, ttl) then return row.value end
  local value, problem = self.flights:run(key, function()
    local again = known(self, key)
    if is_fresh(again, ttl) then return again.value end
    local asked, failed = ask()
    if asked == nil then return nil, failed end
    return self:put(key, asked)
  end, { timeout = wait, on_abandon = "finish" })
  if value ~= nil then return value end
  if row and problem.class ~= "NotFound" and age(row) < freshness.stale then
    native.log("warn", "upstream cannot be asked; what is known is used", { what = key, problem = tostring(problem) })
    return row.value
  end
  if errors.is(problem, "NotFound") then self:forget(key) end
  return nil, problem
end

return M
