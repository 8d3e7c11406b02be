-- The manifests we keep: bytes in the store, media types in the records.

local native = require "dunite.native"
local errors = require "dunite.errors"
local origin = require "dunite.verticals.oci.origin"
local relation = require "dunite.verticals.oci.relation"

local M = {}

local MEDIA_TYPES = "oci.manifests" -- repository and digest -> media type; there once its children are noted

--- Where an application's tag or digest stands in the records. The repository upstream is part of it: an application
--- that moves to another one starts anew.
function M.place(product, what)
  return ("%s@%s/%s@%s"):format(product.slug, product.image.owner, product.image.name, what)
end

---@class dunite.oci.Held
---@field digest string
---@field media_type string
---@field source dunite.native.Source

--- What is kept under that digest.
---@async
---@return dunite.oci.Held? held, table? problem
function M.held(product, digest)
  local media_type = native.records:get(MEDIA_TYPES, M.place(product, digest))
  if not media_type then return nil, errors.new("NotFound") end
  local source, problem = native.cache:open { digest = digest }
  if not source then return nil, problem end
  return { digest = digest, media_type = media_type, source = source }
end

-- Children first, then the bytes, then what says that both are there.
local function keep(product, got)
  local kept, problem = relation.note(product, got.children, got.digest)
  if kept then kept, problem = native.cache:store(got.bytes, got.digest) end
  if kept then kept, problem = native.records:put(MEDIA_TYPES, M.place(product, got.digest), got.media_type) end
  return kept, problem
end

--- From upstream, to be kept, as what the parent refers to; what is here already stays as it is.
---@async
---@param product dunite.Product
---@param reference string  -- a tag or a digest
---@param parent string
---@param how? dunite.oci.How
---@return dunite.oci.Manifest? got, table? problem
function M.fetch(product, reference, parent, how)
  local got, problem = origin.manifest(product, reference, how or {})
  if not got then return nil, problem end
  local kept, failed = M.held(product, got.digest), nil
  if kept then kept.source:close() else kept, failed = keep(product, got) end
  if kept then kept, failed = relation.note(product, { got.digest }, parent) end
  if not kept then return nil, failed end
  return got
end

--- Forgets the media types, and so that anything is kept.
---@param slug string
function M.forget(slug)
  for _, key in ipairs(native.records:keys(MEDIA_TYPES, slug .. "@")) do native.records:delete(MEDIA_TYPES, key) end
end

return M
