-- What others need to check our tokens: the key set, and where it is.

local native = require "dunite.native"
local answer = require "dunite.answer"
local router = require "dunite.router"

local M = {}

-- A key that is retired stays in the set while its tokens live, so a short while is safe.
local CACHED = "public, max-age=300"

local function key_set()
  return answer.new(200, native.keys:jwks(), "application/jwk-set+json"):header("cache-control", CACHED)
end

-- OpenID Connect Discovery 1.0 section 3. There is no authorization endpoint: tokens are had at the token endpoint.
local function configuration(req)
  return answer.json({
    issuer = req.app:issuer(),
    jwks_uri = req:url("/.well-known/jwks.json"),
    token_endpoint = req.app.settings.tokens.realm or req:url("/auth/token"),
    grant_types_supported = { "password" },
    token_endpoint_auth_methods_supported = { "client_secret_basic", "none" },
    response_types_supported = { "token" },
    subject_types_supported = { "public" },
    id_token_signing_alg_values_supported = { "EdDSA" },
    claims_supported = { "iss", "aud", "sub", "exp", "iat", "jti", "client_id", "access" },
  }):header("cache-control", CACHED)
end

--- /.well-known/jwks.json and /.well-known/openid-configuration, to be mounted at "".
---@return dunite.Router
function M.routes()
  local routes = router.new()
  routes:get("/.well-known/jwks.json", key_set, "keys")
  routes:get("/.well-known/openid-configuration", configuration, "discovery")
  return routes
end

return M
