-- The Debian vertical: dists/ and pool/ of a repository, as apt asks for them.
--
-- What is trusted follows the chain that apt follows. A suite's InRelease is asked of upstream again after a while
-- (`freshness.releases`); it names the size and SHA-256 of every index, and an index names those of every package. So
-- everything but the release files is stored by its digest, fetched once however many ask, and checked before anybody's
-- last bytes. Signatures are apt's business: the release files are handed on as they are.

local native = require "dunite.native"
local answer = require "dunite.answer"
local errors = require "dunite.errors"
local fresh = require "dunite.fresh"
local router = require "dunite.router"

local M = {}

local RELEASE_FILES = { InRelease = true, Release = true, ["Release.gpg"] = true }
local RELEASE_MOST, INDEX_MOST = 4 << 20, 32 << 20 -- bytes that are read into Lua
local HEX = ("%x"):rep(64)

local releases = fresh.new("debian", "releases")

-- Every part encoded, the slashes left.
local function url_of(path)
  return "/" .. path:gsub("[^/]+", native.url_encode)
end

local function unknown(path)
  return nil, errors.new("NotFound", { message = "no such file in the repository: " .. path })
end

-- A suite's release file, as upstream has it.
local function release(options, suite, name)
  local path = ("dists/%s/%s"):format(suite, name)
  return releases:get(path, options.app.freshness, function()
    local got, problem = options.upstream:fetch { url = url_of(path), max = RELEASE_MOST }
    return got and got.body, problem
  end)
end

-- Digest and size of a file below dists/SUITE/, by the "SHA256" part of the release file: " DIGEST SIZE PATH".
local function indexed(text, path)
  local digest = path:match("/by%-hash/SHA256/(" .. HEX .. ")$")
  local pattern = digest and "\n (" .. digest .. ") +(%d+) " or
    "\n (" .. HEX .. ") +(%d+) " .. path:gsub("%p", "%%%0") .. "\r?\n"
  local found, size = ("\n" .. text .. "\n"):match(pattern)
  return found and { digest = "sha256:" .. found:lower(), size = math.tointeger(size) }
end

local function open(options, path, known)
  return native.cache:open {
    digest = known.digest, size = known.size, url = url_of(path), upstream = options.upstream,
    source = options.upstream:name() .. "/debian",
  }
end

-- A file of a suite, opened.
local function open_index(options, suite, path)
  local text, problem = release(options, suite, "InRelease")
  if not text then return nil, problem end
  local known = indexed(text, path)
  if not known then return unknown(path) end
  return open(options, ("dists/%s/%s"):format(suite, path), known)
end

-- The paths of a suite's indexes of packages, of those that are not compressed.
local function package_indexes(text)
  local paths = {}
  for path in text:gmatch("\n " .. HEX .. " +%d+ (%S+/Packages)\r?\n") do paths[#paths + 1] = path end
  return paths
end

-- What an index says of a package's file: its paragraph has "Filename", "Size" and "SHA256".
local function described(index, path)
  local at = ("\n" .. index):find("\nFilename: " .. path .. "\n", 1, true)
  if not at then return nil end
  local from, to = at, (index:find("\n\n", at, true) or #index) + 1
  while from > 1 and index:sub(from - 1, from) ~= "\n\n" do from = from - 1 end
  local paragraph = "\n" .. index:sub(from, to)
  local digest, size = paragraph:match("\nSHA256: (" .. HEX .. ")\n"), paragraph:match("\nSize: (%d+)\n")
  return digest and { digest = "sha256:" .. digest:lower(), size = math.tointeger(size) }
end

-- Digest and size of a package's file, from the first index that has it.
local function find_package(options, path)
  for _, suite in ipairs(options.suites) do
    local text, problem = release(options, suite, "InRelease")
    if not text then return nil, problem end
    for _, index_path in ipairs(package_indexes(text)) do
      local source <close>, failed = open_index(options, suite, index_path)
      if not source then return nil, failed end
      local index, unread = source:read(INDEX_MOST)
      if not index then return nil, unread end
      local known = described(index, path)
      if known then return known end
    end
  end
  return unknown(path)
end

local function is_served(options, suite)
  for _, served in ipairs(options.suites) do
    if served == suite then return true end
  end
  return false
end

--- GET /dists/SUITE/… and /pool/…, for members. Only packages are counted.
---@param options { app: dunite.App, upstream: dunite.native.Upstream, limit: dunite.Limit, suites: string[] }
---@return dunite.Router
function M.routes(options)
  local routes = router.new()

  routes:get("/dists/:suite/*file", function(req)
    local suite, file = req.params.suite, req.params.file
    options.app.members:require(req)
    if not is_served(options, suite) then return answer.not_found "Suite" end
    if RELEASE_FILES[file] then
      local text, problem = release(options, suite, file)
      return text and answer.text(text) or answer.error(problem)
    end
    local source, problem = open_index(options, suite, file)
    return source and answer.blob { source = source } or answer.error(problem)
  end, "suite")

  routes:get("/pool/*file", function(req)
    local member, path = options.app.members:require(req), "pool/" .. req.params.file
    local known, problem = find_package(options, path)
    if not known then return answer.error(problem) end
    local etag = '"' .. known.digest:sub(8, 39) .. '"'
    if req.method == "HEAD" then return answer.blob { size = known.size, etag = etag } end
    req:audit { kind = "download", application = "debian", asset = path, digest = known.digest }
    local lease, denied = options.limit:acquire(member, { share = req:piece() })
    if not lease then return answer.refuse(denied) end
    local source, failed = open(options, path, known)
    if not source then return answer.error(failed) end
    return answer.blob { source = source, etag = etag }:hold(lease)
  end, "package")

  return routes
end

return M
