-- The manifests we hold: bytes in the store, media types in the records, what a tag points at kept by dunite.fresh.

local native = require "dunite.native"
local errors = require "dunite.errors"
local fresh = require "dunite.fresh"
local origin = require "dunite.verticals.oci.origin"
local relation = require "dunite.verticals.oci.relation"

local M = {}

local MEDIA_TYPES = "oci.manifests" -- repository and digest -> media type; there once its children are noted

local tags = fresh.new("tags", "manifests")
local manifests = native.flights("dunite.manifests")

local function place(product, what)
  return ("%s@%s/%s@%s"):format(product.slug, product.image.owner, product.image.name, what)
end

---@class dunite.oci.Held
---@field digest string
---@field media_type string
---@field source dunite.native.Source

---@return dunite.oci.Held? held, table? problem
local function held(product, digest)
  local media_type = native.records:get(MEDIA_TYPES, place(product, digest))
  if not media_type then return nil, errors.new("NotFound") end
  local source, problem = native.cache:open { digest = digest }
  if not source then return nil, problem end
  return { digest = digest, media_type = media_type, source = source }
end

-- Children first, then the bytes, then what says that both are there.
local function keep(product, got)
  local kept, problem = relation.note(product, got.children, got.digest)
  if kept then kept, problem = native.cache:store(got.bytes, got.digest) end
  if kept then kept, problem = native.records:put(MEDIA_TYPES, place(product, got.digest), got.media_type) end
  return kept, problem
end

-- From upstream, to be kept; what is here already stays as it is.
local function fetch(product, reference, parent, wanted)
  local got, problem = origin.manifest(product, reference, wanted)
  if not got then return nil, problem end
  local kept, failed = held(product, got.digest), nil
  if kept then kept.source:close() else kept, failed = keep(product, got) end
  if kept then kept, failed = relation.note(product, { got.digest }, parent) end
  if not kept then return nil, failed end
  return got.digest
end

--- The manifest of that digest. One that no manifest of this application is known to refer to is asked for upstream, in
--- that very repository.
---@async
---@param product dunite.Product
---@param digest string
---@param wanted? string  -- the client's Accept
---@return dunite.oci.Held? held, table? problem
function M.by_digest(product, digest, wanted)
  local state = relation.state(product, digest)
  if state == "refused" then return nil, errors.new("NotFound", { message = "yanked" }) end
  local found, missing = held(product, digest)
  if state == "live" and (found or not errors.is(missing, "NotFound")) then return found, missing end
  if found then found.source:close() end
  local kept, problem = manifests:run(native.key(origin.source(product), product.slug, digest), function()
    return fetch(product, digest, relation.UPSTREAM, wanted)
  end)
  if not kept then return nil, problem end
  return held(product, digest)
end

--- What the tag points at: asked for again when that is too old, and used for a while longer when upstream cannot be
--- asked.
---@async
---@param product dunite.Product
---@param tag string
---@param wanted? string
---@return dunite.oci.Held? held, table? problem
function M.by_tag(product, tag, wanted)
  local digest, problem = tags:get(place(product, tag), product.app.freshness, function()
    return fetch(product, tag, relation.tag(tag), wanted)
  end)
  if not digest then return nil, problem end
  return M.by_digest(product, digest, wanted)
end

--- Forgets what is known of an application, so that all of it is asked for again.
---@param slug string
function M.forget(slug)
  tags:forget_all(slug .. "@")
  relation.forget(slug)
  for _, key in ipairs(native.records:keys(MEDIA_TYPES, slug .. "@")) do native.records:delete(MEDIA_TYPES, key) end
end

return M
