---@meta dunite.native

-- What of dunite.native (native.lua has the rest) is for doubles of upstreams only: folders to serve from, and bodies
-- that are held back.

---@class dunite.native
local native = {}

---@class dunite.native.Folder  -- to serve from; has __close and __gc
local folder = {}
--- While loading only.
---@param path string
---@return dunite.native.Folder? folder, string? reason
function native.folder(path) end
--- What is in a folder below, but for hidden names; in no order.
---@param path string       -- "." for itself
---@return string[]? names, string? reason
function folder:names(path) end
---@param path string
---@return dunite.native.File? file, string? reason
function folder:file(path) end

---@class dunite.native.File  -- a plain file, open; has __close and __gc
local file = {}
---@return integer
function file:size() end
---@return integer          -- seconds since 1970
function file:modified() end
--- All of it; raises when it is larger than max.
---@param max integer
---@return string
function file:read(max) end
---@return string digest
function file:digest() end
function file:close() end

---@class dunite.native.Gate  -- has __close and __gc, which open it
local gate = {}
--- Bodies behind it give their first `at` bytes, then stand until it is opened or cut.
---@param at integer
---@return dunite.native.Gate
function native.gate(at) end
function gate:open() end
--- What stands at it, and what comes to it, breaks.
function gate:cut() end
--- How many stand at it.
---@return integer
function gate:waiting() end

return native
