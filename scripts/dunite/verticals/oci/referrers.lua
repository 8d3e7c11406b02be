-- What refers to a manifest (signatures, bills of materials), as upstream lists it. All its pages are read and looked
-- at, and one list is made of them; who asks for one type gets one type, whether upstream knows that filter or not.

local native = require "dunite.native"
local errors = require "dunite.errors"
local manifest = require "dunite.verticals.oci.manifest"
local origin = require "dunite.verticals.oci.origin"
local relation = require "dunite.verticals.oci.relation"
local survey = require "dunite.verticals.oci.survey"

local M = {}

local MOST_PAGES, MOST_ENTRIES = 20, 5000

local flights = native.flights("dunite.referrers")

-- A type that can be asked for; no other can have referrers.
local function is_artifact_type(text) return #text <= 255 and text:find("^[%w!#$&^_.+-]+/[%w!#$&^_.+-]+$") ~= nil end

local function is_descriptor(entry)
  return type(entry) == "table" and manifest.is_type(entry.mediaType) and type(entry.digest) == "string" and
    math.type(entry.size) == "integer" and entry.size >= 0
end

-- The entries of one page; those whose digest we cannot verify could not be had either.
local function entries_of(body)
  local document = native.json.decode(body)
  local list = type(document) == "table" and document.manifests
  if type(list) ~= "table" or getmetatable(list) ~= native.json.array then return nil end
  local entries = {}
  for _, entry in ipairs(list) do
    if not is_descriptor(entry) then return nil end
    if manifest.is_digest(entry.digest) then entries[#entries + 1] = entry end
  end
  return entries
end

-- Of the address of the next page only the query counts: it is asked for where this one was.
local function next_query(link)
  local query, rest = (link or ""):match("^%s*<[^>?]*%?([%w%%&=._~:/+-]*)>(.*)$")
  return query and rest:find('rel%s*=%s*"?next"?') and query or nil
end

local function add(list, page, artifact_type, is_filtered)
  for _, entry in ipairs(page) do
    if not artifact_type or is_filtered or entry.artifactType == artifact_type then list[#list + 1] = entry end
  end
end

local function read(product, digest, artifact_type)
  local list = setmetatable({}, native.json.array)
  local query = artifact_type and "artifactType=" .. native.url_encode(artifact_type) or ""
  for _ = 1, MOST_PAGES do
    local got, problem = origin.referrers(product, digest, query)
    if problem then return nil, problem end
    local page = got and entries_of(got.body) or not got and {}
    if not page then return nil, errors.new("Upstream", { message = "a list of referrers that is none" }) end
    add(list, page, artifact_type, got and (got.filtered or ""):find("artifactType", 1, true))
    if #list > MOST_ENTRIES then return nil, errors.new("Upstream", { message = "too many referrers" }) end
    query = got and next_query(got.link)
    if not query then return list end
  end
  return nil, errors.new("Upstream", { message = "a list of referrers that does not end" })
end

local function digests_of(list)
  local digests = {}
  for i, entry in ipairs(list) do digests[i] = entry.digest end
  return digests
end

-- The index, as text: what crosses to who joins the flight.
local function index_of(list)
  return native.json.encode { schemaVersion = 2, mediaType = manifest.INDEX, manifests = list }
end

--- An index of what refers to the digest; empty where upstream knows no referrers, or only yanked versions hold it.
---@async
---@param product dunite.Product
---@param digest string
---@param artifact_type? string
---@return string? index, table? problem
function M.index(product, digest, artifact_type)
  local state, untold = survey.state(product, digest)
  if not state then return nil, untold end
  local hidden = state == "refused" or (artifact_type and not is_artifact_type(artifact_type))
  if hidden then return index_of(setmetatable({}, native.json.array)) end
  local key = native.key(origin.source(product), product.slug, digest, artifact_type or "")
  return flights:run(key, function()
    local list, problem = read(product, digest, artifact_type)
    if not list then return nil, problem end
    local noted, failed = relation.note(product, digests_of(list), digest)
    if not noted then return nil, failed end
    return index_of(list)
  end)
end

return M
