-- What is odd about Forgejo's registry, and that members see nothing of it.

local shop = require "spec.support"
local t = require "dunite.test"

local UPSTREAM = "/v2/acme/tool/"

describe("Forgejo's registry", function()
  local app, upstream, image, token

  local function open(settings)
    app, upstream = shop.open(settings)
    image, token = upstream.images["acme/tool"]["v1.0.0"], app:token("ada", "tool")
  end

  local function get(path) return app:get("/v2/tool/" .. path, { bearer = token }) end

  -- Sends GETs to a storage of another name, which takes no credentials.
  local function serve_directly()
    upstream:storage((upstream:url():gsub("127.0.0.1", "localhost")))
  end

  it("may serve directly from elsewhere: all of an image is followed there, without our credentials", function()
    open { env = { UPSTREAM_ALLOW_PRIVATE = "127.0.0.0/8 ::1/128" } }
    serve_directly()
    local part = image.platforms.amd64
    assert.equal(image.bytes, get("manifests/v1.0.0").body)

    assert.equal(part.bytes, get("manifests/" .. part.digest).body)
    assert.equal(image.media_type, get("manifests/v1.0.0").headers["content-type"])
    assert.equal("layer two", get("blobs/" .. part.layers[2]).body)
    assert.equal(1, upstream:count("/storage/oci/acme/tool/blobs/" .. part.layers[2]:gsub(":", "/")))
  end)

  it("is followed to no private address that is not allowed", function()
    open()
    serve_directly()
    local refused = get "manifests/v1.0.0"
    assert.same({ 502, "UNAVAILABLE" }, { refused.status, shop.code(refused) })
  end)

  it("that gives our token no access is upstream's fault, and the log says what to check", function()
    open()
    upstream:write("oci/acme/closed", "")
    local refused = get "manifests/v1.0.0"
    assert.same({ 502, "UNAVAILABLE" }, { refused.status, shop.code(refused) })
    assert.is_true(#app:logged "credentials" > 0)
    assert.is_nil(refused.headers["www-authenticate"])
  end)

  it("that does not know the owner has no such manifest, and no such blob", function()
    open { catalog = { { slug = "tool", pinned_tag = "v1.0.0", image = { owner = "nobody", name = "tool" } } } }
    assert.same({ 404, "MANIFEST_UNKNOWN" }, { get("manifests/v1.0.0").status, shop.code(get "manifests/v1.0.0") })
    assert.same({ 404, "BLOB_UNKNOWN" },
      { get("blobs/" .. image.digest).status, shop.code(get("blobs/" .. image.digest)) })
  end)

  it("is asked for a token once, though it says neither how long it is good nor what for", function()
    open()
    assert.equal(200, get("manifests/v1.0.0").status)
    assert.equal(200, get("manifests/" .. image.platforms.arm64.digest).status)
    assert.is_true(upstream:count "/v2/token" <= 1)
  end)

  -- The answer, while the time goes on.
  local function patiently(path)
    local answered
    t.together {
      function()
        answered = get(path)
        return true
      end,
      function()
        t.until_true(function()
          t.clock:advance "100ms"
          return answered
        end)
        return true
      end,
    }
    return answered
  end

  it("that fails once in the middle of a blob, knowing no ranges, is not noticed", function()
    open()
    local layer = image.platforms.amd64.layers[2]
    assert.equal(200, get("manifests/v1.0.0").status)
    assert.equal(200, get("manifests/" .. image.platforms.amd64.digest).status)
    upstream:script { path = UPSTREAM .. "blobs/" .. layer, times = 1, cut = 4 }
    assert.equal("layer two", patiently("blobs/" .. layer).body)
    assert.equal(2, upstream:count(UPSTREAM .. "blobs/" .. layer))
  end)

  it("that fails a manifest for a moment is not noticed, by tag or in the middle of an image", function()
    open()
    local part = image.platforms.arm64
    for _, fault in ipairs {
      { status = 503 }, { status = 429, retry_after = 3 }, { cut = 20 }, { status = 503, times = 3 },
    } do
      for path, bytes in pairs { ["manifests/v1.0.0"] = image.bytes, ["manifests/" .. part.digest] = part.bytes } do
        open { upstream = upstream }
        upstream:reset()
        fault.path, fault.times = UPSTREAM .. path, fault.times or 1
        upstream:script(fault)
        assert.equal(bytes, patiently(path).body)
        assert.equal(fault.times + 1, upstream:count(UPSTREAM .. path))
        app:stop()
      end
    end
  end)

  it("that is busy is not waited for where a tag is known", function()
    open()
    assert.equal(200, get("manifests/v1.0.0").status)
    t.clock:advance "301s"
    upstream:script { path = UPSTREAM .. "manifests/v1.0.0", times = 1, status = 503 }
    assert.equal(image.bytes, get("manifests/v1.0.0").body)
    assert.equal(2, upstream:count(UPSTREAM .. "manifests/v1.0.0"))
  end)

  it("that is busy for longer than clients wait is told", function()
    open()
    for _, fault in ipairs { { status = 429, retry_after = 9 }, { status = 503, times = 4 }, { status = 502 } } do
      upstream:reset()
      fault.path, fault.times = UPSTREAM .. "manifests/v1.0.0", fault.times or 1
      upstream:script(fault)
      local refused = patiently "manifests/v1.0.0"
      assert.same({ 502, "UNAVAILABLE" }, { refused.status, shop.code(refused) })
      assert.equal(fault.times, upstream:count(UPSTREAM .. "manifests/v1.0.0"))
    end
  end)
end)
