-- What a pull costs. A tag's manifest takes a slot and one of the day's count; what follows of the image is addressed
-- by digest and takes a slot only. So an image of many parts is one pull, and nothing is denied in the middle of it.

local native = require "dunite.native"

local M = {}

---@class dunite.oci.Meter
local Meter = {}
Meter.__index = Meter

--- limiter: a limit of the app; wait: how long to queue for a slot; window: in which a HEAD and the GET after it, of
--- one tag by one member, have pulled once. Milliseconds.
---@param options { limiter: dunite.Limit, wait: integer, window: integer }
---@return dunite.oci.Meter
function M.new(options)
  return setmetatable({ limiter = options.limiter, wait = options.wait / 1000, window = options.window / 1000 }, Meter)
end

--- A pull of the tag: a lease, or nil and a LimitDenial or a problem.
---@async
---@return dunite.native.Lease? lease, table? problem
function Meter:pull(member, product, tag)
  return self.limiter:acquire(member, { share = product.slug .. ":" .. tag, cover = self.window, wait = self.wait })
end

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
