-- Manifests: their media types, and what they refer to.

local native = require "dunite.native"
local errors = require "dunite.errors"

local M = {}

--- The largest manifest that is taken, in bytes (what registries commonly allow), and how many things one may refer to.
M.MOST = 4 << 20
local MOST_CHILDREN = 5000

local INDEX = "application/vnd.oci.image.index.v1+json"
local MANIFEST = "application/vnd.oci.image.manifest.v1+json"

M.INDEX = INDEX

-- Upstream is always asked for every kind we can hand on, besides what the client names: what it then answers does not
-- depend on who asked first.
local KNOWN = {
  INDEX, MANIFEST,
  "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
}

--- The Accept list for upstream: all of ours, and the client's (its several header lines merged, RFC 9110 section 5.3).
---@param wanted? string
---@return string
function M.accept(wanted)
  local list, there = {}, {}
  local function add(range)
    local media_type = range:match("^%s*([^;%s]+)")
    if media_type and not there[media_type] then
      there[media_type] = true
      list[#list + 1] = range:match("^%s*(.-)%s*$")
    end
  end
  for _, media_type in ipairs(KNOWN) do add(media_type) end
  for range in (wanted or ""):gmatch("[^,]+") do add(range) end
  return table.concat(list, ", ")
end

--- Is it a digest that we can verify?
function M.is_digest(text) return text:match("^sha256:" .. ("[0-9a-f]"):rep(64) .. "$") ~= nil end

local function gather(list, into)
  for _, descriptor in ipairs(type(list) == "table" and list or {}) do
    local digest = type(descriptor) == "table" and (descriptor.digest or descriptor.blobSum)
    if type(digest) == "string" and M.is_digest(digest) then into[#into + 1] = digest end
  end
end

local GENERIC = { ["application/json"] = true, ["application/octet-stream"] = true }

-- What can stand in a header: it comes from upstream, and goes out as a Content-Type.
local function is_media_type(text) return text:match("^[%w!#$&^_.+-]+/[%w!#$&^_.+-]+$") ~= nil end

local function media_type_of(document)
  local own = document.mediaType
  if type(own) == "string" and is_media_type(own) then return own end
  return document.manifests and INDEX or MANIFEST
end

--- Reads one: the digests it refers to, and its media type (that of the answer it came in, else its own).
---@param bytes string
---@param content_type? string
---@return { media_type: string, children: string[] }? manifest, table? problem
function M.parse(bytes, content_type)
  local document, reason = native.json.decode(bytes)
  if type(document) ~= "table" then
    return nil, errors.new("Upstream", { message = "a manifest that is no JSON document: " .. tostring(reason) })
  end
  local children = {}
  gather(document.manifests, children)
  gather({ document.config }, children)
  gather(document.layers, children)
  gather(document.blobs, children)
  if #children > MOST_CHILDREN then
    return nil, errors.new("Upstream", { message = ("a manifest that refers to %d things"):format(#children) })
  end
  local given = content_type and content_type:match("^%s*([^;%s]+)")
  local exact = given and is_media_type(given) and not GENERIC[given]
  return { media_type = exact and given or media_type_of(document), children = children }
end

return M
