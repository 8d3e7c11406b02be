-- Who may ask. Everything is private here: one token opens all of it.

local native = require "dunite.native"
local answer = require "dunite.answer"

local M = {}

local token = native.getenv "DOUBLE_TOKEN" or "secret"

--- What the registry's token endpoint gives: not bound to a repository.
M.registry_token = native.sha256("registry " .. token):sub(8)

local function is(given, wanted) return given ~= nil and native.equal(given, wanted) end

--- The service token: as `Authorization: token T`, Bearer, Basic (any user, the token as password) or ?token=.
---@param req dunite.Request
function M.are_good(req)
  local scheme, value = (req:header("authorization") or ""):match("^(%a+) +(%S+)$")
  if scheme and scheme:lower() == "token" then return is(value, token) end
  local _, password = req:basic()
  return is(req:bearer(), token) or is(password, token) or is(req:query "token", token)
end

--- For the registry, which also takes its own tokens.
function M.open_registry(req) return M.are_good(req) or is(req:bearer(), M.registry_token) end

--- What a private thing says to others: nothing.
function M.hidden() return answer.json({ message = "GetRelease", errors = {}, url = "/api/swagger" }, 404) end

--- What packages say to others.
function M.package_challenge()
  return answer.text("authentication required", 401):header("www-authenticate", 'Basic realm="Gitea Package API"')
end

return M
