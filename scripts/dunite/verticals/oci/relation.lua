-- Which digests belong to which repository. Knowing a digest is not a right to it: a blob or manifest is served under
-- /v2/SLUG/ only when something that this application serves refers to it.
--
-- Kept in the records, per repository and digest: its parents. A parent is a tag ("tag:v1"), a manifest or index that
-- refers to it ("sha256:…"), or "upstream": it was asked for by itself, and upstream has it in that very repository.
--
-- Invariants
--  1. A digest is live when one way up from it ends at a tag that is not yanked, or at "upstream". Else it is refused
--     when one ends at a tag that is yanked, and unknown when all end at what nothing is known of. Ways that go in a
--     circle (upstream may say so of referrers) end.
--  2. What a manifest refers to is noted before the manifest is, and the manifest before it is served.
--  3. "upstream" is noted only where nothing else is known: it never outlives a yank that is known.
--  4. One at a time notes in an application's repositories, over all workers: no parent is lost between two.

local native = require "dunite.native"
local catalog = require "dunite.catalog"
local errors = require "dunite.errors"

local M = {}

local BUCKET = "oci.relations"
local locks = native.flights("dunite.relations")
local UPSTREAM = "upstream"
local MOST_TURNS = 10000
local MOST_ABOVE = 2000 -- digests that are looked at on the ways up; what has more above it is refused

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

--- "live", "refused" (all that refers to it is yanked), or "unknown": upstream is to be asked.
---@param product dunite.Product
---@param digest string
---@return "live"|"refused"|"unknown"
function M.state(product, digest)
  local above, seen, best = { digest }, { [digest] = true }, "unknown"
  for i = 1, MOST_ABOVE do
    if not above[i] then return best end
    for parent in (parents_of(product, above[i]) or ""):gmatch("%S+") do
      local tag = parent:match("^tag:(.*)$")
      if parent == UPSTREAM or (tag and not catalog.yanked(product, tag)) then return "live" end
      if tag then
        best = "refused"
      elseif not seen[parent] then
        seen[parent] = true
        above[#above + 1] = parent
      end
    end
  end
  return "refused"
end

--- Forgets all that is known of an application's repositories.
---@param slug string
function M.forget(slug)
  for _, key in ipairs(native.records:keys(BUCKET, slug .. "@")) do native.records:delete(BUCKET, key) end
end

return M
