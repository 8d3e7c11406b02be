-- An upstream that says what makes no sense is upstream's fault: 502, never a 500 of ours.

local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }

-- A deployment that answers as a Forgejo would be asked: JSON by repository or package, a manifest by image.
local ROUTES = [[
local answer = require "dunite.answer"
local said = {
  numbers = '{"assets":[1,"a",null]}',
  nameless = '{"assets":[{"size":1,"uuid":"u","browser_download_url":"URL/a"}]}',
  name = '{"assets":[{"name":5,"size":1,"uuid":"u","browser_download_url":"URL/a"}]}',
  text = '{"assets":[{"name":"a","size":"big","uuid":"u","browser_download_url":"URL/a"}]}',
  half = '{"assets":[{"name":"a","size":0.5,"uuid":"u","browser_download_url":"URL/a"}]}',
  negative = '{"assets":[{"name":"a","size":-1,"uuid":"u","browser_download_url":"URL/a"}]}',
  url = '{"assets":[{"name":"a","size":1,"uuid":"u","browser_download_url":null}]}',
  external = '{"assets":[{"name":"a","size":0,"uuid":"u","type":"external"}]}',
  large = '{"assets":[],"x":"' .. ("x"):rep(1 << 20) .. '"}',
  html = '<!DOCTYPE html><html><body>Sign in</body></html>',
  nothing = '',
  cut = '{"assets":[{"name":"a","size":1',
  message = '{"message":"all is well"}',
  object = '{"assets":{}}',
  scalar = '"assets"',
  huge = '{"assets":[{"name":"a","size":99999999999999999999,"uuid":"u","browser_download_url":"URL/a"}]}',
  vast = '{"assets":[{"name":"a","size":9007199254740991,"uuid":"u","browser_download_url":"URL/a"}]}',
  deep = ("["):rep(5000) .. ("]"):rep(5000),
  foreign = '{"assets":[{"name":"a","size":1,"uuid":"u","browser_download_url":"http://203.0.113.1/a"}]}',
  script = '{"assets":[{"name":"a","size":1,"uuid":"u","browser_download_url":"javascript:alert(1)"}]}',
  names = '{"assets":[{"name":"a","size":1,"uuid":"u","browser_download_url":"URL/a"}' ..
    (',{"name":"%s","size":1,"uuid":"u","browser_download_url":"URL/a"}'):rep(9):format("", ".", "..", "a/b",
      "../../etc/passwd", "a\\\\b", "a\\r\\nSet-Cookie: x", "a\\u0000", ("x"):rep(256)) .. "]}",
  null = '{"assets":[{"name":"a","size":null,"uuid":"u","browser_download_url":"URL/a"}]}',
  files = '[1,null]',
  anonymous = '[{"size":1}]',
  digest = '[{"name":"a","size":1,"sha256":7}]',
  short = '[{"name":"a","size":1,"sha256":"abc"}]',
}
local media_types = {
  newline = 'application/x\\r\\nSet-Cookie: a=b',
  nul = 'application/x\\u0000',
  none = '',
}
return function(app)
  local function say(req)
    local text = said[req.params.name]:gsub("URL", function() return req:url("") end)
    return answer.new(200, text, "application/json")
  end
  app:get("/api/v1/repos/o/:name/releases/tags/v", say)
  app:get("/api/v1/packages/o/generic/:name/v/files", say)
  app:get("/a", function() return answer.new(200, "x", "text/plain") end)
  app:get("/v2/o/:name/manifests/v", function(req)
    local text = '{"schemaVersion":2,"mediaType":"' .. media_types[req.params.name] .. '"}'
    return answer.new(200, text, "application/json")
  end)
end
]]

local RELEASES = {
  "numbers", "nameless", "name", "text", "half", "negative", "url", "external", "large", "html", "nothing", "cut",
  "message", "object", "scalar", "huge", "deep", "foreign", "script",
}
local ODD_RELEASES = { "null", "names", "vast" } -- may be listed
local PACKAGES = { "files", "anonymous", "digest", "short" }
local IMAGES = { "newline", "nul", "none" }

local function catalog()
  local list = {}
  local function add(names, make)
    for _, name in ipairs(names) do
      local product = make(name)
      product.slug, product.pinned_release, product.pinned_tag = name, "v", "v"
      list[#list + 1] = product
    end
  end
  for _, names in ipairs { RELEASES, ODD_RELEASES } do
    add(names, function(name) return { source = { kind = "release", owner = "o", repo = name } } end)
  end
  add(PACKAGES, function(name) return { source = { kind = "generic_package", owner = "o", package = name } } end)
  add(IMAGES, function(name) return { image = { owner = "o", name = name } } end)
  return list
end

describe("an upstream that makes no sense", function()
  local app
  before_each(function()
    local upstream = t.app {
      files = {
        ["dunite.lua"] = 'return require("dunite").deployment { name = "liar", routes = "routes" }',
        ["routes.lua"] = ROUTES,
      },
      members = false,
    }
    app = shop.open { upstream = upstream, catalog = catalog() }
  end)

  it("in its list of a release or a package is a 502", function()
    for _, names in ipairs { RELEASES, PACKAGES } do
      for _, name in ipairs(names) do
        local path = "/v1/applications/" .. name .. "/downloads"
        assert.equal(502, app:get(path .. "/a", ADA).status, name .. ", asset")
        assert.equal(502, app:get(path, ADA).status, name .. ", list")
      end
    end
  end)

  it("may leave a size untold", function()
    assert.equal("x", app:get("/v1/applications/null/downloads/a", ADA).body)
  end)

  it("in a size is a 502 for who asks for it, and listed exactly", function()
    assert.matches('"size":9007199254740991[,}]', app:get("/v1/applications/vast/downloads", ADA).body)
    assert.equal("9007199254740991", app:head("/v1/applications/vast/downloads/a", ADA).headers["content-length"])
    local response = app:get("/v1/applications/vast/downloads/a", ADA)
    assert.same({ 502, "integrity" }, { response.status, response:json().error.code })
  end)

  it("in a name that is none for a file loses that asset only", function()
    local response = app:get("/v1/applications/names/downloads", ADA)
    assert.equal(200, response.status)
    assert.same({ "a" }, { response:json().data[1].name, response:json().data[2] })
    assert.equal("x", app:get("/v1/applications/names/downloads/a", ADA).body)
    assert.equal(9, #app:logged "its name is none for a file")
  end)

  it("in a manifest's media type harms nobody's headers", function()
    for _, name in ipairs(IMAGES) do
      local response = app:get("/v2/" .. name .. "/manifests/v", { bearer = app:token("ada", name) })
      assert.equal(200, response.status, name)
      assert.equal("application/vnd.oci.image.manifest.v1+json", response.headers["content-type"], name)
    end
  end)
end)
