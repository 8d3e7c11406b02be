-- The double answers as Forgejo does, and stands still where it is told to.

local native = require "dunite.native"
local t = require "dunite.test"

local upstream = t.forgejo {
  releases = {
    ["acme/tool"] = {
      ["v1.0.0"] = { a = "0123456789", ["far.external"] = "https://elsewhere.example/far" },
      ["v0.9.0"] = { a = "older" },
    },
  },
  packages = { ["acme/kit"] = { ["1.0"] = { ["kit.txt"] = "a kit" } } },
  images = { ["acme/tool"] = { ["v1"] = { amd64 = { "one" }, arm64 = { "two" } } } },
}

local TOKEN = { authorization = "token secret" }

local function ask(path, headers, method)
  return assert(native.spec.http { url = upstream:url() .. path, method = method, headers = headers })
end

local function read(path) return native.json.decode(ask(path, TOKEN).body) end

local function tell(what, body)
  local url = upstream:url() .. "/double/" .. what
  return assert(native.spec.http { url = url, method = "POST", body = native.json.encode(body) }).status
end

local FILE = "/acme/tool/releases/download/v1.0.0/a"
local FILES = "/api/v1/packages/acme/generic/kit/1.0/files"

after_each(function() upstream:reset() end)

describe("the API", function()
  it("hides what is private from those without a token", function()
    for _, path in ipairs { "/api/v1/repos/acme/tool/releases/tags/v1.0.0", FILE, FILES } do
      assert.equal(404, ask(path).status)
      assert.equal(404, ask(path, { authorization = "token wrong" }).status)
    end
  end)

  it("takes the token in each of Forgejo's ways", function()
    local path = "/api/v1/repos/acme/tool/releases/tags/v1.0.0"
    for _, way in ipairs { "token secret", "Bearer secret", "Basic OnNlY3JldA==" } do
      assert.equal(200, ask(path, { authorization = way }).status)
    end
    assert.equal(200, ask(path .. "?token=secret").status)
  end)

  it("tells all there is of a release", function()
    local release = read "/api/v1/repos/acme/tool/releases/tags/v1.0.0"
    for _, field in ipairs { "id", "tag_name", "name", "body", "url", "html_url", "tarball_url", "zipball_url",
      "draft", "prerelease", "created_at", "published_at", "author", "assets" } do
      assert.is_not_nil(release[field], field)
    end
    local a, far = release.assets[1], release.assets[2]
    assert.same({ "a", 10, "attachment", upstream:url() .. FILE }, { a.name, a.size, a.type, a.browser_download_url })
    assert.same({ "far", "external", "https://elsewhere.example/far" },
      { far.name, far.type, far.browser_download_url })
  end)

  it("knows no bare tag, and the latest release", function()
    assert.equal(404, ask("/api/v1/repos/acme/tool/releases/tags/v7", TOKEN).status)
    assert.equal(200, ask("/api/v1/repos/acme/tool/releases/latest", TOKEN).status)
    assert.equal(2, #read "/api/v1/repos/acme/tool/releases")
  end)

  it("lists a package's files with their digests", function()
    local file = read(FILES)[1]
    assert.same({ "kit.txt", 5, native.sha256("a kit"):sub(8) }, { file.name, file.Size, file.sha256 })
  end)
end)

describe("a release's file", function()
  it("has an ETag, a date, and counts its downloads", function()
    local asset = read("/api/v1/repos/acme/tool/releases/tags/v1.0.0").assets[1]
    local got = ask(FILE, TOKEN)
    assert.same({ 200, "0123456789", '"' .. asset.uuid .. '"' }, { got.status, got.body, got.headers.etag })
    assert.is_not_nil(got.headers["last-modified"])
    local after = read("/api/v1/repos/acme/tool/releases/tags/v1.0.0").assets[1]
    assert.equal(asset.download_count + 1, after.download_count)
  end)

  it("is given in parts, and not twice", function()
    local part = ask(FILE, { authorization = TOKEN.authorization, range = "bytes=2-4" })
    assert.same({ 206, "234", "bytes 2-4/10" }, { part.status, part.body, part.headers["content-range"] })
    local same = ask(FILE, { authorization = TOKEN.authorization, ["if-none-match"] = part.headers.etag })
    assert.same({ 304, "" }, { same.status, same.body })
  end)

  it("is found by its uuid", function()
    local asset = read("/api/v1/repos/acme/tool/releases/tags/v1.0.0").assets[1]
    assert.equal("0123456789", ask("/attachments/" .. asset.uuid, TOKEN).body)
  end)

  it("of a package has a date and no ETag, and no HEAD", function()
    local path = "/api/packages/acme/generic/kit/1.0/kit.txt"
    local got = ask(path, TOKEN)
    assert.same({ "a kit", nil }, { got.body, got.headers.etag })
    assert.is_not_nil(got.headers["last-modified"])
    assert.equal(405, ask(path, TOKEN, "HEAD").status)
    assert.equal('Basic realm="Gitea Package API"', ask(path).headers["www-authenticate"])
  end)
end)

describe("the registry", function()
  it("asks everybody to sign in, for everything", function()
    local realm = ('Bearer realm="%s/v2/token",service="container_registry",scope="*"'):format(upstream:url())
    for _, path in ipairs { "/v2/", "/v2/acme/tool/manifests/v1" } do
      local refused = ask(path)
      assert.same({ 401, realm }, { refused.status, refused.headers["www-authenticate"] })
    end
  end)

  it("gives a token and nothing besides", function()
    local token = native.json.decode(ask("/v2/token", { authorization = "Basic OnNlY3JldA==" }).body)
    assert.equal("token", next(token))
    assert.is_nil(next(token, "token"))
    assert.equal(200, ask("/v2/", { authorization = "Bearer " .. token.token }).status)
    assert.equal(401, ask("/v2/", { authorization = "Bearer " .. token.token .. "x" }).status)
    assert.equal(404, ask("/v2/token", TOKEN, "POST").status)
  end)

  it("gives manifests by tag and digest, always whole", function()
    local image = upstream.images["acme/tool"].v1
    local headers = { authorization = TOKEN.authorization, range = "bytes=0-1", ["if-none-match"] = "*" }
    for _, reference in ipairs { "v1", image.digest } do
      local got = ask("/v2/acme/tool/manifests/" .. reference, headers)
      assert.same({ 200, image.bytes, image.media_type, image.digest },
        { got.status, got.body, got.headers["content-type"], got.headers["docker-content-digest"] })
    end
  end)

  it("gives blobs, always whole, and their HEAD without a type", function()
    local path = "/v2/acme/tool/blobs/" .. upstream.images["acme/tool"].v1.platforms.amd64.layers[1]
    local got = ask(path, { authorization = TOKEN.authorization, range = "bytes=0-1" })
    assert.same({ 200, "one" }, { got.status, got.body })
    local head = ask(path, TOKEN, "HEAD")
    assert.same({ 200, "3", nil }, { head.status, head.headers["content-length"], head.headers["content-type"] })
  end)

  it("tells what is not there", function()
    assert.equal(404, ask("/v2/acme/tool/manifests/v2", TOKEN).status)
    assert.equal(404, ask("/v2/acme/tool/blobs/sha256:" .. ("0"):rep(64), TOKEN).status)
    assert.equal(404, ask("/v2/acme/tool/referrers/sha256:" .. ("0"):rep(64), TOKEN).status)
    assert.equal("user does not exist [uid: 0]", ask("/v2/nobody/tool/manifests/v1", TOKEN).body)
    upstream:write("oci/other/closed", "")
    local closed = ask("/v2/other/tool/manifests/v1", TOKEN)
    assert.same({ 401, 'Basic realm="Gitea Package API"' }, { closed.status, closed.headers["www-authenticate"] })
  end)

  it("serves directly where told to: by a redirect that declares a length and has no body", function()
    local image = upstream.images["acme/tool"].v1
    tell("storage", { url = upstream:url() })
    for path, bytes in pairs {
      ["blobs/" .. image.platforms.amd64.layers[1]] = "one", ["manifests/v1"] = image.bytes,
      ["manifests/" .. image.digest] = image.bytes,
    } do
      path = "/v2/acme/tool/" .. path
      local got, problem = native.spec.http { url = upstream:url() .. path, headers = TOKEN }
      assert.same({ nil, "Transport" }, { got, problem and problem.variant })
      assert.equal(200, ask(path, TOKEN, "HEAD").status)
      local digest = native.sha256(bytes):gsub(":", "/")
      local stored = "/storage/oci/acme/tool/blobs/" .. digest
      assert.equal(bytes, ask(stored .. "?signature=x").body)
      assert.equal(400, ask(stored .. "?signature=x", TOKEN).status)
      assert.equal(404, ask(stored).status)
    end
  end)

  it("lists tags, with a Link even on the last page", function()
    local got = ask("/v2/acme/tool/tags/list?n=5", TOKEN)
    assert.equal('{"name":"acme/tool","tags":["v1"]}', got.body)
    assert.equal('</v2/acme/tool/tags/list?last=v1&n=5>; rel="next"', got.headers.link)
  end)
end)

describe("a script", function()
  it("counts, fails so many times, and is forgotten", function()
    tell("script", { path = FILE, status = 503, times = 1, retry_after = 3 })
    local failed = ask(FILE, TOKEN)
    assert.same({ 503, "3" }, { failed.status, failed.headers["retry-after"] })
    assert.equal(200, ask(FILE, TOKEN).status)
    assert.equal(2, upstream:count(FILE))
    upstream:reset()
    assert.equal(0, upstream:count(FILE))
  end)

  local function waiting() return native.json.decode(ask("/double/waiting?path=" .. FILE).body).waiting end

  it("stands at its gate until that is opened", function()
    tell("script", { path = FILE, gate = { at = 4 } })
    local results = t.together {
      function() return ask(FILE, TOKEN).body end,
      function() return ask(FILE, TOKEN).body end,
      function()
        t.until_true(function() return waiting() == 2 end)
        return tell("open", { path = FILE })
      end,
    }
    assert.same({ "0123456789", "0123456789", 200 }, results)
    assert.equal(0, waiting())
  end)

  it("breaks a body where it is told to", function()
    tell("script", { path = FILE, cut = 4, times = 1 })
    assert.is_nil((native.spec.http { url = upstream:url() .. FILE, headers = TOKEN }))
    assert.equal("0123456789", ask(FILE, TOKEN).body)
  end)

  it("trickles", function()
    upstream:write("releases/acme/tool/v1.0.0/slow", ("x"):rep(30000))
    local path = FILE:gsub("a$", "slow")
    tell("script", { path = path, pace = 100000 })
    local began = native.clock.mono()
    assert.equal(30000, #ask(path, TOKEN).body)
    assert.is_true(native.clock.mono() - began >= 150)
  end)
end)
