-- Who gets what, where, how much.

local dunite, answer, health = require "dunite", require "dunite.answer", require "dunite.health"
local download, oci = require "dunite.verticals.download", require "dunite.verticals.oci"
local oidc = require "dunite.verticals.oidc"
local LimitDenial, ErrorClass = dunite.LimitDenial, dunite.ErrorClass

local refuse = dunite.matcher(LimitDenial, ErrorClass) {
  Concurrency = function() return answer.too_many("download_concurrency_limit") end,
  DailyCap = function(denied) return answer.too_many("download_daily_limit", denied.reset_in_secs) end,
  NotFound = function() return answer.not_found("This download") end,
  Upstream = answer.error,
  Local = answer.error,
}

return function(app)
  local limit = app.limits.downloads

  -- Who asks, and for which application. One that the member may not see looks exactly like one that does not exist.
  local function enter(req)
    local member = app.members:require(req, "downloads")
    local product, hidden = app.catalog:find(req.params.slug, member)
    if not product then error(refuse(hidden), 0) end
    return product, member
  end

  local function hand_out(req)
    local member = app.members:require(req, "downloads")
    local product, hidden = app.catalog:find(req.params.slug, member)
    local name, version = req.params.asset, req.params.version or product and product.pinned_release
    req:audit { kind = "download", application = req.params.slug, version = version, asset = name }
    if not product then return refuse(hidden) end

    local unchanged = download.not_modified(product, name, req, version)
    if unchanged then return unchanged end

    local lease, denied = limit:acquire(member, { share = req:piece() })
    if not lease then return limit:tell(refuse(denied), member) end

    local asset, failed = download.open(product, name, version)
    if not asset then return refuse(failed) end
    return limit:tell(answer.blob(asset):hold(lease):attachment(asset.name), member)
  end

  -- What a HEAD asks for costs nothing and fetches nothing.
  local function describe(req)
    local product = enter(req)
    local asset, failed = download.describe(product, req.params.asset, req.params.version)
    if not asset then return refuse(failed) end
    return answer.blob(asset):attachment(asset.name)
  end

  for _, path in ipairs { "/:asset", "/:version/:asset" } do
    app:get("/v1/applications/:slug/downloads" .. path, hand_out)
    app:head("/v1/applications/:slug/downloads" .. path, describe)
  end

  app:get("/v1/applications/:slug/downloads", function(req)
    local list, failed = download.list(enter(req), req)
    if not list then return refuse(failed) end
    return answer.data(list)
  end)

  app:get("/v1/downloads", function(req)
    local member = app.members:require(req, "downloads")
    return answer.data(download.groups(app.catalog:visible(member), req))
  end)

  app:get("/v1/me", function(req)
    return answer.data(app.members:account(app.members:require(req, "any")))
  end)

  -- An administrator may have all of an application asked for anew. For anybody else there are no such pages.
  for part, forget in pairs { downloads = download.forget, oci = oci.forget } do
    app:post("/v1/admin/applications/:slug/" .. part .. "/refresh", function(req)
      app.members:require_admin(req)
      req:audit { kind = "refresh", application = req.params.slug, asset = part }
      local product, missing = app.catalog:any(req.params.slug)
      if not product then return refuse(missing) end
      forget(product.slug)
      return answer.data { application = product.slug, refreshed = part }
    end)
  end

  app:mount("/auth", oci.tokens {})
  app:mount("/v2", oci.routes { limiter = app.limits.pulls })
  app:mount("", oidc.routes())
  app:mount("", health.routes())
end
