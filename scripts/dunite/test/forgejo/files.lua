-- The folder that is served.

local native = require "dunite.native"

local M = {}

local root = native.getenv "DOUBLE_ROOT" or error("DOUBLE_ROOT: the folder to serve is not set", 0)
local folder = assert(native.folder(root))

--- Names in a folder below, sorted; none where there is no such folder.
---@return string[]
function M.names(...)
  local names = folder:names(table.concat({ ... }, "/")) or {}
  table.sort(names)
  return names
end

--- Is there such a folder?
function M.has(...) return folder:names(table.concat({ ... }, "/")) ~= nil end

---@return dunite.native.File?
function M.open(...) return (folder:file(table.concat({ ... }, "/"))) end

local digests = {} -- of files that have not changed since

--- The digest of a file, in hex.
function M.sha256(path)
  local file <close> = M.open(path)
  local version = ("%d %d"):format(file:size(), file:modified())
  local known = digests[path]
  if not known or known.version ~= version then
    known = { version = version, hex = file:digest():sub(8) }
    digests[path] = known
  end
  return known.hex
end

return M
