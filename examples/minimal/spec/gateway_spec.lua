local t = require "dunite.test"

describe("the gateway", function()
  local app
  setup(function()
    local upstream = t.forgejo { releases = { ["acme/tool"] = { ["v1.0.0"] = { ["tool.zip"] = "zipped" } } } }
    app = t.app { upstream = upstream, limits = { downloads = { daily_cap = 2 } } }
  end)

  it("hands the release's assets to its members", function()
    assert.equal(401, app:get("/tool/tool.zip").status)
    local response = app:get("/tool/tool.zip", { as = "ada" })
    assert.same({ 200, "zipped" }, { response.status, response.body })
    assert.equal('attachment; filename="tool.zip"', response.headers["content-disposition"])
  end)

  it("says no to what is not there, and to too much", function()
    assert.equal(404, app:get("/tool/other.zip", { as = "bob" }).status)
    assert.equal(404, app:get("/other/tool.zip", { as = "bob" }).status)
    assert.equal(200, app:get("/tool/tool.zip", { as = "ada" }).status)
    local denied = app:get("/tool/tool.zip", { as = "ada" })
    assert.same({ 429, "daily_limit" }, { denied.status, denied:json().error.code })
  end)
end)
