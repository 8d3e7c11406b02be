local shop = require "spec.support"
local t = require "dunite.test"

local ADA, BOB = { as = "ada" }, { as = "bob" }

describe("a download", function()
  local app, upstream
  setup(function() app, upstream = shop.open { limits = { downloads = { concurrency = 9, daily_cap = 999 } } } end)

  it("comes with its type, length, a strong validator and its name", function()
    local response = app:get(shop.FILE .. "odd%20name.tar.gz", ADA)
    assert.same({ 200, "odd" }, { response.status, response.body })
    assert.equal("application/gzip", response.headers["content-type"])
    assert.equal("3", response.headers["content-length"])
    assert.matches('^"%x+"$', response.headers.etag)
    assert.equal('attachment; filename="odd name.tar.gz"', response.headers["content-disposition"])
    assert.matches("fwd=miss", response.headers["cache-status"])
  end)

  it("is fetched from upstream once, and then served from here", function()
    for _ = 1, 3 do assert.equal("the first", app:get(shop.FILE .. "a", ADA).body) end
    assert.equal("the first", app:get(shop.FILE .. "a", BOB).body)
    assert.equal(1, upstream:count(shop.UPSTREAM_FILE .. "a"))
    assert.matches("hit", app:get(shop.FILE .. "a", ADA).headers["cache-status"])
  end)

  it("is fetched once for all who come at once", function()
    local asks = {}
    for i = 1, 8 do asks[i] = function() return app:get(shop.FILE .. "big.bin", ADA).body == shop.BIG end end
    for _, whole in ipairs(t.together(asks)) do assert.is_true(whole) end
    assert.equal(1, upstream:count(shop.UPSTREAM_FILE .. "big.bin"))
  end)

  it("keeps its validator, and is not sent again to who has it", function()
    local first = app:get(shop.FILE .. "a", ADA)
    local again = app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = first.headers.etag } })
    assert.same({ 304, "" }, { again.status, again.body })
    assert.equal(first.headers.etag, again.headers.etag)
    local other = app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = '"other"' } })
    assert.equal(200, other.status)
  end)

  it("is described to a HEAD, which fetches nothing", function()
    local response = app:head(shop.FILE .. "a2", ADA)
    assert.same({ 200, "10", "" }, { response.status, response.headers["content-length"], response.body })
    assert.matches("attachment", response.headers["content-disposition"])
    assert.equal(0, upstream:count(shop.UPSTREAM_FILE .. "a2"))
  end)

  it("may be had in pieces", function()
    local function piece(range) return app:get(shop.FILE .. "big.bin", { as = "ada", headers = { range = range } }) end
    local response = piece "bytes=16-31"
    assert.same({ 206, "0123456789abcdef" }, { response.status, response.body })
    assert.equal("bytes 16-31/262144", response.headers["content-range"])
    assert.equal("def", piece("bytes=-3").body)
    local beyond = piece "bytes=262144-"
    assert.same({ 416, "bytes */262144" }, { beyond.status, beyond.headers["content-range"] })
  end)

  it("may be of another version that is recorded, and of none that is yanked or unknown", function()
    assert.equal("older", app:get(shop.FILE .. "v0.9.0/a", ADA).body)
    assert.equal(404, app:get(shop.FILE .. "v0.8.0/a", ADA).status)
    assert.equal(404, app:get(shop.FILE .. "v7/a", ADA).status)
    assert.equal("the first", app:get(shop.FILE .. "v1.0.0/a", ADA).body)
  end)

  it("of another version has its own length and validator", function()
    local newer, older = app:get(shop.FILE .. "a", ADA), app:get(shop.FILE .. "v0.9.0/a", ADA)
    assert.equal("5", app:head(shop.FILE .. "v0.9.0/a", ADA).headers["content-length"])
    local function asked(tag) return { as = "ada", headers = { ["if-none-match"] = tag } } end
    assert.equal(200, app:get(shop.FILE .. "v0.9.0/a", asked(newer.headers.etag)).status)
    assert.equal(304, app:get(shop.FILE .. "v0.9.0/a", asked(older.headers.etag)).status)
  end)

  it("that is not in the release is 404", function()
    local response = app:get(shop.FILE .. "nothing", ADA)
    assert.same({ 404, "not_found" }, { response.status, shop.code(response) })
    assert.equal("This download does not exist.", response:json().error.message)
  end)

  it("may be a generic package's file", function()
    assert.equal("a package's file", app:get("/v1/applications/package/downloads/file.txt", ADA).body)
  end)
