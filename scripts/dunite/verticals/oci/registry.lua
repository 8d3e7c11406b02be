-- The read-only registry: what is below /v2.

local dunite = require "dunite"
local answer = require "dunite.answer"
local errors = require "dunite.errors"
local native = require "dunite.native"
local router = require "dunite.router"
local schema = require "dunite.schema"
local holdings = require "dunite.verticals.oci.holdings"
local manifest = require "dunite.verticals.oci.manifest"
local meter = require "dunite.verticals.oci.meter"
local origin = require "dunite.verticals.oci.origin"
local referrers = require "dunite.verticals.oci.referrers"
local relation = require "dunite.verticals.oci.relation"
local scope = require "dunite.verticals.oci.scope"
local survey = require "dunite.verticals.oci.survey"
local tags = require "dunite.verticals.oci.tags"
local wire = require "dunite.verticals.oci.wire"

local M = {}

local OPTIONS = {
  limiter = { type = "any", required = true },
  wait = { type = "duration", default = 10000 },
  meter_window = { type = "duration", default = 60000 },
}

local blob_flights = native.flights("dunite.relations")

-- Why a tag's manifest is not given.
local refuse = dunite.matcher(dunite.LimitDenial, dunite.ErrorClass) {
  Concurrency = function() return wire.too_many("as many pulls at once as allowed are running already") end,
  DailyCap = function(denied) return wire.too_many("the pulls of this day are used up", denied.reset_in_secs) end,
  NotFound = function(problem)
    return wire.manifest_unknown(problem.message == manifest.SCHEMA_1 and problem.message)
  end,
  Upstream = wire.error,
  Local = wire.error,
}

-- Who asks, and for what. Raises the answer: 401 with the challenge, or NAME_UNKNOWN, also for what the member may not
-- see.
local function enter(req)
  local slug = req.params.slug
  local member, claims, problem = req.app.members:by_bearer(req)
  if problem then error(wire.error(problem), 0) end
  if not member then
    error(wire.unauthorized(req, scope.pull(slug), req:header("authorization") and "invalid_token" or nil), 0)
  end
  local product = req.app.catalog:find(slug, member)
  if not product or not product.image then
    local reference = req.params.reference
    if reference then req:audit { kind = "pull", application = slug, version = reference } end
    error(wire.name_unknown(), 0)
  end
  if not scope.covers(claims.access, slug) then
    error(wire.unauthorized(req, scope.pull(slug), "insufficient_scope"), 0)
  end
  return product
end

local function ping(req)
  local member, _, problem = req.app.members:by_bearer(req)
  if problem then return wire.error(problem) end
  if not member then
    return wire.unauthorized(req, nil, req:header("authorization") and "invalid_token" or nil)
  end
  return wire.json({})
end

-- Manifests -------------------------------------------------------------------------------------------

local function manifest_answer(held)
  local made = answer.blob { source = held.source, content_type = held.media_type, etag = '"' .. held.digest .. '"' }
  made.ranges = false
  return wire.versioned(made):header("docker-content-digest", held.digest)
end

-- A pull: counted, and denied here or nowhere. The slot is back before the bytes go to a client that may be slow. What
-- fails keeps its lease: it goes back with the task, refunded where we or upstream are to blame.
local function by_tag(req, product, pulls)
  local tag = req.params.reference
  req:audit { kind = "pull", application = product.slug, version = tag }
  if not tags.offered(product, tag) then return wire.manifest_unknown() end
  local lease, denied = pulls:pull(req, product, tag)
  if not lease then return pulls:tell(refuse(denied), req.member) end
  local held, failed = holdings.by_tag(product, tag, req:header_list "accept")
  if not held then return refuse(failed) end
  lease:release()
  return pulls:tell(manifest_answer(held), req.member)
end

local function by_digest(req, product, pulls)
  req:audit { kind = "part", application = product.slug, digest = req.params.reference }
  local lease = pulls:part(req.member)
  local held, failed = holdings.by_digest(product, req.params.reference, req:header_list "accept")
  if lease then lease:release() end
  return held and manifest_answer(held) or refuse(failed)
end

-- Blobs -----------------------------------------------------------------------------------------------

