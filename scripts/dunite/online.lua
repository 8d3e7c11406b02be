-- `dunite check --online`: has upstream what the catalog promises? One question a version; nothing of it is kept.

local native = require "dunite.native"
local download = require "dunite.verticals.download"
local lexer = require "dunite.lexer"
local origin = require "dunite.verticals.oci.origin"

local M = {}

---@class dunite.online.Question
---@field application string
---@field version string
---@field parts string[]      -- "source", "image": where it is looked for; one of them is enough

local function add(list, product, version, parts)
  if version and parts[1] then
    list[#list + 1] = { application = product.slug, version = version, parts = parts }
  end
end

local function questions_of(product, list)
  local parts = {}
  if product.source then parts[#parts + 1] = "source" end
  if product.image then parts[#parts + 1] = "image" end
  add(list, product, product.source and product.pinned_release, { "source" })
  add(list, product, product.image and product.pinned_tag, { "image" })
  for _, version in ipairs(product.versions) do
    if not version.yanked then add(list, product, version.tag, parts) end
  end
end

--- All there is to ask.
---@param app dunite.App
---@return dunite.online.Question[]
function M.questions(app)
  local list = setmetatable({}, native.json.array)
  for _, product in ipairs(app.catalog.list) do questions_of(product, list) end
  return list
end

local ask = {}

function ask.source(product, version)
  local assets, problem = download.ask(product, version)
  if not assets then return nil, problem end
  return ("%s %s: %d file%s"):format(product.source.kind, version, #assets, #assets == 1 and "" or "s")
end

function ask.image(product, tag)
  local manifest, problem = origin.manifest(product, tag, {})
  return manifest and ("image %s: %s"):format(tag, manifest.digest), problem
end

local function hint(product, part, version, problem)
  local upstream = product.app:upstream_for(product[part], part == "image" and "images" or "downloads"):name()
  if problem.class == "NotFound" then
    return ("upstream %s has no %s %s (put it there, or name another version)"):format(upstream,
      part == "image" and "image" or product.source.kind, version)
  end
  if problem.status == 401 or problem.status == 403 then
    return ("upstream %s refuses our credentials with %d (look at upstreams.%s.token and what it may read)"):format(
      upstream, problem.status, upstream)
  end
  return ("upstream %s: %s"):format(upstream, tostring(problem))
end

-- The line of the catalog where the slug is written.
local function place(app, slug)
  local given = app.settings.catalog
  local path = type(given) == "string" and (given:match("%.lua$") and given or given:gsub("%.", "/") .. ".lua")
  local source = path and native.read_file(path)
  for _, token in ipairs(source and lexer.tokens(source) or {}) do
    if token.kind == "string" and token.text == slug then return ("%s:%d"):format(path, token.line) end
  end
  return path or "dunite.lua"
end

--- Asks: what is there; or nil and what is wrong, with its place.
---@async
---@param app dunite.App
---@param question dunite.online.Question
---@return string? found, string? finding
function M.ask(app, question)
  local product = app.catalog.by_slug[question.application]
  if not product then return nil, "no application " .. tostring(question.application) end
  local wrong
  for _, part in ipairs(question.parts) do
    local found, problem = ask[part](product, question.version)
    if found then return found end
    wrong = wrong or hint(product, part, question.version, problem)
  end
  return nil, ("%s: %s: %s"):format(place(app, product.slug), product.slug, wrong or "there is nothing to ask for")
end

return M