end)

describe("who downloads", function()
  local app
  setup(function() app = shop.open() end)

  it("signs in first", function()
    local response = app:get(shop.FILE .. "a")
    assert.same({ 401, "unauthorized" }, { response.status, shop.code(response) })
    assert.matches('^Basic realm="storefront"', response.headers["www-authenticate"])
    assert.equal(401, app:get(shop.FILE .. "a", { as = { "ada", "wrong" } }).status)
    assert.equal(401, app:get(shop.FILE .. "a", { as = "nobody" }).status)
    assert.equal(401, app:get(shop.FILE .. "a", { bearer = "a.b.c" }).status)
  end)

  it("may use a registry token", function()
    assert.equal("the first", app:get(shop.FILE .. "a", { bearer = app:token("ada", "tool") }).body)
  end)

  it("without the entitlement sees nothing of the application", function()
    local path = "/v1/applications/%s/downloads/a"
    assert.equal("for few", app:get(path:format "secret", { as = "ada" }).body)
    local hidden = app:get(path:format "secret", { as = "bob" })
    local missing = app:get(path:format "nothing", { as = "bob" })
    assert.same({ 404, missing:json().error }, { hidden.status, hidden:json().error })
    assert.equal(404, app:head(path:format "secret", { as = "bob" }).status)
    local list = app:get("/v1/applications/secret/downloads", { as = "bob" })
    assert.same({ 404, missing:json().error }, { list.status, list:json().error })
    assert.equal(200, app:get("/v1/applications/secret/downloads", { as = "ada" }).status)
  end)

  it("may use an access token that is for downloads, and none that is for pulls only", function()
    local paths = { shop.FILE .. "a", "/v1/applications/tool/downloads", "/v1/downloads" }
    for use, status in pairs { downloads = 200, pulls = 403 } do
      local made = app:control("member.token.add", { id = "ada", name = use, uses = { use } })
      assert.is_true(made.ok, made.message)
      for _, path in ipairs(paths) do
        assert.equal(status, app:get(path, { as = { "ada", made.secret } }).status, use .. " " .. path)
      end
      assert.equal(status, app:head(paths[1], { as = { "ada", made.secret } }).status, use)
      assert.equal(use == "pulls" and 403 or 404,
        app:get("/v1/applications/nothing/downloads", { as = { "ada", made.secret } }).status, use)
    end
  end)
end)

describe("the listing", function()
  local app, upstream
  before_each(function() app, upstream = shop.open() end)

  it("of an application has name, size, type and URL of each asset", function()
    local response = app:get("/v1/applications/tool/downloads", { as = "ada" })
    assert.equal(200, response.status)
    local by_name = {}
    for _, asset in ipairs(response:json().data) do by_name[asset.name] = asset end
    assert.same({
      name = "odd name.tar.gz", size = 3, content_type = "application/gzip",
      url = app:url() .. shop.FILE .. "odd%20name.tar.gz",
    }, by_name["odd name.tar.gz"])
    assert.equal("odd", app:get(by_name["odd name.tar.gz"].url:sub(#app:url() + 1), { as = "ada" }).body)
  end)

  it("of all has one group for each application the member can see", function()
    local function slugs(member)
      local list = {}
      for i, group in ipairs(app:get("/v1/downloads", { as = member }):json().data) do list[i] = group.slug end
      return list
    end
    assert.same({ "tool", "secret", "package" }, slugs "ada")
    assert.same({ "tool", "package" }, slugs "bob")
  end)

  it("of all is not broken by one broken application", function()
    upstream:fail("/api/v1/repos/acme/tool/releases/tags/v1.0.0", 500)
    local response = app:get("/v1/downloads", { as = "bob" })
    assert.equal(200, response.status)
    local groups = response:json().data
    assert.same({ false, true }, { groups[1].available, groups[2].available })
    assert.matches('"assets":%[%]', response.body)
  end)

  it("asks upstream once in a while, not each time", function()
    local release = "/api/v1/repos/acme/tool/releases/tags/v1.0.0"
    for _ = 1, 3 do app:get("/v1/applications/tool/downloads", { as = "ada" }) end
    assert.equal(1, upstream:count(release))
    t.clock:advance "301s"
    app:get("/v1/applications/tool/downloads", { as = "ada" })
    assert.equal(2, upstream:count(release))
  end)
end)
