-- What a registry's client reads: the error envelope, the challenge, the header that says which API this is.

local native = require "dunite.native"
local answer = require "dunite.answer"
local oci = require "dunite.errors.oci"

local M = {}

-- How soon a client that was denied a slot may come again, in seconds. It has waited for one already.
local SLOT_RETRY = 1

--- Every answer of the registry carries it.
---@param made dunite.Answer
function M.versioned(made) return made:header("docker-distribution-api-version", "registry/2.0") end

--- An error of the distribution specification.
---@param status integer
---@param code string
---@param message string
---@return dunite.Answer
function M.problem(status, code, message)
  local envelope = { errors = { { code = code, message = message } } }
  local made = M.versioned(answer.json(envelope, status))
  made.reason = code
  return made
end

function M.name_unknown() return M.problem(404, "NAME_UNKNOWN", "repository name not known to registry") end
---@param why? string|false  -- what else the client shows
function M.manifest_unknown(why)
  return M.problem(404, "MANIFEST_UNKNOWN", why and "manifest unknown: " .. why or "manifest unknown")
end
function M.blob_unknown() return M.problem(404, "BLOB_UNKNOWN", "blob unknown to registry") end
function M.digest_invalid() return M.problem(400, "DIGEST_INVALID", "a digest is sha256: and 64 hex digits") end

--- Nothing can be pushed or deleted here.
function M.unsupported()
  return M.problem(405, "UNSUPPORTED", "this registry is read-only"):header("allow", "GET, HEAD")
end

--- 429. A limit's denial, or too many requests of another sort.
---@param message string
---@param retry_after? integer
function M.too_many(message, retry_after)
  return M.problem(429, "TOOMANYREQUESTS", message):header("retry-after", tostring(retry_after or SLOT_RETRY))
end

--- The answer to a problem of ErrorKind.
---@param problem table
---@param missing? string  -- the code when it is NotFound
---@return dunite.Answer
function M.error(problem, missing)
  local value = oci.mirror.of(problem)
  local status = value.http == 499 and 503 or value.http
  local made = M.problem(status, oci.code_of(value, missing or "NAME_UNKNOWN"), value.text)
  made.problem = problem
  if status == 503 and problem.retry_after then made:header("retry-after", tostring(problem.retry_after)) end
  return made
end

local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

-- What can stand in a scope (RFC 6750 section 3): of a path with a line break in it nothing is quoted back.
local function is_scope(text) return text ~= nil and not text:find("[^\33-\126]") end

--- 401 with the Bearer challenge (RFC 6750, and the registry's token specification).
---@param req dunite.Request
---@param scope? string
---@param reason? "invalid_token"|"insufficient_scope"
function M.unauthorized(req, scope, reason)
  local tokens = req.app.settings.tokens
  local challenge = ("Bearer realm=%s,service=%s"):format(quoted(tokens.realm or req:url("/auth/token")),
    quoted(req.app:service()))
  if is_scope(scope) then challenge = challenge .. ",scope=" .. quoted(scope) end
  if reason then challenge = challenge .. ",error=" .. quoted(reason) end
  return M.problem(401, "UNAUTHORIZED", "authentication required"):header("www-authenticate", challenge)
end

--- 401 of the token endpoint itself, which takes Basic credentials.
---@param req dunite.Request
function M.sign_in(req)
  local made = M.problem(401, "UNAUTHORIZED", "wrong user name or password")
  return made:header("www-authenticate", ("Basic realm=%s"):format(quoted(req.app:service())))
end

--- A small JSON document.
function M.json(value, content_type)
  return M.versioned(answer.new(200, native.json.encode(value), content_type or "application/json"))
end

return M
