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

--- Why a manifest of Docker's schema 1 is not handed on; members are told.
M.SCHEMA_1 = "this image is kept as a manifest of Docker's schema 1, which is not handed out; push it again"

-- Upstream is always asked for every kind we can hand on, besides what the client names: what it then answers does not
-- depend on who asked first.
local KNOWN = {
  INDEX, MANIFEST,
  "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.artifact.manifest.v1+json", "application/vnd.cncf.oras.artifact.manifest.v1+json",
}

-- What a client may add, in ranges and in bytes each: no client's list makes upstream refuse what others wait for, too.
local MOST_RANGES, LONGEST_RANGE = 16, 200

-- What can stand as a media type or range in a header; goes out to upstream.
local RANGE = "^[%w!#$&^_.+*-]+/[%w!#$&^_.+*-]+[%w !#$&^_.+*;=-]*$"

--- The Accept list for upstream: all of ours, and the client's (its several header lines merged, RFC 9110 section 5.3).
---@param wanted? string
---@return string
function M.accept(wanted)
  local list, there = {}, {}
  local function add(range)
    local media_type = range:match("^[^;%s]+")
    if not there[media_type] then
      there[media_type] = true
      list[#list + 1] = range
    end
  end
  for _, media_type in ipairs(KNOWN) do add(media_type) end
  for text in (wanted or ""):gmatch("[^,]+") do
    local range = text:match("^%s*(.-)%s*$")
    if #range <= LONGEST_RANGE and range:find(RANGE) and #list < #KNOWN + MOST_RANGES then add(range) end
  end
  return table.concat(list, ", ")
end

--- Is it a digest that we can verify?
function M.is_digest(text) return text:match("^sha256:" .. ("[0-9a-f]"):rep(64) .. "$") ~= nil end

--- Is it a type that a manifest can have? It comes from upstream, and goes out in a header.
function M.is_type(text)
  return type(text) == "string" and #text <= 255 and text:find("^application/[%w!#$&^_.+-]+%+json$") ~= nil
end

local function gather(list, into)
  for _, descriptor in ipairs(type(list) == "table" and list or {}) do
    local digest = type(descriptor) == "table" and descriptor.digest
    if type(digest) == "string" and M.is_digest(digest) then into[#into + 1] = digest end
  end
end

local function type_of(document, content_type)
  local given = content_type and content_type:match("^%s*([^;%s]+)")
  if M.is_type(given) then return given end
  if M.is_type(document.mediaType) then return document.mediaType end
  return document.manifests and INDEX or MANIFEST
end

local function refuse(why) return nil, errors.new("Upstream", { message = why }) end

---@class dunite.oci.Parsed
---@field media_type string
---@field children string[]  -- the digests that it refers to
---@field manifests string[] -- those of them that are manifests themselves

--- Reads one: what it refers to, and its media type (that of the answer it came in, else its own).
---@param bytes string
---@param content_type? string
---@return dunite.oci.Parsed? manifest, table? problem
function M.parse(bytes, content_type)
  local document, reason = native.json.decode(bytes)
  if type(document) ~= "table" or getmetatable(document) == native.json.array then
    return refuse("a manifest that is no JSON document: " .. tostring(reason))
  end
  if document.schemaVersion == 1 then return nil, errors.new("NotFound", { message = M.SCHEMA_1 }) end
  if document.schemaVersion ~= 2 and not M.is_type(document.mediaType) then
    return refuse("a JSON document that is no manifest")
  end
  local manifests, children = {}, {}
  gather(document.manifests, manifests)
  table.move(manifests, 1, #manifests, 1, children)
  gather({ document.config }, children)
  gather(document.layers, children)
  gather(document.blobs, children)
  if #children > MOST_CHILDREN then return refuse(("a manifest that refers to %d things"):format(#children)) end
  return { media_type = type_of(document, content_type), children = children, manifests = manifests }
end

return M
