-- Which digests belong to which repository. Knowing a digest is not a right to it: a blob or manifest is served under
-- /v2/SLUG/ only when something that this application serves refers to it.
--
-- Kept in the records, per repository and digest: its parents. A parent is a tag ("tag:v1"), a manifest or index that
-- refers to it ("sha256:…"), or "upstream": it was asked for by itself, and upstream has it in that very repository.
--
-- Invariants
--  1. A digest is live when one way up from it ends at a tag that is not yanked, or at "upstream". Else it is refused
--     when one ends at a tag that is yanked, and unknown when all end at what nothing is known of.
--  2. What a manifest refers to is noted before the manifest is, and the manifest before it is served.
--  3. "upstream" is noted only where nothing else is known: it never outlives a yank that is known.
--  4. One at a time notes in an application's repositories, over all workers: no parent is lost between two.

local native = require "dunite.native"
local catalog = require "dunite.catalog"
local errors = require "dunite.errors"

local M = {}

local BUCKET = "oci.relations"
local locks = native.flights("dunite.relations")
local DEEPEST = 4 -- tag, index, manifest, blob
local UPSTREAM = "upstream"
local MOST_TURNS = 10000

M.UPSTREAM = UPSTREAM

--- The parent that stands for a tag.
function M.tag(name) return "tag:" .. name end

-- The repository upstream is part of the key: an application that moves to another one starts anew.
local function key_of(product, digest)
  return ("%s@%s/%s@%s"):format(product.slug, product.image.owner, product.image.name, digest)
end

local function parents_of(product, digest) return native.records:get(BUCKET, key_of(product, digest)) end

-- Runs act while nobody else does for this application: who joins another's flight has not run, and comes again.
local function exclusively(product, act)
  local ran, ok, problem = false, nil, nil
  for _ = 1, MOST_TURNS do
    ok, problem = locks:run(native.key("note", product.slug), function()
      ran = true
      return act()
    end)
    if ran then break end
  end
  if not ran then return nil, problem or errors.new "Overloaded" end
  return ok, problem
end

local function note(product, digest, parent)
  local known = parents_of(product, digest)
  if known == nil or (known == UPSTREAM and parent ~= UPSTREAM) then
    return native.records:put(BUCKET, key_of(product, digest), parent)
  end
  if parent == UPSTREAM or (" " .. known .. " "):find(" " .. parent .. " ", 1, true) then return true end
  return native.records:put(BUCKET, key_of(product, digest), known .. " " .. parent)
end

--- Notes that the parent refers to the digests.
---@async
---@param product dunite.Product
---@param digests string[]
---@param parent string
---@return true? ok, table? problem
function M.note(product, digests, parent)
  return exclusively(product, function()
    for _, digest in ipairs(digests) do
      local ok, problem = note(product, digest, parent)
      if not ok then return nil, problem end
    end
    return true
  end)
end

local climb

local function state_by(product, parent, depth)
  local tag = parent:match("^tag:(.*)$")
  if tag then return catalog.yanked(product, tag) and "refused" or "live" end
  return parent == UPSTREAM and "live" or climb(product, parent, depth)
end

-- The best that one of its parents gives.
function climb(product, digest, depth)
  local parents, best = parents_of(product, digest), "unknown"
  if not parents then return best end
  if depth == 0 then return "refused" end
  for parent in parents:gmatch("%S+") do
    local state = state_by(product, parent, depth - 1)
    if state == "live" then return state end
    if state == "refused" then best = state end
  end
  return best
end

--- "live", "refused" (all that refers to it is yanked), or "unknown": upstream is to be asked.
---@param product dunite.Product
---@param digest string
---@return "live"|"refused"|"unknown"
function M.state(product, digest) return climb(product, digest, DEEPEST) end

--- Forgets all that is known of an application's repositories.
---@param slug string
function M.forget(slug)
  for _, key in ipairs(native.records:keys(BUCKET, slug .. "@")) do native.records:delete(BUCKET, key) end
end

return M
