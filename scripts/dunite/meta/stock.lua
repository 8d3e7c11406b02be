---@meta dunite.native

-- What of dunite.native (native.lua has the rest) is for the operator's commands only: the store of blobs.

---@class dunite.native
local native = {}

---@class dunite.native.Stock
local stock = {}
---@type dunite.native.Stock
native.stock = stock
---@class dunite.native.StockRow
---@field digest string
---@field size integer
---@field used integer               -- when it was last used, to the minute
---@field readers integer            -- who hold it now
---@field names string[]             -- none: it is known by its digest only
--- Up to 1,000 blobs from a place on (the one the call before gave), those that came first first. No place: that was
--- the end.
---@async
---@param place? string
---@return dunite.native.StockRow[]? rows, string|table? place  -- or the problem
function stock:list(place) end
--- The digests that begin with these hex digits, ten at most, and how many there are.
---@async
---@param hex string
---@return string[]? digests, integer|table count
function stock:find(hex) end
--- Reads a blob and compares its digest. "wrong": it is served no more, and its file was moved to `place` ("": it could
--- not be). "gone": its file is not there; it was dropped.
---@async
---@param digest string
---@return { verdict: "sound"|"wrong"|"gone", place: string, why: string }? found, table? problem
function stock:verify(digest) end
---@class dunite.native.StockChange
---@field blobs integer              -- that left
---@field bytes integer
---@field held integer               -- of them, still read: their files go when that ends
---@field left_blobs integer
---@field left_bytes integer
--- Evicts what nobody reads, the least recently used first, until all together are `bytes` at most.
---@async
---@param bytes integer
---@return dunite.native.StockChange? change, table? problem
function stock:evict(bytes) end
--- Removes one blob and all its names.
---@async
---@param digest string
---@return dunite.native.StockChange? change, table? problem
function stock:remove(digest) end
