-- The registry: DOUBLE_ROOT/oci/OWNER/NAME is an OCI image layout. Blobs and manifests are always whole: Forgejo looks
-- at neither Range nor If-None-Match there. An OWNER with a file "closed" gives our token no access.

local native = require "dunite.native"
local answer = require "dunite.answer"
local control = require "dunite.test.forgejo.control"
local credentials = require "dunite.test.forgejo.credentials"
local files = require "dunite.test.forgejo.files"

local M = {}

local MOST = 4 << 20 -- bytes of an index or a manifest

local function versioned(made) return made:header("docker-distribution-api-version", "registry/2.0") end

local function refuse(status, code, message)
  return versioned(answer.json({ errors = { { code = code, message = message } } }, status))
end

-- Forgejo asks everybody to sign in, whatever they want.
local function challenge(req)
  local realm = ('Bearer realm="%s",service="container_registry",scope="*"'):format(req:url "/v2/token")
  return refuse(401, "UNAUTHORIZED", "authentication required"):header("www-authenticate", realm)
end

function M.ping(req)
  if not credentials.open_registry(req) then return challenge(req) end
  return versioned(answer.text("", 200))
end

-- What a GET is given. With direct serving it is the address of the storage: the answer declares the file's length,
-- and ends without a byte of it.
local function give(made, path, file, method)
  made.file, made.ranges = file, false
  if not control.storage() or method ~= "GET" then return made end
  made.status, made.gate = 307, native.gate(0)
  made.gate:cut()
  return made:header("location", control.storage() .. "/storage/" .. path .. "?signature=x")
end

--- The storage of another double: knows no credentials, and refuses who brings some.
function M.stored(req)
  if req:header "authorization" then return answer.text("<Error><Code>InvalidArgument</Code></Error>", 400) end
  local file = req:query "signature" and files.open(req.params.path)
  if not file then return answer.text("<Error><Code>NoSuchKey</Code></Error>", 404) end
  local made = answer.new(200, nil, "binary/octet-stream")
  made.file = file
  return made
end

--- Only the token: neither expires_in nor issued_at.
function M.token(req)
  if not credentials.are_good(req) then return credentials.package_challenge() end
  return answer.json { token = credentials.registry_token }
end

local function read_json(...)
  local file <close> = files.open(...)
  return file and native.json.decode(file:read(MOST))
end

local function blob_path(repository, digest)
  local hex = digest:match("^sha256:(%x+)$")
  return hex and #hex == 64 and ("oci/%s/blobs/sha256/%s"):format(repository, hex)
end

-- What a tag points at, as the layout's index names it.
local function tagged(repository, tag)
  local index = read_json("oci", repository, "index.json")
  for _, entry in ipairs(index and index.manifests or {}) do
    if entry.annotations and entry.annotations["org.opencontainers.image.ref.name"] == tag then return entry.digest end
  end
end

local function manifest(repository, reference, req)
  local digest = reference:find(":", 1, true) and reference or tagged(repository, reference)
  local path = digest and blob_path(repository, digest)
  local file = path and files.open(path)
  local content = file and file:size() <= MOST and native.json.decode(file:read(MOST))
  if type(content) ~= "table" or not content.schemaVersion then
    return refuse(404, "MANIFEST_UNKNOWN", "manifest unknown to registry")
  end
  local made = versioned(answer.new(200, nil, content.mediaType)):header("docker-content-digest", digest)
  return give(made, path, file, req.method)
end

local function blob(repository, digest, req)
  local path = blob_path(repository, digest)
  local file = path and files.open(path)
  if not file then return refuse(404, "BLOB_UNKNOWN", "blob unknown to registry") end
  local kind = req.method ~= "HEAD" and "application/octet-stream" or nil
  local made = versioned(answer.new(200, nil, kind)):header("docker-content-digest", digest)
  return give(made, path, file, req.method)
end

local function tag_list(repository, req)
  local list, last, n = setmetatable({}, native.json.array), req:query "last", tonumber(req:query "n")
  local index = read_json("oci", repository, "index.json")
  local all = {}
  for _, entry in ipairs(index and index.manifests or {}) do
    all[#all + 1] = entry.annotations and entry.annotations["org.opencontainers.image.ref.name"]
  end
  table.sort(all)
  for _, tag in ipairs(all) do
    if (not last or tag > last) and (not n or #list < n) then list[#list + 1] = tag end
  end
  local made = versioned(answer.json { name = repository, tags = list })
  if #list > 0 and n then -- on the last page, too
    made:header("link", ('</v2/%s/tags/list?last=%s&n=%d>; rel="next"'):format(repository, list[#list], n))
  end
  return made
end

local parts = { manifests = manifest, blobs = blob }

--- GET and HEAD of /v2/OWNER/NAME…/(manifests|blobs|tags)/REFERENCE.
function M.repository(req)
  if not credentials.open_registry(req) then return challenge(req) end
  if not files.has("oci", req.params.owner) then return answer.text("user does not exist [uid: 0]", 404) end
  if files.open("oci", req.params.owner, "closed") then return credentials.package_challenge() end
  local name, part, reference = req.params.rest:match("^(.+)/(%a+)/([^/]+)$")
  local repository = name and req.params.owner .. "/" .. name
  if part == "tags" and reference == "list" and files.has("oci", repository) then return tag_list(repository, req) end
  if not parts[part] then return refuse(404, "NAME_UNKNOWN", "repository name not known to registry") end
  return parts[part](repository, reference, req)
end

return M
