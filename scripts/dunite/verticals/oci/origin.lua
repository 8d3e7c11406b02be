-- The registry upstream: where an application's repository is, and what is asked of it.

local native = require "dunite.native"
local errors = require "dunite.errors"
local heal = require "dunite.heal"
local manifest = require "dunite.verticals.oci.manifest"
local scope = require "dunite.verticals.oci.scope"

local M = {}

local function encoded(path)
  return (path:gsub("[^/]+", function(segment) return native.url_encode(segment) end))
end

---@param product dunite.Product
---@return dunite.native.Upstream
function M.upstream(product) return product.app:upstream_for(product.image, "images") end

local function repository(product) return product.image.owner .. "/" .. product.image.name end

--- The scope that pulls its repository upstream.
function M.scope(product) return scope.pull(repository(product)) end

--- "/v2/OWNER/NAME/manifests/REF", …; what: a tag or a digest, which need no encoding.
function M.path(product, kind, what)
  return ("/v2/%s/%s/%s"):format(encoded(repository(product)), kind, what)
end

--- Who is asked, for flights: one repository never inherits another's failure.
function M.source(product) return M.upstream(product):name() .. "/" .. repository(product) end

---@class dunite.oci.Manifest
---@field digest string
---@field media_type string
---@field bytes string
---@field children string[]
---@field manifests string[]

-- A digest that was asked for, or that upstream names, is verified; without one it is computed.
local function verified(got, digest)
  local actual = native.sha256(got.body)
  local named = got.headers["docker-content-digest"]
  local expected = digest or (named and manifest.is_digest(named) and named) or actual
  if actual == expected then return actual end
  local message = "upstream sent a manifest with another digest"
  return nil, errors.new("Integrity", { expected = expected, actual = actual, message = message })
end

---@class dunite.oci.How
---@field wanted? string  -- the client's Accept
---@field hasty? boolean  -- an upstream that is busy is not waited for: what is known does, too

--- A manifest, by tag or digest.
---@async
---@param product dunite.Product
---@param reference string
---@param how dunite.oci.How
---@return dunite.oci.Manifest? manifest, table? problem
function M.manifest(product, reference, how)
  local upstream = M.upstream(product)
  local fetch = how.hasty and upstream.fetch or heal.fetch
  local got, problem = fetch(upstream, {
    url = M.path(product, "manifests", reference), headers = { accept = manifest.accept(how.wanted) },
    scope = M.scope(product), max = manifest.MOST,
  })
  if not got then return nil, problem end
  local digest, wrong = verified(got, manifest.is_digest(reference) and reference or nil)
  if not digest then return nil, wrong end
  local parsed, unreadable = manifest.parse(got.body, got.headers["content-type"])
  if not parsed then return nil, unreadable end
  parsed.digest, parsed.bytes = digest, got.body
  return parsed
end

--- Has upstream this blob in that very repository? Its size (-1 when upstream does not say).
---@async
---@return integer? size, table? problem
function M.blob_size(product, digest)
  local got, problem = heal.fetch(M.upstream(product), {
    method = "HEAD", url = M.path(product, "blobs", digest), scope = M.scope(product), max = math.maxinteger,
  })
  if not got then return nil, problem end
  return math.tointeger(tonumber(got.headers["content-length"])) or -1
end

--- A page of what refers to the digest, as upstream lists it; nil without a problem: it knows no referrers.
---@async
---@param query string   -- "artifactType=…", or what the page before named
---@return { body: string, filtered?: string, link?: string }? got, table? problem
function M.referrers(product, digest, query)
  local path = M.path(product, "referrers", digest)
  local got, problem = M.upstream(product):fetch {
    url = query ~= "" and path .. "?" .. query or path, headers = { accept = manifest.INDEX }, scope = M.scope(product),
    max = manifest.MOST, any_status = true,
  }
  if not got then return nil, problem end
  local headers = got.headers
  if got.status == 200 then
    return { body = got.body, filtered = headers["oci-filters-applied"], link = headers.link }
  end
  local tells = got.status >= 500 or got.status == 401 or got.status == 403 or got.status == 429
  return nil, tells and errors.new("Upstream", { status = got.status }) or nil
end

return M
