-- The manifests of an application, by digest and by tag; what a tag points at is kept by dunite.fresh.

local native = require "dunite.native"
local errors = require "dunite.errors"
local fresh = require "dunite.fresh"
local origin = require "dunite.verticals.oci.origin"
local relation = require "dunite.verticals.oci.relation"
local shelf = require "dunite.verticals.oci.shelf"
local survey = require "dunite.verticals.oci.survey"

local M = {}

local pointers = fresh.new("tags", "manifests")
local manifests = native.flights("dunite.manifests")

local function fetch(...)
  local got, problem = shelf.fetch(...)
  return got and got.digest, problem
end

--- The manifest of that digest. One that no manifest of this application is known to refer to is asked for upstream, in
--- that very repository.
---@async
---@param product dunite.Product
---@param digest string
---@param wanted? string  -- the client's Accept
---@return dunite.oci.Held? held, table? problem
function M.by_digest(product, digest, wanted)
  local state, untold = survey.state(product, digest)
  if not state then return nil, untold end
  if state == "refused" then return nil, errors.new("NotFound", { message = "yanked" }) end
  local found, missing = shelf.held(product, digest)
  if state == "live" and (found or not errors.is(missing, "NotFound")) then return found, missing end
  if found then found.source:close() end
  local kept, problem = manifests:run(native.key(origin.source(product), product.slug, digest), function()
    return fetch(product, digest, relation.UPSTREAM, { wanted = wanted })
  end)
  if not kept then return nil, problem end
  return shelf.held(product, digest)
end

--- What the tag points at: asked for again when that is too old, and used for a while longer when upstream cannot be
--- asked.
---@async
---@param product dunite.Product
---@param tag string
---@param wanted? string
---@return dunite.oci.Held? held, table? problem
function M.by_tag(product, tag, wanted)
  local place = shelf.place(product, tag)
  local digest, problem = pointers:get(place, product.app.freshness, function()
    return fetch(product, tag, relation.tag(tag), { wanted = wanted, hasty = pointers:peek(place) ~= nil })
  end)
  if not digest then return nil, problem end
  return M.by_digest(product, digest, wanted)
end

--- Forgets what is known of an application, so that all of it is asked for again.
---@param slug string
function M.forget(slug)
  pointers:forget_all(slug .. "@")
  survey.forget(slug)
  relation.forget(slug)
  shelf.forget(slug)
end

return M
