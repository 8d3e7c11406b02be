-- Downloads: release assets and generic packages of a Forgejo, handed on by name.
--
-- A release's metadata is kept for a short while; an asset's row is stored under the CONFIGURED version, so that
-- invalidation always matches; the row's version is what upstream calls the asset, so a re-uploaded one replaces it.

local native = require "dunite.native"
local answer = require "dunite.answer"
local catalog = require "dunite.catalog"
local content_type = require "dunite.content_type"
local errors = require "dunite.errors"
local fresh = require "dunite.fresh"
local own = require "dunite.errors.download"

local M = { DownloadError = own.DownloadError }

local NAME_MOST = 255 -- bytes, as file systems take them
local PAGE_WAIT = 10000 -- how long a page of many applications waits for one of them, in milliseconds

local releases = fresh.new("releases", "releases")
local encode = native.url_encode

-- What upstream lists, as rows { name, size, id, url, digest?, foreign? }.

local function same_origin(url, base)
  local a, b = native.url_parse(url), native.url_parse(base)
  return a and b and a.scheme == b.scheme and a.host == b.host and a.port == b.port
end

-- Can a file be saved under that name, and asked for by a path?
local function is_file_name(name)
  return #name > 0 and #name <= NAME_MOST and not name:find("[%c/\\]") and name ~= "." and name ~= ".."
    and utf8.len(name) ~= nil
end

-- A row with what can be told of any asset; or nil and why: what upstream lists may be anything.
local function row_of(listed, name, size)
  local right = type(listed) == "table" and type(name) == "string" and
    (size == nil or math.type(size) == "integer" and size >= 0)
  if right then return { name = name, size = size } end
  return nil, errors.new("Upstream", { status = 200, message = "upstream lists an asset that is none" })
end

local function field(listed, name)
  local value = type(listed) == "table" and listed[name] or nil
  return value ~= native.json.null and value or nil
end

local function release_asset(upstream, asset)
  local row, wrong = row_of(asset, field(asset, "name"), field(asset, "size"))
  if not row then return nil, wrong end
  local url, foreign = field(asset, "browser_download_url"), asset.type == "external"
  if type(url) ~= "string" or not (foreign or same_origin(url, upstream:url())) then
    return nil, errors.new("InvalidUrl", { message = "an asset's download URL points elsewhere: " .. row.name })
  end
  row.url, row.id = url, tostring(field(asset, "uuid") or field(asset, "id")) .. "-" .. tostring(asset.size)
  if foreign then row.foreign, row.size = true, nil end
  return row
end

local function package_file(file, where)
  local name, size = field(file, "name") or field(file, "Name"), field(file, "size") or field(file, "Size")
  local row, wrong = row_of(file, name, size)
  if not row then return nil, wrong end
  local sha256 = field(file, "sha256")
  if sha256 and not tostring(sha256):match("^" .. ("%x"):rep(64) .. "$") then
    return nil, errors.new("Upstream", { status = 200, message = "upstream lists a digest that is none: " .. row.name })
  end
  row.id, row.url = tostring(sha256 or file.id), "/api/packages/" .. where .. "/" .. encode(row.name)
  row.digest = sha256 and "sha256:" .. sha256:lower() or nil
  return row
end