-- Is it this application's to give? True, or nil and why not.
local function belongs(product, digest)
  local state, untold = survey.state(product, digest)
  if not state then return nil, untold end
  if state == "live" then return true end
  if state == "refused" then return nil, errors.new("NotFound", { message = "yanked" }) end
  return blob_flights:run(native.key(origin.source(product), product.slug, digest), function()
    local size, problem = origin.blob_size(product, digest)
    if not size then return nil, problem end
    return relation.note(product, { digest }, relation.UPSTREAM)
  end)
end

-- The blob, or for a HEAD of one that is not here its size: that fills nothing.
local function open_blob(req, product, digest)
  local describe = req.method == "HEAD"
  local source, problem = native.cache:open {
    digest = digest, source = origin.source(product), upstream = not describe and origin.upstream(product) or nil,
    url = origin.path(product, "blobs", digest), scope = origin.scope(product),
  }
  if source then return { source = source } end
  if not describe or not errors.is(problem, "NotFound") then return nil, problem end
  local size, failed = origin.blob_size(product, digest)
  return size and { size = size >= 0 and size or nil }, failed
end

local function blob(req)
  local product = enter(req)
  local digest = req.params.digest
  if not manifest.is_digest(digest) then return wire.digest_invalid() end
  req:audit { kind = "part", application = product.slug, digest = digest }
  local ours, why = belongs(product, digest)
  local opened, failed = nil, why
  if ours then opened, failed = open_blob(req, product, digest) end
  if not opened then return wire.error(failed, "BLOB_UNKNOWN") end
  opened.etag = '"' .. digest .. '"'
  return wire.versioned(answer.blob(opened)):header("docker-content-digest", digest)
end

-- Lists -----------------------------------------------------------------------------------------------

local function tag_list(req)
  local product = enter(req)
  local asked = req:query "n"
  local n = asked and asked:find("^%d+$") and math.tointeger(tonumber(asked))
  if asked and not n then
    return wire.problem(400, "PAGINATION_NUMBER_INVALID", "n is a whole number from 0")
  end
  local page, more = tags.page(tags.all(product), n, req:query "last")
  local made = wire.json { name = product.slug, tags = page }
  if more then
    local link = '</v2/%s/tags/list?last=%s&n=%d>; rel="next"'
    made:header("link", link:format(product.slug, native.url_encode(more), n))
  end
  return made
end

local function referrer_list(req)
  local product = enter(req)
  local digest, artifact_type = req.params.digest, req:query "artifactType"
  if not manifest.is_digest(digest) then return wire.digest_invalid() end
  local index, problem = referrers.index(product, digest, artifact_type)
  if not index then return wire.error(problem) end
  local made = wire.versioned(answer.new(200, index, manifest.INDEX))
  return artifact_type and made:header("oci-filters-applied", "artifactType") or made
end

-- Nothing is written here. But what is wrong with any registry is told as that.
local function wrong_method(req)
  local last = req.path:match("[^/]*$")
  if last:find(":", 1, true) and not manifest.is_digest(last) then return wire.digest_invalid() end
  return wire.unsupported()
end

--- The routes, to be mounted at /v2.
---@param options { limiter: dunite.Limit, wait?: string|number, meter_window?: string|number }
---@return dunite.Router
function M.routes(options)
  local findings = {}
  local given = schema.check(options, OPTIONS, findings, "oci.routes")
  if findings[1] then error(table.concat(findings, "; "), 2) end
  local pulls = meter.new { limiter = given.limiter, wait = given.wait, window = given.meter_window }

  local function by_reference(req)
    local product = enter(req)
    if not req.params.reference:find(":", 1, true) then return by_tag(req, product, pulls) end
    if not manifest.is_digest(req.params.reference) then return wire.digest_invalid() end
    return by_digest(req, product, pulls)
  end

  local routes = router.new()
  routes:get("/", ping, "ping")
  routes:get("/:slug/manifests/:reference", by_reference, "manifest")
  routes:get("/:slug/blobs/:digest", blob, "blob")
  routes:get("/:slug/tags/list", tag_list, "tags")
  routes:get("/:slug/referrers/:digest", referrer_list, "referrers")
  routes.wrong_method = wrong_method
  routes.not_found = function(req)
    local reads = req.method == "GET" or req.method == "HEAD"
    return reads and wire.name_unknown() or wire.unsupported()
  end
  routes.bad_path = function() return wire.problem(400, "NAME_INVALID", "this path is malformed") end
  routes.failed = function(_, problem) return wire.error(problem) end
  return routes
end

return M
