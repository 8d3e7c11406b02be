-- Releases: DOUBLE_ROOT/releases/OWNER/REPO/TAG/FILE. A file's URL may be written in FILE.external instead of bytes.

local native = require "dunite.native"
local answer = require "dunite.answer"
local credentials = require "dunite.test.forgejo.credentials"
local files = require "dunite.test.forgejo.files"

local M = {}

local downloads = {} -- uuid -> how often

local array = native.json.array

-- An upload's: another file under the same name is another one.
local function uuid_of(path, file)
  local hex = native.sha256(("%s %d %d"):format(path, file:size(), file:modified())):sub(8)
  return ("%s-%s-4%s-8%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20), hex:sub(21, 32))
end

local function id_of(text) return tonumber(native.sha256(text):sub(8, 14), 16) end

local function rfc3339(seconds) return native.clock.rfc3339(seconds * 1000) end

local function asset(req, repository, tag, name)
  local path = ("releases/%s/%s/%s"):format(repository, tag, name)
  local file <close> = files.open(path)
  local uuid = uuid_of(path, file)
  local made = {
    id = id_of(path), name = name, size = file:size(), download_count = downloads[uuid] or 0,
    created_at = rfc3339(file:modified()), uuid = uuid, type = "attachment",
    browser_download_url = req:url(("/%s/releases/download/%s/%s"):format(repository, native.url_encode(tag),
      native.url_encode(name))),
  }
  local external = name:match("^(.+)%.external$")
  if external then
    made.name, made.size, made.type = external, 0, "external"
    made.browser_download_url = file:read(4096):match("%S+")
  end
  return made
end

local function author(owner)
  return { id = id_of(owner), login = owner, full_name = "", email = owner .. "@localhost" }
end

local function release(req, owner, repository, tag)
  local assets, newest = setmetatable({}, array), 0
  for _, name in ipairs(files.names("releases", repository, tag)) do
    assets[#assets + 1] = asset(req, repository, tag, name)
    local file <close> = files.open("releases", repository, tag, name)
    newest = math.max(newest, file:modified())
  end
  local id = id_of(repository .. "@" .. tag)
  local api = req:url("/api/v1/repos/" .. repository .. "/releases/" .. id)
  local archive = req:url(("/%s/archive/%s"):format(repository, native.url_encode(tag)))
  return {
    id = id, tag_name = tag, target_commitish = "main", name = tag, body = "", url = api,
    html_url = req:url(("/%s/releases/tag/%s"):format(repository, native.url_encode(tag))),
    tarball_url = archive .. ".tar.gz", zipball_url = archive .. ".zip", upload_url = api .. "/assets",
    draft = false, prerelease = false, created_at = rfc3339(newest), published_at = rfc3339(newest),
    author = author(owner), assets = assets,
  }, newest
end

local function repository_of(req) return req.params.owner .. "/" .. req.params.repo end

function M.by_tag(req)
  local repository, tag = repository_of(req), req.params.tag
  if not credentials.are_good(req) or not files.has("releases", repository, tag) then return credentials.hidden() end
  return answer.json((release(req, req.params.owner, repository, tag)))
end

-- All of a repository's, the newest first.
local function all(req)
  local list = setmetatable({}, array)
  for _, tag in ipairs(files.names("releases", repository_of(req))) do
    list[#list + 1] = release(req, req.params.owner, repository_of(req), tag)
  end
  table.sort(list, function(a, b) return a.created_at > b.created_at end)
  return list
end

function M.list(req)
  if not credentials.are_good(req) then return credentials.hidden() end
  return answer.json(all(req))
end

function M.latest(req)
  local newest = credentials.are_good(req) and all(req)[1]
  return newest and answer.json(newest) or credentials.hidden()
end

local function give(path, name)
  local file = files.open(path)
  if not file then return answer.text("Not found.\n", 404) end
  local uuid = uuid_of(path, file)
  downloads[uuid] = (downloads[uuid] or 0) + 1
  local made = answer.new(200, nil, "application/octet-stream"):attachment(name)
  made.file, made.etag, made.modified = file, '"' .. uuid .. '"', file:modified()
  return made
end

function M.download(req)
  local p = req.params
  if not credentials.are_good(req) then return answer.text("Not found.\n", 404) end
  return give(("releases/%s/%s/%s/%s"):format(p.owner, p.repo, p.tag, p.file), p.file)
end

-- Every path below releases/ of four names.
local function each_path(visit, path, depth)
  for _, name in ipairs(files.names(path)) do
    if depth == 4 then visit(path .. "/" .. name, name) else each_path(visit, path .. "/" .. name, depth + 1) end
  end
end

function M.attachment(req)
  local found
  if credentials.are_good(req) then
    each_path(function(path, name)
      local file <close> = files.open(path)
      if uuid_of(path, file) == req.params.uuid then found = { path, name } end
    end, "releases", 1)
  end
  return found and give(found[1], found[2]) or answer.text("Not found.\n", 404)
end

return M