-- All of them, or why not. One that has no name for a file is left out: nobody could ask for it.
local function rows(list, make)
  if getmetatable(list) ~= native.json.array then
    return nil, errors.new("Upstream", { status = 200, message = "upstream lists no assets" })
  end
  local made = setmetatable({}, native.json.array)
  for _, listed in ipairs(list) do
    local row, wrong = make(listed)
    if not row then return nil, wrong end
    if is_file_name(row.name) then
      made[#made + 1] = row
    else
      native.log("warn", "an asset is left out: its name is none for a file", { name = row.name })
    end
  end
  return made
end

local function get_json(upstream, path)
  local got, problem = upstream:fetch { url = path, headers = { accept = "application/json" } }
  if not got then return nil, problem end
  local value, reason = native.json.decode(got.body)
  if type(value) ~= "table" then
    local message = ("no JSON from %s: %s"):format(path, reason)
    return nil, errors.new("Upstream", { status = got.status, message = message })
  end
  return value
end

local sources = {}

function sources.release(upstream, source, version)
  local repository = encode(source.owner) .. "/" .. encode(source.repo)
  local release, problem = get_json(upstream, ("/api/v1/repos/%s/releases/tags/%s"):format(repository, encode(version)))
  if not release then return nil, problem end
  return rows(release.assets, function(asset) return release_asset(upstream, asset) end)
end

function sources.generic_package(upstream, source, version)
  local where = ("%s/generic/%s/%s"):format(encode(source.owner), encode(source.package), encode(version))
  local files, problem = get_json(upstream, "/api/v1/packages/" .. where .. "/files")
  if not files then return nil, problem end
  return rows(files, function(file) return package_file(file, where) end)
end

local function upstream_of(product) return product.app:upstream_for(product.source, "downloads") end

-- The version that may be had: the pinned one, or a recorded one that is not yanked.
local function version_of(product, version)
  if not product.source then return nil end
  local wanted = version or product.pinned_release
  return wanted and catalog.offers(product, wanted, product.pinned_release) and wanted or nil
end

--- What upstream lists of a version now. Nothing of it is kept.
---@async
---@param product dunite.Product
---@param version string
---@return table[]? assets, table? problem
function M.ask(product, version)
  return sources[product.source.kind](upstream_of(product), product.source, version)
end

local function key_of(product, version) return product.slug .. "@" .. version end

--- What a version of the product offers.
---@async
---@param product dunite.Product
---@param version? string
---@param wait? integer    -- how long to wait for upstream, in milliseconds
---@return table[]? assets, table? problem, string? version
function M.assets(product, version, wait)
  local wanted = version_of(product, version)
  if not wanted then return nil, errors.new("NotFound", { message = "no such version of " .. product.slug }) end
  local assets, problem = releases:get(key_of(product, wanted), product.app.freshness, function()
    return M.ask(product, wanted)
  end, wait)
  return assets, problem, wanted
end

local function etag_of(asset) return '"' .. native.sha256(asset.id .. "\31" .. asset.name):sub(8, 39) .. '"' end

local function row_name(slug, version, name)
  return ("asset/%s/%s/%s"):format(slug, encode(version), encode(name))
end

-- What follows from a list, worked out once for each: its assets by name, each with what is sent and stored of it.
local known = setmetatable({}, { __mode = "k" })

local function by_name(assets)
  local names = {}
  for _, listed in ipairs(assets) do
    local name = listed.name
    if type(name) == "string" and not names[name] then names[name] = { listed = listed } end
  end
  return names
end

-- How the store knows an asset: by its digest where upstream tells, else by a row.
local function entry_of(product, version, listed)
  if listed.digest then return { digest = listed.digest, size = listed.size } end
  return { name = row_name(product.slug, version, listed.name), version = listed.id, size = listed.size }
end

-- The same, with where it comes from when the store has not got it.
local function wanted_of(product, version, listed)
  local entry, upstream = entry_of(product, version, listed), upstream_of(product)
  entry.upstream, entry.url, entry.foreign = upstream, listed.url, listed.foreign
  entry.source = upstream:name() .. "/" .. product.slug
  return entry
end

---@return { product: dunite.Product, listed: table, etag: string, content_type: string, wanted: table }?
local function find(assets, product, version, name)
  known[assets] = known[assets] or by_name(assets)
  local found = known[assets][name]
  if found and found.product ~= product then
    found.product, found.etag, found.content_type = product, etag_of(found.listed), content_type(name)
    found.wanted = wanted_of(product, version, found.listed)
  end
  return found
end

--- The 304 for a request whose validator matches what is known without asking anybody; nil when there is none to give.
---@param product dunite.Product
---@param name string
---@param req dunite.Request
---@param version? string
function M.not_modified(product, name, req, version)
  local condition = req:header_list("if-none-match")
  local wanted = condition and version_of(product, version)
  local assets = wanted and releases:peek(key_of(product, wanted))
  local asset = assets and find(assets, product, wanted, name)
  if not asset then return nil end
  for tag in condition:gmatch('[^,%s]+') do
    if tag == "*" or tag:gsub("^W/", "") == asset.etag then
      local made = answer.new(304, "")
      made.etag = asset.etag
      return made
    end
  end
end

---@class dunite.Asset
---@field name string
---@field size? integer
---@field content_type string
---@field etag string
---@field source? dunite.native.Source

-- What the release says of the asset.
local function look_up(product, name, version)
  local assets, problem, wanted = M.assets(product, version)
  if not assets then return nil, problem end
  local found = find(assets, product, wanted, name)
  if not found then return nil, errors.new("NotFound", { message = "no asset " .. name .. " in " .. product.slug }) end
  return found, nil, wanted
end

local function asset_of(found, name, source)
  return {
    name = name, size = found.listed.size, content_type = found.content_type, etag = found.etag, source = source,
  }
end

--- An asset, opened: from the store, or while it comes in.
---@async
---@param product dunite.Product
---@param name string
---@param version? string
---@return dunite.Asset? asset, table? problem
function M.open(product, name, version)
  local found, unknown, wanted = look_up(product, name, version)
  if not found then return nil, unknown end
  local source, problem = native.cache:open(found.wanted)
  if source then return asset_of(found, name, source) end
  -- What upstream listed is not what it has: it is asked for its list again next time.
  if errors.is(problem, "NotFound") or errors.is(problem, "Integrity") then
    releases:forget(key_of(product, wanted))
  end
  return nil, problem
end

--- What a HEAD is told of an asset. Nothing is fetched.
---@async
---@return dunite.Asset? asset, table? problem
function M.describe(product, name, version)
  local found, problem, wanted = look_up(product, name, version)
  if not found then return nil, problem end
  return asset_of(found, name, (native.cache:open(entry_of(product, wanted, found.listed))))
end

--- One application's listing.
---@async
---@return table[]? list, table? problem
function M.list(product, req, version, wait)
  local assets, problem, wanted = M.assets(product, version, wait)
  if not assets then return nil, problem end
  local path = "/v1/applications/" .. encode(product.slug) .. "/downloads/"
  if wanted ~= product.pinned_release then path = path .. encode(wanted) .. "/" end
  local list = setmetatable({}, native.json.array)
  for _, asset in ipairs(assets) do
    list[#list + 1] = {
      name = asset.name, size = asset.size, content_type = content_type(asset.name),
      url = req:url(path .. encode(asset.name)),
    }
  end
  return list
end

--- Forgets what upstream said of an application's versions, and the files that were stored by name, so that all of it
--- is asked for again.
---@param slug string
function M.forget(slug)
  for _, key in ipairs(native.records:keys("releases", slug .. "@")) do
    for _, listed in ipairs(releases:peek(key) or {}) do
      native.cache:forget(row_name(slug, key:sub(#slug + 2), listed.name))
    end
    releases:forget(key)
  end
end

--- One group per application the member can see, asked for concurrently. A broken or slow upstream shows in its group
--- only.
---@async
---@param products dunite.Product[]
---@param req dunite.Request
function M.groups(products, req)
  local groups, asks = setmetatable({}, native.json.array), {}
  for _, product in ipairs(products) do
    if product.source then
      groups[#groups + 1] = { slug = product.slug, name = product.name, version = product.pinned_release }
      asks[#asks + 1] = function() return M.list(product, req, nil, PAGE_WAIT) end
    end
  end
  for i, result in ipairs(native.all(asks)) do
    groups[i].assets = result[1] or setmetatable({}, native.json.array)
    groups[i].available = result[1] ~= nil
  end
  return groups
end

return M
