-- What of Forgejo is answered. Everything is counted, and may be told to fail, wait or trickle (control.lua).

local answer = require "dunite.answer"
local content_type = require "dunite.content_type"
local control = require "dunite.test.forgejo.control"
local files = require "dunite.test.forgejo.files"
local packages = require "dunite.test.forgejo.packages"
local registry = require "dunite.test.forgejo.registry"
local releases = require "dunite.test.forgejo.releases"

local function not_there() return answer.json({ message = "not found" }, 404) end

-- DOUBLE_ROOT/files/PATH, for upstreams of other kinds; nobody has to sign in for them.
local function plain(req)
  local file = files.open("files", req.params.rest)
  if not file then return not_there() end
  local made = answer.new(200, nil, content_type(req.params.rest))
  made.file, made.modified = file, file:modified()
  return made
end

return function(app)
  control.routes(app)

  local function serve(pattern, handler) app:get(pattern, control.watched(handler)) end

  serve("/api/v1/repos/:owner/:repo/releases", releases.list)
  serve("/api/v1/repos/:owner/:repo/releases/latest", releases.latest)
  serve("/api/v1/repos/:owner/:repo/releases/tags/:tag", releases.by_tag)
  serve("/:owner/:repo/releases/download/:tag/:file", releases.download)
  serve("/attachments/:uuid", releases.attachment)

  serve("/api/v1/packages/:owner/generic/:package/:version/files", packages.files)
  serve("/api/packages/:owner/generic/:package/:version/:file", packages.download)
  app:head("/api/packages/:owner/generic/:package/:version/:file", control.watched(packages.no_head))

  serve("/v2/", registry.ping)
  serve("/v2/token", registry.token)
  app:post("/v2/token", not_there)
  serve("/storage/*path", registry.stored)
  serve("/v2/:owner/*rest", registry.repository)

  serve("/*rest", plain)
end
