local shop = require "spec.support"
local t = require "dunite.test"

local INDEX = "application/vnd.oci.image.index.v1+json"
local UPSTREAM = "/v2/acme/tool/"

describe("the registry", function()
  local app, upstream, token, tool
  before_each(function()
    app, upstream = shop.open()
    token, tool = app:token("ada", "tool", "secret"), upstream.images["acme/tool"]
  end)

  local function get(path, headers) return app:get("/v2/" .. path, { bearer = token, headers = headers }) end
  local function head(path) return app:head("/v2/" .. path, { bearer = token }) end
  local function refused(status, code, response)
    assert.same({ status, code }, { response.status, shop.code(response) })
    assert.equal("registry/2.0", response.headers["docker-distribution-api-version"])
    return response
  end

  describe("at its door", function()
    it("greets who has a token", function()
      local response = get ""
      assert.equal(200, response.status)
      assert.equal("registry/2.0", response.headers["docker-distribution-api-version"])
    end)

    it("tells all others where tokens are had", function()
      local response = refused(401, "UNAUTHORIZED", app:get "/v2/")
      assert.equal(('Bearer realm="%s/auth/token",service="storefront"'):format(app:url()),
        response.headers["www-authenticate"])
      refused(401, "UNAUTHORIZED", app:get("/v2/", { as = "ada" }))
    end)

    it("names no scope for what can be no name", function()
      for _, slug in ipairs { "a%0d%0aSet-Cookie:%20b", "%01", "%ff", "a%20b" } do
        local response = refused(401, "UNAUTHORIZED", app:get("/v2/" .. slug .. "/tags/list"))
        assert.is_nil(response.headers["www-authenticate"]:find("scope=", 1, true), slug)
      end
    end)

    it("names the scope that is needed, for what is there and what is not", function()
      for _, path in ipairs { "manifests/v1.0.0", "blobs/" .. tool["v0.9.0"].config, "tags/list" } do
        for _, slug in ipairs { "tool", "secret", "nothing" } do
          local response = refused(401, "UNAUTHORIZED", app:get("/v2/" .. slug .. "/" .. path))
          assert.matches(('scope="repository:%s:pull"'):format(slug), response.headers["www-authenticate"], 1, true)
        end
      end
    end)

    it("asks for another token when this one is for something else", function()
      token = app:token("ada", "secret")
      local challenge = refused(401, "UNAUTHORIZED", get "tool/manifests/v1.0.0").headers["www-authenticate"]
      assert.matches('scope="repository:tool:pull",error="insufficient_scope"', challenge, 1, true)
    end)

    it("knows no application that the member may not see", function()
      token = app:token("bob", "tool", "secret")
      local hidden = refused(404, "NAME_UNKNOWN", get "secret/manifests/v1.0.0")
      local missing = refused(404, "NAME_UNKNOWN", get "nothing/manifests/v1.0.0")
      assert.equal(missing.body, hidden.body)
      refused(404, "NAME_UNKNOWN", get "secret/tags/list")
      refused(404, "NAME_UNKNOWN", get "package/tags/list")
    end)

    it("is for reading only", function()
      local function ask(method, path) return app:request(method, "/v2/" .. path, { bearer = token }) end
      refused(405, "UNSUPPORTED", ask("PUT", "tool/manifests/v1.0.0"))
      refused(405, "UNSUPPORTED", ask("DELETE", "tool/manifests/v1.0.0"))
      refused(405, "UNSUPPORTED", ask("POST", "tool/blobs/uploads/"))
      refused(405, "UNSUPPORTED", ask("PATCH", "tool/blobs/uploads/1234"))
    end)

    it("uses its own words for what it does not know", function()
      refused(404, "NAME_UNKNOWN", get "tool/nothing")
      refused(404, "NAME_UNKNOWN", get "acme/tool/manifests/v1.0.0")
      refused(400, "NAME_INVALID", get "tool/manifests/..")
    end)
  end)

  describe("gives a manifest", function()
    it("by its tag, byte by byte, with type and digest", function()
      local image = tool["v1.0.0"]
      local response = get "tool/manifests/v1.0.0"
      assert.same({ 200, image.bytes }, { response.status, response.body })
      assert.equal(INDEX, response.headers["content-type"])
      assert.equal(image.digest, response.headers["docker-content-digest"])
      assert.equal(tostring(#image.bytes), response.headers["content-length"])
      assert.equal("registry/2.0", response.headers["docker-distribution-api-version"])
    end)

    it("to a HEAD without its body", function()
      local response = head "tool/manifests/v1.0.0"
      assert.same({ 200, "" }, { response.status, response.body })
      assert.equal(tostring(#tool["v1.0.0"].bytes), response.headers["content-length"])
      assert.equal(tool["v1.0.0"].digest, response.headers["docker-content-digest"])
    end)

    it("by its digest", function()
      local platform = tool["v1.0.0"].platforms.arm64
      assert.equal(200, get("tool/manifests/v1.0.0").status)
      local response = get("tool/manifests/" .. platform.digest)
      assert.same({ 200, platform.bytes }, { response.status, response.body })
      assert.equal(platform.media_type, response.headers["content-type"])
    end)

    it("by a digest that nothing here refers to, where upstream has it in that very repository", function()
      assert.equal(200, get("tool/manifests/" .. tool["v0.9.0"].digest).status)
      refused(404, "MANIFEST_UNKNOWN", get("tool/manifests/" .. upstream.images["acme/secret"]["v1.0.0"].digest))
    end)

    it("of a recorded version, and of none that is yanked or not offered", function()
      assert.equal(200, get("tool/manifests/v0.9.0").status)
      for _, tag in ipairs { "v0.8.0", "edge", "latest", "nothing" } do
        refused(404, "MANIFEST_UNKNOWN", get("tool/manifests/" .. tag))
      end
      assert.equal(0, upstream:count(UPSTREAM .. "manifests/edge"))
    end)

    it("under a digest only if it is one", function()
      refused(400, "DIGEST_INVALID", get "tool/manifests/sha256:abc")
      refused(400, "DIGEST_INVALID", get("tool/manifests/sha512:" .. ("0"):rep(128)))
    end)

    it("asked of upstream once while that is fresh, and then again", function()
      for _ = 1, 3 do assert.equal(200, get("tool/manifests/v1.0.0").status) end
      assert.equal(1, upstream:count(UPSTREAM .. "manifests/v1.0.0"))
      t.clock:advance "301s"
      assert.equal(200, get("tool/manifests/v1.0.0").status)
      assert.equal(2, upstream:count(UPSTREAM .. "manifests/v1.0.0"))
    end)

    it("asked of upstream once for all who come at once", function()
      app = shop.open { upstream = upstream, limits = { pulls = { concurrency = 20 } } }
      token = app:token("ada", "tool")
      local asks = {}
      for i = 1, 8 do asks[i] = function() return get("tool/manifests/v1.0.0").status end end
      assert.same({ 200, 200, 200, 200, 200, 200, 200, 200 }, t.together(asks))
      assert.equal(1, upstream:count(UPSTREAM .. "manifests/v1.0.0"))
    end)

    it("that is known while upstream is down, for a day", function()
      assert.equal(200, get("tool/manifests/v1.0.0").status)
      upstream:stop()
      t.clock:advance "1h"
      token = app:token("ada", "tool")
      assert.equal(tool["v1.0.0"].digest, get("tool/manifests/v1.0.0").headers["docker-content-digest"])
      refused(502, "UNAVAILABLE", get "tool/manifests/v0.9.0")
      t.clock:advance "24h"
      token = app:token("ada", "tool")
      refused(502, "UNAVAILABLE", get "tool/manifests/v1.0.0")
    end)

    it("never as unknown when it is upstream that fails", function()
      upstream:fail(UPSTREAM .. "manifests/v1.0.0", 401)
      refused(502, "UNAVAILABLE", get "tool/manifests/v1.0.0")
    end)
  end)

  describe("gives a blob", function()
    local layer
    before_each(function()
      layer = tool["v1.0.0"].platforms.amd64.layers[2]
      assert.equal(200, get("tool/manifests/v1.0.0").status)
      assert.equal(200, get("tool/manifests/" .. tool["v1.0.0"].platforms.amd64.digest).status)
    end)

    it("that a manifest refers to", function()
      local response = get("tool/blobs/" .. layer)
      assert.same({ 200, "layer two" }, { response.status, response.body })
      assert.equal(layer, response.headers["docker-content-digest"])
      assert.equal("application/octet-stream", response.headers["content-type"])
      assert.matches("fwd=miss", response.headers["cache-status"])
      assert.matches("hit", get("tool/blobs/" .. layer).headers["cache-status"])
      assert.equal(1, upstream:count(UPSTREAM .. "blobs/" .. layer))
    end)

    it("in part, to who goes on after a break", function()
      local response = get("tool/blobs/" .. layer, { range = "bytes=6-" })
      assert.same({ 206, "two", "bytes 6-8/9" }, { response.status, response.body, response.headers["content-range"] })
    end)

    it("described to a HEAD, and fetches nothing for it", function()
      local response = head("tool/blobs/" .. layer)
      assert.same({ 200, "9" }, { response.status, response.headers["content-length"] })
      assert.equal(0, upstream:count(UPSTREAM .. "blobs/" .. layer))
    end)

    it("never to who only knows its digest", function()
      local secret = upstream.images["acme/secret"]["v1.0.0"]
      assert.equal(200, get("secret/manifests/v1.0.0").status)
      assert.equal("layer secret", get("secret/blobs/" .. secret.layers[1]).body)
      refused(404, "BLOB_UNKNOWN", get("tool/blobs/" .. secret.layers[1]))
      assert.equal(404, head("tool/blobs/" .. secret.layers[1]).status)
    end)

    it("that nothing here refers to, where upstream has it in that very repository", function()
      assert.equal("layer zero", get("tool/blobs/" .. tool["v0.9.0"].layers[1]).body)
    end)

    it("under a digest only if it is one", function()
      refused(400, "DIGEST_INVALID", get "tool/blobs/sha256:abc")
      refused(404, "BLOB_UNKNOWN", get("tool/blobs/sha256:" .. ("0"):rep(64)))
    end)

    it("that is here while upstream is down, and says so of others", function()
      assert.equal(200, get("tool/blobs/" .. layer).status)
      upstream:stop()
      assert.equal(200, get("tool/blobs/" .. layer).status)
      refused(502, "UNAVAILABLE", get("tool/blobs/" .. tool["v1.0.0"].platforms.amd64.layers[1]))
    end)
  end)

  describe("lists tags", function()
    it("that may be pulled, sorted", function()
      assert.same({ name = "tool", tags = { "v0.9.0", "v1.0.0" } }, get("tool/tags/list"):json())
    end)

    it("in pages", function()
      local first = get "tool/tags/list?n=1"
      assert.same({ "v0.9.0" }, first:json().tags)
      local next_page = first.headers.link:match('^</v2/(.-)>; rel="next"$')
      local second = get(next_page)
      assert.same({ "v1.0.0" }, second:json().tags)
      assert.is_nil(second.headers.link)
      local none = get "tool/tags/list?n=0"
      assert.matches('"tags":%[%]', none.body)
      assert.is_nil(none.headers.link)
    end)

    it("not for a number that is none", function()
      refused(400, "PAGINATION_NUMBER_INVALID", get "tool/tags/list?n=-1")
      refused(400, "PAGINATION_NUMBER_INVALID", get "tool/tags/list?n=many")
    end)
  end)

  it("has an empty index of referrers where upstream knows none", function()
    local response = get("tool/referrers/" .. tool["v1.0.0"].digest)
    assert.same({ 200, INDEX }, { response.status, response.headers["content-type"] })
    assert.matches('"manifests":%[%]', response.body)
    refused(400, "DIGEST_INVALID", get "tool/referrers/sha256:abc")
  end)
end)

describe("a pull", function()
  local function open(pulls, at)
    local app, upstream = shop.open { limits = { pulls = pulls }, at = at }
    local token = app:token("ada", "tool", "secret")
    local function ask(method, path) return app:request(method, "/v2/" .. path, { bearer = token }) end
    return ask, upstream.images["acme/tool"], app, upstream
  end

  -- All that a client asks for, one after the other; the first refusal, if any.
  local function pull(ask, image, tag)
    local paths = { "manifests/" .. tag }
    for _, part in pairs(image.platforms or { image }) do
      paths[#paths + 1] = "manifests/" .. part.digest
      paths[#paths + 1] = "blobs/" .. part.config
      for _, layer in ipairs(part.layers) do paths[#paths + 1] = "blobs/" .. layer end
    end
    for i, path in ipairs(paths) do
      local response = ask("GET", "tool/" .. path)
      if response.status ~= 200 then return response, i end
    end
  end

  it("of an image for several platforms is one pull", function()
    local ask, images = open { daily_cap = 1 }
    assert.is_nil(pull(ask, images["v1.0.0"], "v1.0.0"))
    assert.equal(429, ask("GET", "tool/manifests/v0.9.0").status)
  end)

  it("is denied at the tag's manifest only, until midnight", function()
    local ask, images = open({ daily_cap = 1 }, "2026-01-31T23:59:50Z")
    assert.is_nil(pull(ask, images["v1.0.0"], "v1.0.0"))
    local denied, at = pull(ask, images["v0.9.0"], "v0.9.0")
    assert.same({ 429, "TOOMANYREQUESTS", 1 }, { denied.status, shop.code(denied), at })
    assert.equal("10", denied.headers["retry-after"])
    assert.equal(200, ask("GET", "tool/manifests/" .. images["v1.0.0"].digest).status)
    t.clock:advance "10s"
    assert.is_nil(pull(ask, images["v0.9.0"], "v0.9.0"))
  end)

  it("that begins with a HEAD counts once, within a minute", function()
    local ask = open { daily_cap = 2 }
    assert.equal(200, ask("HEAD", "tool/manifests/v1.0.0").status)
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
    t.clock:advance "61s"
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
    t.clock:advance "61s"
    assert.equal(429, ask("GET", "tool/manifests/v1.0.0").status)
  end)

  it("is each GET of a tag, but for the first after a HEAD", function()
    local ask = open { daily_cap = 3 }
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
    assert.equal(200, ask("HEAD", "tool/manifests/v1.0.0").status)
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
    assert.equal(429, ask("GET", "tool/manifests/v1.0.0").status)
  end)

  it("is not covered by another member's HEAD, nor by that of another tag", function()
    local ask, _, app = open { daily_cap = 1 }
    local bob = app:token("bob", "tool")
    assert.equal(200, ask("HEAD", "tool/manifests/v1.0.0").status)
    assert.equal(429, ask("GET", "tool/manifests/v0.9.0").status)
    assert.equal(200, app:get("/v2/tool/manifests/v0.9.0", { bearer = bob }).status)
    assert.equal(429, app:get("/v2/tool/manifests/v1.0.0", { bearer = bob }).status)
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
  end)

  it("is not charged when upstream fails, nor for a tag that is not offered", function()
    local ask, _, _, upstream = open { daily_cap = 1 }
    upstream:fail("/v2/acme/tool/manifests/v1.0.0", 500, 1)
    assert.equal(404, ask("GET", "tool/manifests/edge").status)
    assert.equal(502, ask("GET", "tool/manifests/v1.0.0").status)
    assert.equal(200, ask("GET", "tool/manifests/v1.0.0").status)
  end)

  it("beside seven others goes through: what waits for a slot gets one", function()
    local ask, images = open { concurrency = 2 }
    local pulls = {}
    for i = 1, 8 do
      pulls[i] = function()
        local refused, at = pull(ask, images["v1.0.0"], "v1.0.0")
        return { status = refused and refused.status or 200, at = at or 0 }
      end
    end
    for _, outcome in ipairs(t.together(pulls)) do assert.same({ status = 200, at = 0 }, outcome) end
  end)

  it("without a slot is denied at the tag, and its parts go on without one", function()
    local ask, images, app = open { concurrency = 0 }
    local answered
    local results = t.together {
      function()
        local denied = ask("GET", "tool/manifests/v1.0.0")
        local part = ask("GET", "tool/manifests/" .. images["v0.9.0"].digest)
        answered = true
        return { denied.status, shop.code(denied), denied.headers["retry-after"], part.status }
      end,
      function()
        t.until_true(function()
          t.clock:advance "1s"
          return answered
        end)
        return true
      end,
    }
    assert.same({ 429, "TOOMANYREQUESTS", "1", 200 }, results[1])
    assert.is_true(#app:logged "goes on without a slot" > 0)
  end)
end)
