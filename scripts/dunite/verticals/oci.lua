-- Container images: a read-only registry (the OCI distribution specification) and its token endpoint.
--
-- The core's names are canonical. Deployments that were written against this vertical's older names find them here, and
-- only here, as the very same objects: OciLimitDenial is dunite.LimitDenial, OciLimiter is dunite.Limiter.

local dunite = require "dunite"
local errors = require "dunite.errors.oci"
local holdings = require "dunite.verticals.oci.holdings"
local registry = require "dunite.verticals.oci.registry"
local token = require "dunite.verticals.oci.token"

local M = {
  OciError = errors.OciError,
  OciLimitDenial = dunite.LimitDenial,
  OciLimiter = dunite.Limiter,
}

--- The token endpoint: GET and POST /token. Mount it at /auth, or say where it is by the deployment's tokens.realm.
---@return dunite.Router
function M.tokens() return token.routes() end

--- The registry, to be mounted at /v2. limiter: a limit of the app; wait: how long a tag's manifest queues for a slot
--- (10 s); meter_window: in which a HEAD and the GET after it have pulled once (60 s).
---@param options { limiter: dunite.Limit, wait?: string|number, meter_window?: string|number }
---@return dunite.Router
function M.routes(options) return registry.routes(options) end

--- Forgets what is known of an application's images (not their bytes), so that all of it is asked for again.
---@param slug string
function M.forget(slug) holdings.forget(slug) end

return M
