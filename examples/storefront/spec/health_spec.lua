local shop = require "spec.support"

describe("the storefront", function()
  local app
  setup(function() app = shop.open() end)

  it("says that it is well", function()
    assert.same({ 200, "ok" }, { app:get("/healthz").status, app:get("/healthz"):json().status })
    assert.same({ 200, "ready" }, { app:get("/readyz").status, app:get("/readyz"):json().status })
  end)

  it("shows its figures, by route and never by repository", function()
    app:get(shop.FILE .. "a", { as = "ada" })
    app:get("/v2/tool/manifests/v1.0.0", { bearer = app:token("ada", "tool") })
    local response = app:get "/metrics"
    assert.matches("^text/plain; version=0%.0%.4", response.headers["content-type"])
    assert.matches('route="/v1/applications/:slug/downloads/:asset"', response.body, 1, true)
    assert.matches('route="/v2/:slug/manifests/:reference"', response.body, 1, true)
    assert.is_nil(response.body:find("acme", 1, true))
    assert.is_nil(response.body:find("sha256", 1, true))
    assert.is_nil(response.body:find("v1.0.0", 1, true))
  end)
end)
