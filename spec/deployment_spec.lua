local deployment = require "dunite.deployment"
local dunite = require "dunite"

local function settle(settings, overrides)
  local findings = {}
  settings.routes = settings.routes or "routes"
  return deployment.settle(dunite.deployment(settings), overrides or {}, findings, "dunite.lua"), findings
end

describe("a deployment", function()
  it("has defaults for all but its routes", function()
    local used, findings = settle {}
    assert.same({}, findings)
    assert.same({ "127.0.0.1:8080" }, used.listen)
    assert.equal("data", used.data_dir)
    assert.same({ releases = 300000, manifests = 300000, stale = 86400000 }, used.freshness)
  end)

  it("names a misspelt key and the nearest", function()
    local _, findings = settle { limts = {} }
    assert.matches("^dunite%.lua: limts: no such key, did you mean 'limits'%?", findings[1])
  end)

  it("takes limits as numbers, text from the environment, \"unlimited\", or functions of the member", function()
    local plan = function() return 3 end
    local used, findings = settle {
      limits = { a = { concurrency = "2", daily_cap = plan }, b = { daily_cap = "unlimited" } },
    }
    assert.same({}, findings)
    assert.same({ concurrency = 2, daily_cap = plan }, used.limits.a)
    assert.same({ concurrency = "unlimited", daily_cap = "unlimited" }, used.limits.b)
    assert.matches("limits%.a%.concurrency: found %-1, allowed is a whole number from 0",
      select(2, settle { limits = { a = { concurrency = -1 } } })[1])
  end)

  it("is overridden key by key, lists as a whole", function()
    local settings = { limits = { a = { concurrency = 2, daily_cap = 5 } }, listen = { "127.0.0.1:1", "127.0.0.1:2" } }
    local used = settle(settings, { limits = { a = { daily_cap = 1 } }, listen = { "127.0.0.1:0" } })
    assert.same({ concurrency = 2, daily_cap = 1 }, used.limits.a)
    assert.same({ "127.0.0.1:0" }, used.listen)
  end)

  it("says its external_url when anybody but this machine can reach it", function()
    local _, findings = settle { listen = { "127.0.0.1:1", "[::1]:2", "unix:x", "localhost:3", "0.0.0.0:8080" } }
    assert.equal(1, #findings)
    assert.matches("^dunite%.lua: external_url: is missing %(.* listener is loopback, and 0%.0%.0%.0:8080 is not%)",
      findings[1])
    assert.same({}, select(2, settle { listen = { "0.0.0.0:8080" }, external_url = "https://x.example/" }))
  end)

  it("refuses addresses, ranges and URLs that are none", function()
    local _, findings = settle {
      listen = { "8080" }, trusted_proxies = { "10.0.0.0/99" }, external_url = "ftp//x",
      upstreams = { a = { kind = "plain", url = "example" } },
    }
    local all = table.concat(findings, "\n")
    for _, key in ipairs { "listen%[1%]", "trusted_proxies%[1%]", "external_url", "upstreams%.a%.url" } do
      assert.matches("dunite%.lua: " .. key .. ": found", all)
    end
  end)

  it("never shows a password within a URL", function()
    local _, findings = settle { upstreams = { a = { kind = "plain", url = "https://ada:hunter2@git.example" } } }
    assert.matches("upstreams%.a%.url: found", findings[1])
    assert.not_matches("hunter2", findings[1])
  end)

  it("refuses a port that is none, and listeners that are no list", function()
    assert.matches("listen%[1%]: found", select(2, settle { listen = { "127.0.0.1:99999" } })[1])
    assert.same({ 'dunite.lua: listen: found "127.0.0.1:1", allowed is a list' },
      select(2, settle { listen = "127.0.0.1:1" }))
  end)

  it("reports a variable that is not set under the key that wanted it", function()
    local _, findings = settle { name = dunite.env "SPEC_NOT_SET" }
    assert.same({ "dunite.lua: name: the environment variable SPEC_NOT_SET is not set" }, findings)
  end)

  it("takes a default for a variable that is not set", function()
    assert.equal("x", dunite.env("SPEC_NOT_SET", "x"))
    assert.is_false(dunite.env("SPEC_NOT_SET", false))
  end)
end)
