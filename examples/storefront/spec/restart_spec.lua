local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }

describe("a restart", function()
  local data_dir, app, upstream
  before_each(function()
    data_dir = t.folder()
    app, upstream = shop.open { data_dir = data_dir, limits = { downloads = { daily_cap = 2 } } }
  end)

  local function again(settings)
    app:stop()
    settings = settings or {}
    settings.data_dir, settings.upstream = data_dir, upstream
    settings.limits = settings.limits or { downloads = { daily_cap = 2 } }
    app = shop.open(settings)
    return app
  end

  it("forgets no count of the day, and refunds none", function()
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(200, again():get(shop.FILE .. "a", ADA).status)
    assert.equal(429, again():get(shop.FILE .. "a", ADA).status)
    assert.equal(200, again { at = "2026-02-01T00:00:00Z" }:get(shop.FILE .. "a", ADA).status)
  end)

  it("keeps what was fetched, also while upstream is down", function()
    assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
    upstream:stop()
    local response = again():get(shop.FILE .. "a", ADA)
    assert.same({ 200, "the first" }, { response.status, response.body })
    assert.matches("hit", response.headers["cache-status"])
  end)

  it("keeps tokens good, and who was added", function()
    local token = app:token("ada", "tool")
    assert.is_true(app:control("member.add", { id = "grace", email = "grace@example.com", password = "a secret" }).ok)
    again()
    assert.equal(200, app:get("/v2/", { bearer = token }).status)
    assert.equal(200, app:get("/v1/downloads", { as = { "grace", "a secret" } }).status)
  end)

  describe("with an image in the store", function()
    local image, token
    before_each(function()
      image, token = upstream.images["acme/tool"]["v0.9.0"], app:token("ada", "tool")
    end)

    local function get(path) return app:get("/v2/tool/" .. path, { bearer = token }) end

    before_each(function()
      assert.equal(200, get("manifests/v0.9.0").status)
      assert.equal(200, get("blobs/" .. image.layers[1]).status)
    end)

    it("knows what belongs to whom without asking", function()
      again()
      upstream:stop()
      assert.equal(200, get("manifests/v0.9.0").status)
      assert.equal(200, get("manifests/" .. image.digest).status)
      assert.equal("layer zero", get("blobs/" .. image.layers[1]).body)
    end)

    it("refuses all of it once the version is yanked", function()
      local catalog = {}
      for i, product in ipairs(shop.catalog) do catalog[i] = product end
      catalog[1] = { versions = { { tag = "v0.9.0", yanked = true } } }
      for key, value in pairs(shop.catalog[1]) do catalog[1][key] = catalog[1][key] or value end
      again { catalog = catalog }
      for path, code in pairs {
        ["manifests/v0.9.0"] = "MANIFEST_UNKNOWN", ["manifests/" .. image.digest] = "MANIFEST_UNKNOWN",
        ["blobs/" .. image.layers[1]] = "BLOB_UNKNOWN", ["blobs/" .. image.config] = "BLOB_UNKNOWN",
      } do
        local response = get(path)
        assert.same({ 404, code }, { response.status, shop.code(response) })
      end
    end)
  end)
end)
