local answer, download = require "dunite.answer", require "dunite.verticals.download"

return function(app)
  app:get("/:slug/:asset", function(req)
    local member = app.members:require(req, "downloads")
    local product, hidden = app.catalog:find(req.params.slug, member)
    if not product then return hidden end
    local lease, denied = app.limits.downloads:acquire(member)
    if not lease then return denied end
    local asset, failed = download.open(product, req.params.asset)
    if not asset then return failed end
    return answer.blob(asset):hold(lease):attachment(asset.name)
  end)
end
