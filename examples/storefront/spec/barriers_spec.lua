-- Upstream answers half of a body, waits, and goes on or breaks: what members see, what is noted, and what is counted.

local t = require "dunite.test"
local shop = require "spec.support"

local BIG = shop.FILE .. "big.bin"
local UPSTREAM = shop.UPSTREAM_FILE .. "big.bin"

describe("a body that stands still upstream", function()
  local app, upstream
  before_each(function() app, upstream = shop.open() end)

  it("is shared by all who ask, and whole for all once it goes on", function()
    local barrier = upstream:hold(UPSTREAM, 1000)
    local responses = t.together {
      function() return app:get(BIG, { as = "ada" }) end,
      function() return app:get(BIG, { as = "bob" }) end,
      function()
        barrier:wait()
        t.until_true(function() return app:metric("dunite_cache_results_total", { result = "coalesced" }) == 1 end)
        barrier:open()
        return true
      end,
    }
    assert.same({ shop.BIG, shop.BIG }, { responses[1].body, responses[2].body })
    assert.equal(1, upstream:count(UPSTREAM))
    local function ended() return #app:audit() == 4 end -- two were requested, and ended
    t.until_true(ended)
    assert.same({ "completed", #shop.BIG }, { app:audit()[4].event, app:audit()[4].bytes })
  end)

  it("is gone on with when it breaks", function()
    local barrier = upstream:hold(UPSTREAM, 1000, 1)
    local responses = t.together {
      function() return app:get(BIG, { as = "ada" }) end,
      function()
        barrier:wait()
        barrier:cut()
        t.until_true(function()
          t.clock:advance "1s"
          return upstream:count(UPSTREAM) == 2
        end)
        return true
      end,
    }
    assert.equal(shop.BIG, responses[1].body)
    assert.equal("requested", app:audit()[1].event)
    assert.is_truthy(app:logs()[1])
  end)
end)
