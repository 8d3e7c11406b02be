-- Small images as an OCI layout, for the Forgejo double.

local native = require "dunite.native"

local M = {}

local INDEX = "application/vnd.oci.image.index.v1+json"
local MANIFEST = "application/vnd.oci.image.manifest.v1+json"
local CONFIG = "application/vnd.oci.image.config.v1+json"
local LAYER = "application/vnd.oci.image.layer.v1.tar"

local function add(blobs, bytes)
  local digest = native.sha256(bytes)
  blobs[digest] = bytes
  return digest
end

local function descriptor(blobs, media_type, bytes)
  return { mediaType = media_type, digest = add(blobs, bytes), size = #bytes }
end

---@class dunite.test.Image
---@field digest string                       -- of the manifest or index
---@field media_type string
---@field layers string[]                     -- digests
---@field config? string
---@field platforms? table<string, dunite.test.Image>

local function single(blobs, layers, architecture)
  local image = { media_type = MANIFEST, layers = {} }
  local list, diff_ids = {}, {}
  for i, bytes in ipairs(layers) do
    list[i] = descriptor(blobs, LAYER, bytes)
    image.layers[i], diff_ids[i] = list[i].digest, list[i].digest
  end
  local config = descriptor(blobs, CONFIG, native.json.encode {
    architecture = architecture, os = "linux", rootfs = { type = "layers", diff_ids = diff_ids },
  })
  image.config = config.digest
  local manifest = { schemaVersion = 2, mediaType = MANIFEST, config = config, layers = list }
  image.bytes = native.json.encode(manifest)
  image.digest = add(blobs, image.bytes)
  return image
end

local function several(blobs, platforms)
  local image = { media_type = INDEX, layers = {}, platforms = {} }
  local list = {}
  for architecture, layers in pairs(platforms) do
    local made = single(blobs, layers, architecture)
    image.platforms[architecture] = made
    list[#list + 1] = {
      mediaType = MANIFEST, digest = made.digest, size = #made.bytes,
      platform = { architecture = architecture, os = "linux" },
    }
  end
  image.bytes = native.json.encode { schemaVersion = 2, mediaType = INDEX, manifests = list }
  image.digest = add(blobs, image.bytes)
  return image
end

--- Writes the repository's tags as a layout into the folder.
---@param folder string
---@param tags table<string, string[]|table<string, string[]>>
---@return table<string, dunite.test.Image>
function M.write(folder, tags)
  local blobs, images, list = {}, {}, setmetatable({}, native.json.array)
  for tag, content in pairs(tags) do
    local image = content[1] and single(blobs, content, "amd64") or several(blobs, content)
    images[tag] = image
    list[#list + 1] = {
      mediaType = image.media_type, digest = image.digest, size = #image.bytes,
      annotations = { ["org.opencontainers.image.ref.name"] = tag },
    }
  end
  for digest, bytes in pairs(blobs) do native.spec.write(folder .. "/blobs/" .. digest:gsub(":", "/"), bytes) end
  native.spec.write(folder .. "/index.json", native.json.encode { schemaVersion = 2, manifests = list })
  native.spec.write(folder .. "/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
  return images
end

return M
