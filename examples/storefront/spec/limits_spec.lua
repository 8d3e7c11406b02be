local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }

describe("the daily cap of downloads", function()
  it("opens again at midnight", function()
    local app = shop.open { at = "2026-01-31T23:59:50Z", limits = { downloads = { daily_cap = 1 } } }
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    local denied = app:get(shop.FILE .. "a2", ADA)
    assert.same({ 429, "download_daily_limit" }, { denied.status, shop.code(denied) })
    assert.equal("10", denied.headers["retry-after"])
    t.clock:advance "10s"
    assert.equal(200, app:get(shop.FILE .. "a2", ADA).status)
  end)

  it("is each member's own", function()
    local app = shop.open { limits = { downloads = { daily_cap = 1 } } }
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(200, app:get(shop.FILE .. "a", { as = "bob" }).status)
    assert.equal(429, app:get(shop.FILE .. "a", ADA).status)
  end)

  it("is not touched by HEAD, by a validator that matches, or by a denial", function()
    local app = shop.open { limits = { downloads = { daily_cap = 2 } } }
    local etag = app:get(shop.FILE .. "a", ADA).headers.etag
    for _ = 1, 3 do
      assert.equal(200, app:head(shop.FILE .. "a", ADA).status)
      assert.equal(304, app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = etag } }).status)
    end
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(429, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(200, app:head(shop.FILE .. "a", ADA).status)
  end)

  it("counts the pieces of one download once", function()
    local app = shop.open { limits = { downloads = { daily_cap = 1 } } }
    for first = 0, 48, 16 do
      local range = ("bytes=%d-%d"):format(first, first + 15)
      assert.equal(206, app:get(shop.FILE .. "big.bin", { as = "ada", headers = { range = range } }).status)
    end
    assert.equal(429, app:get(shop.FILE .. "a", ADA).status)
  end)

  it("is not charged for what upstream did not deliver", function()
    local app, upstream = shop.open { limits = { downloads = { daily_cap = 1 } } }
    upstream:fail(shop.UPSTREAM_FILE .. "a", 403)
    assert.equal(502, app:get(shop.FILE .. "a", ADA).status)
    upstream:reset()
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(429, app:get(shop.FILE .. "a", ADA).status)
  end)

  it("is not charged for what is not there to be seen", function()
    local app = shop.open { limits = { downloads = { daily_cap = 1 } } }
    assert.equal(404, app:get("/v1/applications/secret/downloads/a", { as = "bob" }).status)
    assert.equal(200, app:get(shop.FILE .. "a", { as = "bob" }).status)
  end)
end)

describe("the concurrency limit of downloads", function()
  it("denies without a time to come again, and nothing is left behind", function()
    local app = shop.open { limits = { downloads = { concurrency = 0 } } }
    for _ = 1, 3 do
      local denied = app:get(shop.FILE .. "a", ADA)
      assert.same({ 429, "download_concurrency_limit" }, { denied.status, shop.code(denied) })
      assert.is_nil(denied.headers["retry-after"])
    end
  end)

  it("holds a slot until the last byte has gone", function()
    local app, upstream = shop.open { limits = { downloads = { concurrency = 1 } } }
    local path = shop.UPSTREAM_FILE .. "big.bin"
    upstream:script { path = path, gate = { at = 100000 } }
    local whole, denied = table.unpack(t.together {
      function() return app:get(shop.FILE .. "big.bin", ADA) end,
      function()
        t.until_true(function() return upstream:waiting(path) == 1 end)
        local denied = app:get(shop.FILE .. "a", ADA)
        upstream:open(path)
        return denied
      end,
    })
    assert.same({ 429, "download_concurrency_limit" }, { denied.status, shop.code(denied) })
    assert.equal(shop.BIG, whole.body)
    t.until_true(function() return app:get(shop.FILE .. "a", ADA).status == 200 end)
  end)

  it("gives every slot back, however the download ended", function()
    local app = shop.open { limits = { downloads = { concurrency = 1 } } }
    local function free(path)
      return t.until_true(function()
        local status = app:get(path, ADA).status
        return status ~= 429 and status
      end)
    end
    for _ = 1, 3 do
      assert.equal(200, free(shop.FILE .. "a"))
      assert.equal(404, free(shop.FILE .. "nothing"))
    end
  end)
end)
