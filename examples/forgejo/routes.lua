-- What of Forgejo is answered. Everything is counted, and may be told to fail, wait or trickle (control.lua).

local answer = require "dunite.answer"
local control = require "control"
local packages = require "packages"
local registry = require "registry"
local releases = require "releases"

local function not_there() return answer.json({ message = "not found" }, 404) end

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

  serve("/*rest", not_there)
end
