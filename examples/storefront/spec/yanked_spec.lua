-- A yanked version is gone, by whatever name it is asked for; what another version holds, too, is not.

local shop = require "spec.support"
local t = require "dunite.test"

local UPSTREAM = "/v2/acme/tool/manifests/"

describe("a version that was yanked before anybody pulled it", function()
  local app, upstream, images, token

  local function catalog(versions)
    return {
      { slug = "tool", pinned_tag = "v2", image = { owner = "acme", name = "tool" }, versions = versions },
    }
  end

  local function open(versions)
    upstream = t.forgejo { images = { ["acme/tool"] = {
      v1 = { amd64 = { "base", "withdrawn" }, arm64 = { "base", "withdrawn, too" } },
      v2 = { amd64 = { "base", "mended" } },
      v3 = { "base", "other" },
    } } }
    images = upstream.images["acme/tool"]
    app = shop.open { upstream = upstream, catalog = catalog(versions or { { tag = "v1", yanked = true } }) }
    token = app:token("ada", "tool")
  end

  local function status(path) return app:get("/v2/tool/" .. path, { bearer = token }).status end

  it("is not given by its digest, nor is any part of it", function()
    for _, path in ipairs { "manifests/%s", "blobs/%s" } do
      open()
      local part = images.v1.platforms.arm64
      local parts = path:find "manifests" and { images.v1.digest, part.digest } or { part.config, part.layers[2] }
      for _, digest in ipairs(parts) do assert.equal(404, status(path:format(digest)), digest) end
      assert.equal(404, status "manifests/v1")
    end
  end)

  it("is looked through once, while that is fresh", function()
    open()
    assert.equal(404, status("manifests/" .. images.v1.digest))
    assert.equal(200, status("manifests/" .. images.v3.digest))
    assert.equal(1, upstream:count(UPSTREAM .. "v1"))
    assert.equal(1, upstream:count(UPSTREAM .. images.v1.platforms.amd64.digest))
    t.clock:advance "301s"
    assert.equal(404, status("blobs/sha256:" .. ("0"):rep(64)))
    assert.equal(2, upstream:count(UPSTREAM .. "v1"))
    assert.equal(1, upstream:count(UPSTREAM .. images.v1.platforms.amd64.digest))
  end)

  it("takes nothing from a version that holds the same and was not pulled either", function()
    open()
    local base = images.v2.platforms.amd64.layers[1]
    assert.equal(base, images.v1.platforms.amd64.layers[1])
    assert.equal(200, status("blobs/" .. base))
    assert.equal(404, status("blobs/" .. images.v1.platforms.amd64.layers[2]))
  end)

  it("does not hide what has its very manifest", function()
    open { { tag = "v3", yanked = true }, { tag = "v3.1" } }
    upstream:write("oci/acme/tool/index.json", ('{"manifests":[%s]}'):format(table.concat({
      ('{"digest":"%s","annotations":{"org.opencontainers.image.ref.name":"v3"}}'):format(images.v3.digest),
      ('{"digest":"%s","annotations":{"org.opencontainers.image.ref.name":"v3.1"}}'):format(images.v3.digest),
    }, ",")))
    assert.equal(200, status("manifests/" .. images.v3.digest))
    assert.equal(200, status("blobs/" .. images.v3.layers[2]))
  end)

  it("and is upstream no more hides nothing", function()
    open { { tag = "gone", yanked = true }, { tag = "v1", yanked = true } }
    assert.equal(200, status("manifests/" .. images.v3.digest))
    assert.equal(404, status("manifests/" .. images.v1.digest))
  end)

  it("is not given either when upstream does not tell of it now: that is upstream's fault", function()
    open()
    upstream:fail(UPSTREAM .. "v1", 500, 1)
    assert.equal(502, status("manifests/" .. images.v1.digest))
    assert.equal(404, status("manifests/" .. images.v1.digest))
  end)

  it("is given again when the yank is taken back", function()
    open()
    assert.equal(404, status("manifests/" .. images.v1.digest))
    local data_dir = app.data_dir
    app:stop()
    app = shop.open { upstream = upstream, catalog = catalog { { tag = "v1" } }, data_dir = data_dir }
    token = app:token("ada", "tool")
    assert.equal(200, status("manifests/" .. images.v1.digest))
    assert.equal(200, status "manifests/v1")
  end)
end)
