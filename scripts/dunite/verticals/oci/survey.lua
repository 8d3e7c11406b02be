-- Whose a digest is, where what was pulled so far does not tell. So that no yank is got round by asking for a digest,
-- and nothing is refused that another version holds, too, versions that nobody has pulled yet are looked through first.

local native = require "dunite.native"
local errors = require "dunite.errors"
local fresh = require "dunite.fresh"
local relation = require "dunite.verticals.oci.relation"
local shelf = require "dunite.verticals.oci.shelf"
local tags = require "dunite.verticals.oci.tags"

local M = {}

local MOST_BELOW = 1000 -- manifests of one image that are looked through

local surveyed = fresh.new("surveyed", "manifests") -- a tag -> its digest, all of it noted; false: it cannot be had

-- Notes what the manifests below an index refer to, at any depth. What upstream has no more is passed over.
local function note_below(product, top)
  local queue, seen, left = { top }, { [top.digest] = true }, MOST_BELOW
  for _, parent in ipairs(queue) do
    for _, digest in ipairs(parent.manifests) do
      if not seen[digest] then
        if left == 0 then return nil, errors.new("Upstream", { message = "an image of too many manifests" }) end
        local got, problem = shelf.fetch(product, digest, parent.digest)
        if problem and not errors.is(problem, "NotFound") then return nil, problem end
        seen[digest], left = true, left - 1
        queue[#queue + 1] = got
      end
    end
  end
  return true
end

-- What can never be had is passed over, until it is asked for again.
local function look_through(product, tag, last)
  local got, problem = shelf.fetch(product, tag, relation.tag(tag))
  local noted = got and (got.digest == last or nil)
  if got and not noted then noted, problem = note_below(product, got) end
  if noted then return got.digest end
  if errors.retryable(problem) or problem.class == "Local" then return nil, problem end
  local fields = { application = product.slug, version = tag, problem = tostring(problem) }
  native.log("warn", "a version cannot be looked through", fields)
  return false
end

-- Sees to it that all of a tag's image is noted as its.
local function survey(product, tag)
  local key = shelf.place(product, tag)
  return surveyed:get(key, product.app.freshness, function()
    return look_through(product, tag, surveyed:peek(key))
  end)
end

local function survey_yanked(product)
  local asks = {}
  for _, version in ipairs(product.versions) do
    if version.yanked then asks[#asks + 1] = function() return survey(product, version.tag) end end
  end
  for _, outcome in ipairs(native.all(asks)) do
    if outcome[2] then return nil, outcome[2] end
  end
  return true
end

--- Whether this application gives the digest: "live"; "refused", as only yanked versions hold it; "unknown": upstream
--- can tell.
---@async
---@param product dunite.Product
---@param digest string
---@return "live"|"refused"|"unknown"|nil state, table? problem
function M.state(product, digest)
  local state = relation.state(product, digest)
  if state == "unknown" then
    local seen, problem = survey_yanked(product)
    if not seen then return nil, problem end
    state = relation.state(product, digest)
  end
  for _, tag in ipairs(state == "refused" and tags.all(product) or {}) do
    local seen, problem = survey(product, tag)
    if seen == nil then return nil, problem end
    if relation.state(product, digest) == "live" then return "live" end
  end
  return state
end

--- Forgets which versions were looked through.
---@param slug string
function M.forget(slug) surveyed:forget_all(slug .. "@") end

return M
