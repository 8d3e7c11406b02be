-- Tags: which there are, and the pages of their list.

local native = require "dunite.native"
local catalog = require "dunite.catalog"

local M = {}

-- Can it be one? (OCI distribution specification; a release's version need not be.)
local function is_tag(text) return #text <= 128 and text:find("^[%w_][%w._-]*$") ~= nil end

--- May that tag be pulled: the pinned one or a recorded version, and not yanked?
function M.offered(product, tag) return is_tag(tag) and catalog.offers(product, tag, product.pinned_tag) end

--- All that may be pulled, sorted.
---@param product dunite.Product
---@return string[]
function M.all(product)
  local list, there = {}, {}
  local function add(tag)
    if tag and not there[tag] and M.offered(product, tag) then
      there[tag] = true
      list[#list + 1] = tag
    end
  end
  add(product.pinned_tag)
  for _, version in ipairs(product.versions) do add(version.tag) end
  table.sort(list)
  return list
end

--- The page that comes after `last`, of n tags at most; more: the last tag of the page when others follow.
---@param all string[]   -- sorted
---@param n? integer
---@param last? string
---@return string[] page, string? more
function M.page(all, n, last)
  local page = setmetatable({}, native.json.array)
  if n == 0 then return page end
  for _, tag in ipairs(all) do
    if n and #page == n then return page, page[n] end
    if not last or tag > last then page[#page + 1] = tag end
  end
  return page
end

return M
