local native = require "dunite.native"
local t = require "dunite.test"

-- What upstream is: files by path, counted, in an engine of its own.
local UPSTREAM = [[
  local dunite, answer = require "dunite", require "dunite.answer"
  local native = require "dunite.native"
  return dunite.deployment {
    flights = { "counts" },
    routes = function(app)
      app:post("/put/*path", function(req)
        local body = assert(req.exchange:body(1 << 20))
        assert(native.records:put("files", req.params.path, body))
        return answer.text "ok"
      end)
      app:get("/count/*path", function(req)
        return answer.text(native.records:get("counts", req.params.path) or "0")
      end)
      app:get("/*path", function(req)
        local path = req.params.path
        local body = native.records:get("files", path)
        local count = native.records:get("counts", path) or "0"
        assert(native.records:put("counts", path, tostring(math.tointeger(count) + 1)))
        return body and answer.new(200, body, "application/octet-stream") or answer.not_found "It"
      end)
    end,
  }]]

local DEB = "pool/main/h/hello/hello_1.0+b1_all.deb"
local OTHER = "pool/main/o/other_1.0_all.deb"

local function sha256(text) return native.sha256(text):sub(8) end

local function paragraph(path, body)
  return ("Package: %s\nFilename: %s\nSize: %d\nSHA256: %s\nDescription: a package\n"):format(
    path:match("([^/]+)_[^/]+_"), path, #body, sha256(body))
end

local function release(indexes)
  local lines = { "Suite: stable", "SHA256:" }
  for path, body in pairs(indexes) do lines[#lines + 1] = (" %s %d %s"):format(sha256(body), #body, path) end
  return table.concat(lines, "\n") .. "\n"
end

describe("the Debian repository", function()
  local upstream, app
  local packages = paragraph(DEB, "a package") .. "\n" .. paragraph(OTHER, "another")
  local index = "main/binary-all/Packages"

  local function put(path, body) upstream:post("/put/" .. path, { body = body }) end
  local function count(path) return tonumber(upstream:get("/count/" .. path).body) end

  before_each(function()
    upstream = t.app { files = { ["dunite.lua"] = UPSTREAM }, members = false }
    put("dists/stable/InRelease", release { [index] = packages })
    put("dists/stable/" .. index, packages)
    put(DEB, "a package")
    put(OTHER, "another")
    app = t.app { env = { DEBIAN_UPSTREAM_URL = upstream:url() }, limits = { packages = { daily_cap = 2 } } }
  end)

  local function get(path, ask)
    ask = ask or {}
    ask.as = ask.as or "ada"
    return app:get("/debian/" .. path, ask)
  end

  it("hands out release files, indexes and packages to members", function()
    assert.equal(401, app:get("/debian/dists/stable/InRelease").status)
    assert.matches("Suite: stable", get("dists/stable/InRelease").body)
    assert.equal(packages, get("dists/stable/" .. index).body)
    assert.equal("a package", get(DEB).body)
    assert.equal("a package", get((DEB:gsub("%+", "%%2B"))).body)
  end)

  it("asks upstream once for each, and again for a release file after a while", function()
    for _ = 1, 2 do
      assert.equal(200, get("dists/stable/InRelease").status)
      assert.equal("a package", get(DEB).body)
    end
    assert.same({ 1, 1, 1 }, { count(DEB), count("dists/stable/" .. index), count("dists/stable/InRelease") })
    t.clock:advance "10m"
    assert.equal(200, get("dists/stable/InRelease").status)
    assert.equal(2, count("dists/stable/InRelease"))
  end)

  it("finds an index by its digest", function()
    local path = ("dists/stable/main/binary-all/by-hash/SHA256/%s"):format(sha256(packages))
    put(path, packages)
    assert.equal(packages, get(path).body)
    assert.equal(404, get("dists/stable/main/binary-all/by-hash/SHA256/" .. ("0"):rep(64)).status)
  end)

  it("hands out no package that is not the one its index names", function()
    put(DEB, "A PACKAGE")
    local response, problem = app:try("GET", "/debian/" .. DEB, { as = "ada" })
    assert.is_true(response == nil and problem ~= nil or response.status == 502)
    put(DEB, "a package")
    assert.equal("a package", get(DEB).body)
  end)

  it("knows no file that no index names, nor another suite's", function()
    put("pool/main/s/secret.deb", "secret")
    assert.equal(404, get("pool/main/s/secret.deb").status)
    assert.equal(0, count("pool/main/s/secret.deb"))
    assert.equal(404, get("dists/unstable/InRelease").status)
    assert.equal(404, get("dists/stable/main/binary-all/Other").status)
  end)

  it("counts packages and nothing else", function()
    for _ = 1, 5 do assert.equal(200, get("dists/stable/InRelease").status) end
    assert.equal(200, app:head("/debian/" .. DEB, { as = "ada" }).status)
    assert.equal(200, get(DEB).status)
    assert.equal(200, get(OTHER).status)
    local denied = get(DEB)
    assert.same({ 429, "daily_limit" }, { denied.status, denied:json().error.code })
    assert.equal(200, get(DEB, { as = "bob" }).status)
  end)

  it("serves what it has while upstream is down, and says 502 for what it has not", function()
    assert.equal(200, get(DEB).status)
    upstream:stop()
    assert.equal("a package", get(DEB).body)
    local failed = get(OTHER, { as = "bob" })
    assert.same({ 502, "transport" }, { failed.status, failed:json().error.code })
  end)
end)
