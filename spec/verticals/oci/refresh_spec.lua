-- A deployment that lets what is known of an application's images be forgotten.

local t = require "dunite.test"

local FILES = {
  ["dunite.lua"] = [[
    local dunite = require "dunite"
    return dunite.deployment {
      name = "refresh",
      upstreams = { forgejo = { kind = "forgejo", url = dunite.env "FORGEJO_BASE_URL", token = "secret" } },
      limits = { pulls = { concurrency = 2, daily_cap = "unlimited" } },
      catalog = { {
        slug = "tool", image = { owner = "acme", name = "tool" }, pinned_tag = "v1",
        versions = { { tag = "v0", yanked = true } },
      } },
      routes = "routes",
    }
  ]],
  ["routes.lua"] = [[
    local answer, oci = require "dunite.answer", require "dunite.verticals.oci"
    return function(app)
      app:mount("/auth", oci.tokens {})
      app:mount("/v2", oci.routes { limiter = app.limits.pulls })
      app:post("/refresh/:slug", function(req)
        oci.forget(req.params.slug)
        return answer.data { done = true }
      end)
    end
  ]],
}

describe("what is known of an application's images", function()
  local app, upstream, images, token
  before_each(function()
    upstream = t.forgejo { images = { ["acme/tool"] = { v1 = { "one" }, v0 = { "none" }, next = { "two" } } } }
    images = upstream.images["acme/tool"]
    app = t.app { files = FILES, upstream = upstream }
    token = app:token("ada", "tool")
  end)

  local function get(path) return app:get("/v2/tool/" .. path, { bearer = token }) end

  -- Upstream's v1 is another image from now on.
  local function move()
    local entry = '{"digest":"%s","annotations":{"org.opencontainers.image.ref.name":"%s"}}'
    upstream:write("oci/acme/tool/index.json", ('{"manifests":[%s,%s]}'):format(
      entry:format(images.next.digest, "v1"), entry:format(images.v0.digest, "v0")))
  end

  it("is believed until it is too old, and no longer than until it is forgotten", function()
    assert.equal(images.v1.bytes, get("manifests/v1").body)
    move()
    assert.equal(images.v1.bytes, get("manifests/v1").body)
    assert.equal(200, app:post("/refresh/tool").status)
    assert.equal(images.next.bytes, get("manifests/v1").body)
    assert.equal("two", get("blobs/" .. images.next.layers[1]).body)
  end)

  it("is asked for again while an image is being pulled, which goes on", function()
    assert.equal(200, get("manifests/v1").status)
    app:post "/refresh/tool"
    for _, digest in ipairs { images.v1.config, images.v1.layers[1] } do
      assert.equal(200, get("blobs/" .. digest).status)
    end
  end)

  it("is forgotten of that application only", function()
    assert.equal(200, get("manifests/v1").status)
    app:post "/refresh/too"
    assert.equal(200, get("manifests/v1").status)
    assert.equal(1, upstream:count "/v2/acme/tool/manifests/v1")
  end)

  it("is forgotten, but no yank", function()
    assert.equal(404, get("manifests/" .. images.v0.digest).status)
    app:post "/refresh/tool"
    for _, path in ipairs { "manifests/v0", "manifests/" .. images.v0.digest, "blobs/" .. images.v0.layers[1] } do
      assert.equal(404, get(path).status, path)
    end
  end)

  it("leaves the bytes where they are", function()
    assert.equal(200, get("manifests/v1").status)
    assert.equal(200, get("blobs/" .. images.v1.layers[1]).status)
    app:post "/refresh/tool"
    assert.matches("hit", get("blobs/" .. images.v1.layers[1]).headers["cache-status"])
    assert.equal(1, upstream:count("/v2/acme/tool/blobs/" .. images.v1.layers[1]))
  end)
end)
