-- What a registry upstream may answer, rightly or wrongly, and what members see of it.

local native = require "dunite.native"
local registry = require "spec.registry"
local shop = require "spec.support"

local UP = "/v2/acme/tool/"
local INDEX = "application/vnd.oci.image.index.v1+json"
local MANIFEST = "application/vnd.oci.image.manifest.v1+json"
local DOCKER = "application/vnd.docker.distribution.manifest."

local function digest(letter) return "sha256:" .. letter:rep(64) end

describe("a registry upstream", function()
  local app, upstream, token

  local function open(said)
    upstream = registry.start(said)
    app = shop.open { upstream = upstream }
    token = app:token("ada", "tool")
  end

  local function ask(method, path, headers, slug)
    return app:request(method, "/v2/" .. (slug or "tool") .. "/" .. path, { bearer = token, headers = headers })
  end

  -- An application for each name, and what its repository answers to each path.
  local function open_each(named, paths)
    local said, catalog, names = {}, {}, {}
    for name, says in pairs(named) do
      for _, path in ipairs(paths) do said["/v2/acme/" .. name .. "/" .. path] = says end
      catalog[#catalog + 1] = { slug = name, pinned_tag = "v1.0.0", image = { owner = "acme", name = name } }
      names[#names + 1] = name
    end
    upstream = registry.start(said)
    app = shop.open { upstream = upstream, catalog = catalog }
    token = app:token("ada", table.unpack(names))
    return names
  end

  local function refused(status, code, response, what)
    assert.same({ status, code }, { response.status, shop.code(response) }, what)
    return response
  end

  describe("has manifests", function()
    it("of all media types, by tag and by digest, for GET and HEAD", function()
      local kinds, named, digests, paths = {
        index = INDEX, manifest = MANIFEST, docker = DOCKER .. "v2+json", list = DOCKER .. "list.v2+json",
        artifact = "application/vnd.oci.artifact.manifest.v1+json",
      }, {}, {}, { "manifests/v1.0.0" }
      for name, kind in pairs(kinds) do
        named[name], digests[name] = registry.manifest(kind, {})
        paths[#paths + 1] = "manifests/" .. digests[name]
      end
      open_each(named, paths)
      for name, kind in pairs(kinds) do
        for _, path in ipairs { "manifests/" .. digests[name], "manifests/v1.0.0" } do
          for _, method in ipairs { "HEAD", "GET" } do
            local got, bytes = ask(method, path, nil, name), named[name].body
            assert.same({ 200, kind, digests[name], tostring(#bytes), method == "GET" and bytes or "" }, {
              got.status, got.headers["content-type"], got.headers["docker-content-digest"],
              got.headers["content-length"], got.body,
            }, name .. " " .. method .. " " .. path)
          end
        end
      end
    end)

    it("that are asked for with all that clients accept, in one line, beside all that we know", function()
      open { [UP .. "manifests/v1.0.0"] = (registry.manifest(MANIFEST, {})) }
      local lines = { INDEX, MANIFEST, DOCKER .. "v2+json", DOCKER .. "list.v2+json", DOCKER .. "v1+prettyjws",
        "application/json;q=0.5" }
      assert.equal(200, ask("GET", "manifests/v1.0.0", { accept = lines }).status)
      local accept = upstream:seen(UP .. "manifests/v1.0.0")[1].accept
      for _, line in ipairs(lines) do assert.is_truthy(accept:find(line, 1, true), line) end
    end)

    it("whose digest is the one that is asked for, or that it names itself", function()
      local made = registry.manifest(MANIFEST, { layers = { { digest = digest "1" } } })
      local lied = { body = made.body, headers = { ["docker-content-digest"] = digest "2" } }
      open { [UP .. "manifests/v1.0.0"] = lied, [UP .. "manifests/" .. digest "3"] = made }
      refused(502, "UNAVAILABLE", ask("GET", "manifests/v1.0.0"))
      refused(502, "UNAVAILABLE", ask("GET", "manifests/" .. digest "3"))
    end)

    it("which no query changes, and no query makes another of", function()
      local made, name = registry.manifest(MANIFEST, {})
      open { [UP .. "manifests/v1.0.0"] = made, [UP .. "manifests/" .. name] = made }
      for _, query in ipairs { "", "?ns=docker.io", "?ns=other.example", "?x=1&y=%00&%zz&=&&" } do
        assert.equal(made.body, ask("GET", "manifests/v1.0.0" .. query).body, query)
        assert.equal(made.body, ask("GET", "manifests/" .. name .. query).body, query)
        assert.equal(200, ask("GET", "tags/list" .. query).status, query)
      end
      local seen = upstream:seen(UP .. "manifests/v1.0.0")
      assert.same({ 1, "" }, { #seen, seen[1].query })
      assert.same({}, upstream:seen(UP .. "manifests/" .. name))
    end)
  end)

  describe("that has a blob", function()
    it("gives it to whatever query asks, and is asked once and without it", function()
      local name = native.sha256 "a layer"
      open { [UP .. "blobs/" .. name] = { body = "a layer" } }
      for _, query in ipairs { "?ns=docker.io", "?ns=other.example&digest=" .. digest "1", "" } do
        local got = ask("GET", "blobs/" .. name .. query)
        assert.same({ 200, "a layer", name }, { got.status, got.body, got.headers["docker-content-digest"] }, query)
      end
      local gets = 0
      for _, request in ipairs(upstream:seen(UP .. "blobs/" .. name)) do
        assert.equal("", request.query)
        gets = gets + (request.method == "GET" and 1 or 0)
      end
      assert.equal(1, gets)
    end)

    it("says nothing of its type or name to browsers", function()
      local name = native.sha256 "<html>"
      open { [UP .. "blobs/" .. name] = { body = "<html>", headers = {
        ["content-type"] = "text/html", ["content-disposition"] = "inline", ["set-cookie"] = "a=b", ["x-up"] = "1",
        ["docker-content-digest"] = digest "1", etag = '"x"', link = "<x>",
      } } }
      local got = ask("GET", "blobs/" .. name)
      assert.same({ "application/octet-stream", name, '"' .. name .. '"' }, {
        got.headers["content-type"], got.headers["docker-content-digest"], got.headers.etag,
      })
      for _, header in ipairs { "content-disposition", "set-cookie", "x-up", "link" } do
        assert.is_nil(got.headers[header], header)
      end
    end)

    it("and lies about it breaks the answer", function()
      open { [UP .. "blobs/" .. digest "1"] = { body = "another" } }
      assert.is_nil((app:try("GET", "/v2/tool/blobs/" .. digest "1", { bearer = token })))
    end)
  end)

  describe("that answers with what is no manifest", function()
    local NONSENSE = {
      html = { body = "<html><body>Sign in</body></html>", headers = { ["content-type"] = "text/html" } },
      typed = { body = "<html>", headers = { ["content-type"] = MANIFEST } },
      empty = { body = "" },
      list = { body = "[]" },
      error = { body = '{"errors":[{"code":"UNAUTHORIZED"}]}' },
      deep = { body = ("["):rep(1000) },
      deeper = { body = '{"schemaVersion":2,"a":' .. ('{"a":'):rep(200) .. "1" .. ("}"):rep(201) },
      large = { body = ("x"):rep(1 << 16), times = 65 },
      many = { body = '{"schemaVersion":2,"layers":[' .. ('{"digest":"' .. digest "1" .. '"},'):rep(5001) .. "1]}" },
      moved = { status = 302, headers = { location = "file:///etc/passwd" } },
      gopher = { status = 307, headers = { location = "gopher://127.0.0.1:1/x" } },
      circle = { status = 302, headers = { location = "/v2/acme/circle/manifests/v1.0.0" } },
      inside = { status = 302, headers = { location = "http://169.254.169.254/latest" } },
      nowhere = { status = 302 },
      none = { status = 204 },
      part = { status = 206, body = "{}" },
      teapot = { status = 418, body = "{}" },
      own = { status = 500 },
    }

    it("is a 502 that tells nothing of it, by tag, by digest and for a HEAD", function()
      for _, name in ipairs(open_each(NONSENSE, { "manifests/v1.0.0", "manifests/" .. digest "1" })) do
        local by_tag = refused(502, "UNAVAILABLE", ask("GET", "manifests/v1.0.0", nil, name), name)
        refused(502, "UNAVAILABLE", ask("GET", "manifests/" .. digest "1", nil, name), name)
        assert.equal(502, ask("HEAD", "manifests/v1.0.0", nil, name).status, name)
        assert.is_nil(by_tag.body:find "Sign in", name)
      end
    end)

    it("of Docker's schema 1 is told to be that", function()
      open { [UP .. "manifests/v1.0.0"] = (registry.manifest(DOCKER .. "v1+prettyjws", { schemaVersion = 1 })) }
      local response = refused(404, "MANIFEST_UNKNOWN", ask("GET", "manifests/v1.0.0"))
      assert.matches("schema 1", response:json().errors[1].message)
    end)
  end)

  describe("that lists referrers", function()
    local SUBJECT = digest "5"
    local LIST = UP .. "referrers/" .. SUBJECT

    local function entry(letter, kind)
      local annotations = { a = letter }
      return { mediaType = MANIFEST, digest = digest(letter), size = 7, artifactType = kind, annotations = annotations }
    end

    local function page(entries, headers)
      headers = headers or {}
      headers["content-type"] = INDEX
      return { body = native.json.encode {
        schemaVersion = 2, mediaType = INDEX, manifests = setmetatable(entries, native.json.array),
      }, headers = headers }
    end

    local function listed(query, slug)
      local response = ask("GET", "referrers/" .. SUBJECT .. (query or ""), nil, slug)
      assert.same({ 200, INDEX }, { response.status, response.headers["content-type"] })
      local index, letters = response:json(), {}
      assert.same({ 2, INDEX }, { index.schemaVersion, index.mediaType })
      for i, given in ipairs(index.manifests) do
        letters[i] = given.annotations.a
        assert.same(entry(letters[i], given.artifactType), given)
      end
      return table.concat(letters), response.headers["oci-filters-applied"]
    end

    it("has them handed on, all pages in one", function()
      open {
        [LIST] = page({ entry("1", "a/b") }, { link = "<" .. LIST .. '?n=1&last=x%2Fy>; rel="next"' }),
        [LIST .. "?n=1&last=x%2Fy"] = page({ entry("2", "c/d") }, { link = "</elsewhere?n=2>; rel=next" }),
        [LIST .. "?n=2"] = page({ entry("3", "a/b") }, { link = "<x?y=1>; rel=prev" }),
      }
      assert.same({ "123" }, { listed() })
    end)

    it("has them by type, whether it filters itself or not", function()
      open {
        [LIST] = page { entry("1", "a/b"), entry("2", "c/d"), entry("3") },
        [LIST .. "?artifactType=c%2Fd"] = page({ entry("3") }, { ["oci-filters-applied"] = "artifactType" }),
      }
      assert.same({ "123", nil }, { listed() })
      assert.same({ "1", "artifactType" }, { listed "?artifactType=a/b" })
      assert.same({ "3", "artifactType" }, { listed "?artifactType=c/d" })
      assert.same({ "", "artifactType" }, { listed "?artifactType=e/f" })
      assert.same({ "", "artifactType" }, { listed "?artifactType=%0d%0ax" })
    end)

    it("has an artifact of that list and its blobs for who asks for them", function()
      local made, name = registry.manifest(MANIFEST, { layers = { { digest = native.sha256 "signed" } } })
      local signature = { mediaType = MANIFEST, digest = name, size = #made.body, annotations = { a = "s" } }
      open {
        [LIST] = page { signature }, [UP .. "manifests/" .. name] = made,
        [UP .. "blobs/" .. native.sha256 "signed"] = { body = "signed" },
      }
      assert.equal(200, ask("GET", "referrers/" .. SUBJECT).status)
      assert.equal(made.body, ask("GET", "manifests/" .. name).body)
      assert.equal("signed", ask("GET", "blobs/" .. native.sha256 "signed").body)
    end)

    it("but knows no referrers has an empty index for it", function()
      local knows_none = { a = { status = 404, body = "no such page" }, b = { status = 400 }, c = { status = 405 } }
      local names = open_each(knows_none, { "referrers/" .. SUBJECT })
      for _, name in ipairs(names) do
        assert.same({ "", nil }, { listed(nil, name) }, name)
        assert.same({ "", "artifactType" }, { listed("?artifactType=a/b", name) }, name)
      end
    end)

    it("has none to tell of for a version that was yanked, also before anybody pulled it", function()
      local yanked, subject = registry.manifest(MANIFEST, { layers = { { digest = native.sha256 "old" } } })
      open {
        [UP .. "manifests/v0.8.0"] = yanked, [UP .. "manifests/" .. subject] = yanked,
        [UP .. "referrers/" .. subject] = page { entry("1") },
      }
      for _ = 1, 2 do
        local response = ask("GET", "referrers/" .. subject)
        assert.same({ 200, {} }, { response.status, response:json().manifests })
      end
      assert.equal("BLOB_UNKNOWN", ask("GET", "blobs/" .. native.sha256 "old"):json().errors[1].code)
    end)

    it("leaves out those that nobody could verify", function()
      open { [LIST] = page { entry("1"), { mediaType = MANIFEST, digest = "sha512:" .. ("0"):rep(128), size = 1 } } }
      assert.same({ "1" }, { listed() })
    end)

    it("and makes no sense, or no end, is a 502", function()
      local names = open_each({
        html = { body = "<html>" }, none = { body = "{}" }, table = { body = '{"manifests":{}}' },
        list = { body = "[]" }, text = page { "x" },
        size = page { { mediaType = MANIFEST, digest = digest "1", size = "1" } },
        negative = page { { mediaType = MANIFEST, digest = digest "1", size = -1 } },
        half = page { { mediaType = MANIFEST, digest = digest "1", size = 0.5 } },
        typed = page { { mediaType = "text/html", digest = digest "1", size = 1 } },
        anonymous = page { { mediaType = MANIFEST, size = 1 } },
        endless = page({ entry("1") }, { link = '<?n=1>; rel="next"' }),
        down = { status = 500 }, secret = { status = 401 }, large = { body = ("x"):rep(1 << 16), times = 65 },
      }, { "referrers/" .. SUBJECT })
      for _, name in ipairs(names) do
        refused(502, "UNAVAILABLE", ask("GET", "referrers/" .. SUBJECT, nil, name), name)
      end
    end)
  end)
end)
