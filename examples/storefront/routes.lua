-- Who gets what, where, how much.

local dunite, answer = require "dunite", require "dunite.answer"
local download, oci, oidc = require "dunite.verticals.download", require "dunite.verticals.oci", require "dunite.verticals.oidc"
local health = require "dunite.health"
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

  -- An application that the member may not see looks exactly like one that does not exist.
  local function product_for(req)
    local member = app.members:require(req)
    local product, hidden = app.catalog:find(req.params.slug, member)
    if not product then error(refuse(hidden), 0) end
    return product, member
  end

  local function hand_out(req)
    local product, member = product_for(req)
    local asked, version = req.params.asset, req.params.version
    req:audit { kind = "download", application = product.slug, version = version or product.pinned_release, asset = asked }

    local unchanged = download.not_modified(product, asked, req, version)
    if unchanged then return unchanged end

    local describe, lease, denied = req.method == "HEAD", nil, nil
    if not describe then
      lease, denied = limit:acquire(member, { share = req:piece() })
      if not lease then return refuse(denied) end
    end

    local asset, failed = download.open(product, asked, { version = version, describe = describe })
    if not asset then return refuse(failed) end
    return answer.blob(asset):hold(lease):attachment(asset.name)
  end

  app:get("/v1/applications/:slug/downloads", function(req)
    local list, failed = download.list(product_for(req), req)
    if not list then return refuse(failed) end
    return answer.data(list)
  end)
  app:get("/v1/applications/:slug/downloads/:asset", hand_out)
  app:get("/v1/applications/:slug/downloads/:version/:asset", hand_out)

  app:get("/v1/downloads", function(req)
    local member = app.members:require(req)
    return answer.data(download.groups(app.catalog:visible(member), req))
  end)

  app:mount("/auth", oci.tokens {})
  app:mount("/v2", oci.routes { limiter = app.limits.pulls })
  app:mount("", oidc.routes())
  app:mount("", health.routes())
end
