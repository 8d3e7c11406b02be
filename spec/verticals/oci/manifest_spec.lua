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
    assert.same({ media_type = MANIFEST, children = { digest "a", digest "b", digest "c" }, manifests = {} }, parsed)
  end)

  it("that is an index refers to its manifests, not to what it is about", function()
    local parsed = manifest.parse(native.json.encode {
      schemaVersion = 2, manifests = { { digest = digest "a" }, { digest = digest "b" } },
      subject = { digest = digest "c" },
    })
    local both = { digest "a", digest "b" }
    assert.same({ media_type = INDEX, children = both, manifests = both }, parsed)
  end)

  it("has the media type of the answer it came in, unless that says nothing", function()
    local bytes = native.json.encode { mediaType = MANIFEST }
    assert.equal("application/vnd.x+json", manifest.parse(bytes, "application/vnd.x+json; charset=utf-8").media_type)
    assert.equal(MANIFEST, manifest.parse(bytes, "application/json").media_type)
    assert.equal(MANIFEST, manifest.parse(bytes, nil).media_type)
  end)

  it("that is an artifact refers to its blobs", function()
    local kind = "application/vnd.oci.artifact.manifest.v1+json"
    local parsed = manifest.parse(native.json.encode { mediaType = kind, blobs = { { digest = digest "a" } } })
    assert.same({ media_type = kind, children = { digest "a" }, manifests = {} }, parsed)
  end)

  it("never has a media type that is no manifest's, whoever says so", function()
    for _, wrong in ipairs { "text/html", "application/x\r\nSet-Cookie: a=b", "application/xhtml+xml",
      "application/vnd." .. ("x"):rep(256) .. "+json", "a/b/c+json", "+json", "" } do
      local bytes = native.json.encode { schemaVersion = 2, mediaType = wrong, manifests = { {} } }
      assert.equal(INDEX, manifest.parse(bytes, wrong).media_type, wrong)
    end
  end)

  it("of Docker's schema 1 is not handed on, and says what it is", function()
    local parsed, problem = manifest.parse('{"schemaVersion":1,"fsLayers":[]}',
      "application/vnd.docker.distribution.manifest.v1+prettyjws")
    assert.same({ nil, "NotFound", manifest.SCHEMA_1 }, { parsed, problem.variant, problem.message })
  end)

  it("is refused as upstream's fault when it is no JSON document, or no manifest", function()
    local deep = ('{"schemaVersion":2,"x":%s1%s}'):format(("["):rep(100), ("]"):rep(100))
    for _, wrong in ipairs { "", "<html>", '"text"', "{", "[]", '[{"schemaVersion":2}]', "null", "{}",
      '{"message":"not found"}', '{"mediaType":"text/html"}', deep, '{"schemaVersion":2}x' } do
      local parsed, problem = manifest.parse(wrong)
      assert.is_nil(parsed)
      assert.equal("Upstream", problem.variant)
    end
  end)

  it("is not taken in by nonsense where descriptors should be", function()
    local parsed = manifest.parse(native.json.encode {
      schemaVersion = 2, config = "x", layers = { 7, "y", { digest = "sha256:short" }, { digest = 9 } },
      manifests = { digest = digest "a" },
    })
    assert.same({}, parsed.children)
  end)

  it("may not refer to any number of things", function()
    local layers = {}
    for i = 1, 5001 do layers[i] = { digest = ("sha256:%064x"):format(i) } end
    local parsed, problem = manifest.parse(native.json.encode { schemaVersion = 2, layers = layers })
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

  it("leaves out what is no media range, and what there is too much of", function()
    local usual = manifest.accept(nil)
    for _, wrong in ipairs { "", ",,,", "  ", "x", "/", "a/", "application/json\1", '"', "a/b;\127", "é/x",
      "application/" .. ("x"):rep(300) } do
      assert.equal(usual, manifest.accept(wrong), wrong)
    end
    local many = {}
    for i = 1, 1000 do many[i] = "application/vnd.x" .. i .. "+json" end
    assert.equal(usual .. ", " .. table.concat(many, ", ", 1, 16), manifest.accept(table.concat(many, ",")))
  end)
end)
