-- The catalog: which applications there are, and who may see them.

local errors = require "dunite.errors"
local schema = require "dunite.schema"
local text = require "dunite.text"

local M = {}

---@class dunite.Product
---@field slug string
---@field name string
---@field requires_entitlement? boolean
---@field source? { kind: "release"|"generic_package", owner: string, repo?: string, package?: string }
---@field pinned_release? string
---@field image? { owner: string, name: string }
---@field pinned_tag? string
---@field versions { tag: string, yanked?: boolean }[]

---@class dunite.Catalog
local Catalog = {}
Catalog.__index = Catalog

local function slug(value)
  if type(value) == "string" and value:match("^[a-z0-9]+[a-z0-9._-]*$") then return value end
  return nil, "small letters, digits, '.', '_' and '-', beginning with a letter or digit"
end

local entry = {
  slug = { type = slug, required = true },
  name = { type = "string" },
  requires_entitlement = { type = "boolean", default = false },
  source = { type = "table", fields = {
    kind = { type = "choice", one_of = { "release", "generic_package" }, required = true },
    owner = { type = "string", required = true },
    repo = { type = "string" },
    package = { type = "string" },
    upstream = { type = "string" },
  } },
  pinned_release = { type = "string" },
  image = { type = "table", fields = {
    owner = { type = "string", required = true },
    name = { type = "string", required = true },
    upstream = { type = "string" },
  } },
  pinned_tag = { type = "string" },
  versions = { type = "list", default = {}, of = { type = "table", fields = {
    tag = { type = "string", required = true },
    yanked = { type = "boolean", default = false },
  } } },
}

local NAMED_BY = { release = "repo", generic_package = "package" }

local function check_source(product, findings, where, key)
  local source = product.source
  local wants = source and NAMED_BY[source.kind]
  if wants and not source[wants] then
    findings[#findings + 1] = ("%s: %s.source.%s: is missing (a %s has one)"):format(where, key, wants, source.kind)
  end
end

-- Of a version that is there twice one would be believed, and the other's yank forgotten.
local function check_versions(product, findings, where, key)
  local there = {}
  for i, version in ipairs(product.versions or {}) do
    if version.tag and there[version.tag] then
      findings[#findings + 1] = ("%s: %s.versions[%d].tag: %s is there already"):format(where, key, i, version.tag)
    end
    there[version.tag or ""] = true
  end
end

local function check_upstreams(product, upstreams, findings, where, key)
  for _, part in ipairs { "source", "image" } do
    local name = product[part] and product[part].upstream
    if name and not rawget(upstreams, name) then
      findings[#findings + 1] = ("%s: %s.%s.upstream: no upstream '%s' is declared%s"):format(where, key, part, name,
        text.did_you_mean(name, text.keys(upstreams)))
    end
  end
end

--- Checks a list of entries; findings is appended to.
---@param entries table[]
---@param findings string[]
---@param where string
---@param upstreams? table<string, any>  -- those declared, by name
---@return dunite.Catalog
function M.new(entries, findings, where, upstreams)
  local self = setmetatable({ list = {}, by_slug = {} }, Catalog)
  if type(entries) ~= "table" or (next(entries) ~= nil and #entries == 0) then
    findings[#findings + 1] = where .. ": a catalog is a list of applications"
    return self
  end
  for i, given in ipairs(entries) do
    local key = ("application %d"):format(i)
    if type(given) ~= "table" then
      findings[#findings + 1] = ("%s: %s: found %s, allowed is a table"):format(where, key, type(given))
    else
      local product = schema.check(given, entry, findings, where, key .. ".")
      check_source(product, findings, where, key)
      check_versions(product, findings, where, key)
      check_upstreams(product, upstreams or {}, findings, where, key)
      product.name = product.name or product.slug
      if product.slug and self.by_slug[product.slug] then
        findings[#findings + 1] = ("%s: %s.slug: %s is there already"):format(where, key, product.slug)
      elseif product.slug then
        self.by_slug[product.slug] = product
        self.list[#self.list + 1] = product
      end
    end
  end
  return self
end

--- May this member see it? With an access token for some applications: those only.
function M.entitled(product, member)
  if member and member.applications and not member.applications[product.slug] then return false end
  return not product.requires_entitlement or (member ~= nil and member.entitlements[product.slug] == true)
end

--- The product; or nil and NotFound, which is also what a member without the entitlement gets.
---@param name string
---@param member? dunite.native.Member
---@return dunite.Product? product, table? problem
function Catalog:find(name, member)
  local product = self.by_slug[name]
  if product and M.entitled(product, member) then return product end
  return nil, errors.new("NotFound", { message = "no application " .. name })
end

--- The product of that name, whoever asks.
---@param name string
---@return dunite.Product? product, table? problem
function Catalog:any(name)
  local product = self.by_slug[name]
  if product then return product end
  return nil, errors.new("NotFound", { message = "no application " .. name })
end

--- What this member can see, in the catalog's order.
---@return dunite.Product[]
function Catalog:visible(member)
  local seen = {}
  for _, product in ipairs(self.list) do
    if M.entitled(product, member) then seen[#seen + 1] = product end
  end
  return seen
end

local function recorded(product, tag)
  for _, version in ipairs(product.versions) do
    if version.tag == tag then return version end
  end
end

--- Is that version withdrawn?
---@return boolean
function M.yanked(product, tag)
  local version = recorded(product, tag)
  return version ~= nil and version.yanked
end

--- May that version be had? The pinned one or a recorded one, and not yanked.
---@param product dunite.Product
---@param tag string
---@param pinned? string
---@return boolean
function M.offers(product, tag, pinned)
  local version = recorded(product, tag)
  if version then return not version.yanked end
  return pinned ~= nil and tag == pinned
end

return M
