-- Wherever our own disk fails: 500 and Io, never a 502, never a wrong answer; what is here is served, and when the disk
-- is well again all is.

local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local EIO, ENOSPC = 5, 28
local FAULTS = { "blob.open", "blob.reserve", "blob.write", "blob.sync", "blob.rename" }

describe("a disk that fails at", function()
  local app
  before_each(function()
    app = shop.open { limits = { downloads = { concurrency = 1, daily_cap = 20 }, pulls = { daily_cap = 20 } } }
    assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
  end)

  local function holds_nothing()
    return t.until_true(function()
      local metrics = app:get("/metrics").body
      return metrics:find('dunite_limiter_leases{limit="downloads"} 0', 1, true) and
        metrics:find("dunite_fills 0", 1, true)
    end)
  end

  for _, fault in ipairs(FAULTS) do
    for name, errno in pairs { EIO = EIO, ENOSPC = ENOSPC } do
      it(fault .. " with " .. name .. " fails what comes in, and nothing else", function()
        app:fault(fault, errno)
        local response, broken = app:try("GET", shop.FILE .. "a2", ADA)
        assert.is_true(broken ~= nil or response.status == 500 and shop.code(response) == "io",
          response and response.status .. response.body)
        assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
        assert.same({}, app:logged "problem=Transport")
        app:fault(fault, 0)
        assert.equal("the second", app:get(shop.FILE .. "a2", ADA).body)
        assert.is_truthy(holds_nothing())
      end)
    end

    it(fault .. " in the middle of an image is a 500 in the registry's words", function()
      local token = app:token("ada", "tool")
      app:fault(fault, ENOSPC)
      local response = app:get("/v2/tool/manifests/v1.0.0", { bearer = token })
      assert.same({ 500, "UNKNOWN" }, { response.status, shop.code(response) })
      app:fault(fault, 0)
      assert.equal(200, app:get("/v2/tool/manifests/v1.0.0", { bearer = token }).status)
    end)
  end
end)

describe("a ledger that cannot be written", function()
  it("is degraded, keeps its counts in bounds, and is ready again by itself", function()
    local app = shop.open { limits = { downloads = { concurrency = 1, daily_cap = 3 } } }
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    app:fault("ledger.commit", ENOSPC)
    local response = app:get(shop.FILE .. "a", ADA)
    assert.same({ 500, "store" }, { response.status, shop.code(response) })
    local ready = app:get "/readyz"
    assert.same({ 200, "degraded" }, { ready.status, ready:json().status })
    app:fault("ledger.commit", 0)
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    assert.equal(429, app:get(shop.FILE .. "a", ADA).status)
    t.until_true(function() return app:get("/readyz"):json().status == "ready" end)
  end)
end)
