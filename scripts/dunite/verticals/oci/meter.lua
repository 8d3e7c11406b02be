-- What a pull costs. A tag's manifest takes a slot and one of the day's count; what follows of the image is addressed
-- by digest and takes a slot only. So an image of many parts is one pull, and nothing is denied in the middle of it.
--
-- A HEAD and the GET after it, of one tag by one member, have pulled once: the HEAD notes its share, and the first GET
-- within the window takes it. Every other GET is a pull of its own.

local native = require "dunite.native"

local M = {}

local BUCKET = "oci.heads" -- member, application and tag -> the share of the HEAD that came last, and when

---@class dunite.oci.Meter
local Meter = {}
Meter.__index = Meter

--- limiter: a limit of the app; wait: how long to queue for a slot; window: how long a HEAD covers a GET. Milliseconds.
---@param options { limiter: dunite.Limit, wait: integer, window: integer }
---@return dunite.oci.Meter
function M.new(options)
  return setmetatable({ limiter = options.limiter, wait = options.wait / 1000, window = options.window }, Meter)
end

-- The share of a HEAD that no GET has taken yet.
local function take_share(self, key)
  local noted = native.records:get(BUCKET, key)
  if not noted then return nil end
  native.records:delete(BUCKET, key)
  local share, at = noted:match("^(%S+) (%d+)$")
  local age = native.clock.wall() - tonumber(at)
  return age >= 0 and age < self.window and share or nil
end

--- A pull of the tag: a lease, or nil and a LimitDenial or a problem.
---@async
---@param req dunite.Request
---@return dunite.native.Lease? lease, table? problem
function Meter:pull(req, product, tag)
  local member = req.member
  local key = ("%s@%s@%s"):format(product.slug, tag, member.id)
  local is_head = req.method == "HEAD"
  local share = is_head and req.id or take_share(self, key)
  local lease, problem = self.limiter:acquire(member, { share = share, cover = self.window / 1000, wait = self.wait })
  if lease and is_head then native.records:put(BUCKET, key, ("%s %d"):format(share, native.clock.wall())) end
  return lease, problem
end

--- Tells in the answer what is left of the member's day.
function Meter:tell(made, member) return self.limiter:tell(made, member) end

--- A part of an image: waits for a slot as a pull does, then goes on without one.
---@async
---@return dunite.native.Lease? lease
function Meter:part(member)
  local lease, problem = self.limiter:acquire_concurrency_only(member, { wait = self.wait })
  if not lease then
    native.log("warn", "a part of an image goes on without a slot", { why = tostring(problem) })
  end
  return lease
end

return M
