-- A pull that takes longer than its token is good: what has begun goes on, and what begins then gets another token.

local shop = require "spec.support"
local t = require "dunite.test"

describe("a pull of more than five minutes", function()
  local app, upstream, part, tag
  before_each(function()
    app, upstream = shop.open { tokens = { ttl = "5m" }, limits = { pulls = { daily_cap = 1 } } }
    part = upstream.images["acme/tool"]["v1.0.0"].platforms.amd64
    tag = "/v2/tool/manifests/v1.0.0"
  end)

  local function get(path, token) return app:get(path, { bearer = token }) end

  it("goes on with a blob that was asked for in time, however long that takes", function()
    local token = app:token("ada", "tool")
    assert.equal(200, get(tag, token).status)
    assert.equal(200, get("/v2/tool/manifests/" .. part.digest, token).status)
    t.clock:advance "355s" -- with a minute of leeway
    local path = "/v2/acme/tool/blobs/" .. part.layers[2]
    upstream:script { path = path, gate = { at = 3 } }
    local answers = t.together {
      function() return get("/v2/tool/blobs/" .. part.layers[2], token) end,
      function()
        t.until_true(function() return upstream:waiting(path) == 1 end)
        t.clock:advance "10s"
        local late = get("/v2/tool/blobs/" .. part.layers[1], token).status
        upstream:open(path)
        return late
      end,
    }
    assert.same({ 200, "layer two" }, { answers[1].status, answers[1].body })
    assert.equal(401, answers[2])
  end)

  it("gets another token for the rest, and is the same pull", function()
    local token = app:token("ada", "tool")
    assert.equal(200, get(tag, token).status)
    t.clock:advance "361s"
    local refused = get("/v2/tool/manifests/" .. part.digest, token)
    assert.same({ 401, "UNAUTHORIZED" }, { refused.status, shop.code(refused) })
    assert.matches('scope="repository:tool:pull",error="invalid_token"', refused.headers["www-authenticate"], 1, true)
    token = app:token("ada", "tool")
    assert.equal(200, get("/v2/tool/manifests/" .. part.digest, token).status)
    for _, digest in ipairs { part.config, part.layers[1], part.layers[2] } do
      assert.equal(200, get("/v2/tool/blobs/" .. digest, token).status)
    end
    assert.equal(429, get(tag, token).status)
  end)

  it("is not disturbed by a tag that moves upstream in the middle of it", function()
    local token = app:token("ada", "tool")
    local index = get(tag, token)
    assert.equal(200, index.status)
    local other = upstream.images["acme/tool"]["v0.9.0"].digest
    upstream:write("oci/acme/tool/index.json",
      ('{"manifests":[{"digest":"%s","annotations":{"org.opencontainers.image.ref.name":"v1.0.0"}}]}'):format(other))
    t.clock:advance "301s"
    token = app:token("bob", "tool")
    assert.equal(other, get(tag, token).headers["docker-content-digest"])
    token = app:token("ada", "tool")
    assert.equal(200, get("/v2/tool/manifests/" .. part.digest, token).status)
    assert.equal(200, get("/v2/tool/blobs/" .. part.layers[1], token).status)
  end)
end)
