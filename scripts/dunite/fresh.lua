-- Knowledge with a time to live: what upstream said last, kept in the records, asked for again by one flight at a time
-- over all workers, and still used (up to `stale`) when upstream cannot be asked.

local native = require "dunite.native"
local errors = require "dunite.errors"

local M = {}

---@class dunite.Fresh
---@field bucket string
local Fresh = {}
Fresh.__index = Fresh

--- bucket: of the records; ttl and stale: milliseconds.
---@param bucket string
---@param ttl integer
---@param stale integer
---@return dunite.Fresh
function M.new(bucket, ttl, stale)
  return setmetatable({ bucket = bucket, ttl = ttl, stale = stale, decoded = {}, flights = native.flights("dunite." .. bucket) }, Fresh)
end

-- What the records hold, decoded once per text.
local function known(self, key)
  local raw = native.records:get(self.bucket, key)
  if not raw then
    self.decoded[key] = nil
    return nil
  end
  local last = self.decoded[key]
  if last and last.raw == raw then return last.row end
  local row = native.json.decode(raw)
  if type(row) ~= "table" then return nil end
  self.decoded[key] = { raw = raw, row = row }
  return row
end

local function age(row) return native.clock.wall() - row.at end

local function is_fresh(self, row)
  local old = row and age(row)
  return old and old >= 0 and old < self.ttl
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
function Fresh:forget(key) return native.records:delete(self.bucket, key) end

--- The value for the key; `ask` gets it from upstream (value, or nil and a problem) when what is known is too old.
---@async
---@param key string
---@param ask fun(): any, table?
---@return any? value, table? problem
function Fresh:get(key, ask)
  local row = known(self, key)
  if is_fresh(self, row) then return row.value end
  local value, problem = self.flights:run(key, function()
    local again = known(self, key)
    if is_fresh(self, again) then return again.value end
    local asked, failed = ask()
    if asked == nil then return nil, failed end
    return self:put(key, asked)
  end)
  if value ~= nil then return value end
  if row and problem.class ~= "NotFound" and age(row) < self.stale then
    native.log("warn", "upstream cannot be asked; what is known is used", { what = key, problem = tostring(problem) })
    return row.value
  end
  if errors.is(problem, "NotFound") then self:forget(key) end
  return nil, problem
end

return M
