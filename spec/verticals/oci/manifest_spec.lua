local manifest = require "dunite.verticals.oci.manifest"
local native = require "dunite.native"

local function digest(letter) return "sha256:" .. letter:rep(64) end

local INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"

describe("a manifest", function()
  it("refers to its config and layers", function()
    local parsed = manifest.parse(native.json.encode {
      schemaVersion = 2, mediaType = MANIFEST, config = { digest = digest "a" },
      layers = { { digest = digest "b" }, { digest = digest "c" } },
    })
    assert.same({ media_type = MANIFEST, children = { digest "a", digest "b", digest "c" } }, parsed)
  end)

  it("that is an index refers to its manifests, not to what it is about", function()
    local parsed = manifest.parse(native.json.encode {
      schemaVersion = 2, manifests = { { digest = digest "a" }, { digest = digest "b" } },
      subject = { digest = digest "c" },
    })
    assert.same({ media_type = INDEX, children = { digest "a", digest "b" } }, parsed)
  end)

  it("has the media type of the answer it came in, unless that says nothing", function()
    local bytes = native.json.encode { mediaType = MANIFEST }
    assert.equal("application/vnd.x+json", manifest.parse(bytes, "application/vnd.x+json; charset=utf-8").media_type)
    assert.equal(MANIFEST, manifest.parse(bytes, "application/json").media_type)
    assert.equal(MANIFEST, manifest.parse(bytes, nil).media_type)
  end)

  it("is refused as upstream's fault when it is no JSON document", function()
    for _, wrong in ipairs { "", "<html>", '"text"', "{" } do
      local parsed, problem = manifest.parse(wrong)
      assert.is_nil(parsed)
      assert.equal("Upstream", problem.variant)
    end
  end)

  it("is not taken in by nonsense where descriptors should be", function()
    local parsed = manifest.parse(native.json.encode {
      config = "x", layers = { 7, "y", { digest = "sha256:short" }, { digest = 9 } },
      manifests = { digest = digest "a" },
    })
    assert.same({}, parsed.children)
  end)

  it("may not refer to any number of things", function()
    local layers = {}
    for i = 1, 5001 do layers[i] = { digest = ("sha256:%064x"):format(i) } end
    local parsed, problem = manifest.parse(native.json.encode { layers = layers })
    assert.is_nil(parsed)
    assert.equal("Upstream", problem.variant)
  end)
end)

describe("a digest", function()
  it("is sha256 and 64 small hex digits", function()
    assert.is_true(manifest.is_digest(digest "0"))
    for _, wrong in ipairs { "sha256:", digest "0" .. "0", digest "A", "sha512:" .. ("0"):rep(128), "latest" } do
      assert.is_false(manifest.is_digest(wrong))
    end
  end)
end)

describe("what upstream is asked to accept", function()
  it("is every kind we hand on, and what the client names, once each", function()
    local list = manifest.accept(INDEX .. ", application/vnd.x+json;q=0.5,*/*")
    local kinds = {}
    for kind in list:gmatch("[^,%s]+") do
      assert.is_nil(kinds[kind])
      kinds[kind] = true
    end
    for _, kind in ipairs { INDEX, MANIFEST, "application/vnd.docker.distribution.manifest.list.v2+json",
      "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.x+json;q=0.5", "*/*" } do
      assert.is_true(kinds[kind], kind)
    end
  end)

  it("is the same for those who ask for what we know", function()
    assert.equal(manifest.accept(nil), manifest.accept(MANIFEST .. ", " .. INDEX))
  end)
end)
