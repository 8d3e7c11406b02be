-- An administrator has an application asked for anew.

local shop = require "spec.support"

local ADA, BOSS = { as = "ada" }, { as = "boss" }
local MEMBERS = { { id = "ada", entitlements = { "secret" } }, "bob", { id = "boss", admin = true } }
local DOWNLOADS = "/v1/admin/applications/tool/downloads/refresh"
local IMAGES = "/v1/admin/applications/tool/oci/refresh"
local RELEASE = "/api/v1/repos/acme/tool/releases/tags/v1.0.0"

describe("an administrator", function()
  local app, upstream
  before_each(function() app, upstream = shop.open { members = MEMBERS } end)

  it("has downloads asked for anew, lists and files", function()
    local first = app:get(shop.FILE .. "a", ADA)
    upstream:write("releases/acme/tool/v1.0.0/a", "the first, mended")
    assert.equal("the first", app:get(shop.FILE .. "a", { as = "bob" }).body)
    local done = app:post(DOWNLOADS, BOSS)
    assert.same({ 200, { application = "tool", refreshed = "downloads" } }, { done.status, done:json().data })
    local again = app:get(shop.FILE .. "a", { as = "bob" })
    assert.equal("the first, mended", again.body)
    assert.not_equal(first.headers.etag, again.headers.etag)
    assert.equal(2, upstream:count(RELEASE))
  end)

  it("has a file fetched anew that is the same", function()
    for _ = 1, 2 do
      assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
      assert.equal(200, app:post(DOWNLOADS, BOSS).status)
    end
    assert.equal(2, upstream:count(shop.UPSTREAM_FILE .. "a"))
  end)

  it("has images asked for anew", function()
    local function pull()
      return app:get("/v2/tool/manifests/v1.0.0", { bearer = app:token("ada", "tool") }).status
    end
    local manifest = "/v2/acme/tool/manifests/v1.0.0"
    assert.equal(200, pull())
    assert.equal(200, pull())
    assert.equal(1, upstream:count(manifest))
    assert.equal(200, app:post(IMAGES, BOSS).status)
    assert.equal(200, pull())
    assert.equal(2, upstream:count(manifest))
  end)

  it("touches no other application", function()
    app:get("/v1/applications/package/downloads/file.txt", ADA)
    app:post(DOWNLOADS, BOSS)
    app:post(IMAGES, BOSS)
    upstream:stop()
    assert.equal(200, app:get("/v1/applications/package/downloads/file.txt", ADA).status)
  end)

  it("may do so for what they are not entitled to, and is in the audit", function()
    assert.equal(200, app:post("/v1/admin/applications/secret/downloads/refresh", BOSS).status)
    assert.equal(404, app:post("/v1/admin/applications/nothing/downloads/refresh", BOSS).status)
    local rows = app:audit()
    assert.same({ "requested", "completed", "requested", "denied" },
      { rows[1].event, rows[2].event, rows[3].event, rows[4].event })
    assert.same({ "refresh", "boss", "secret", "downloads" },
      { rows[2].kind, rows[2].member, rows[2].application, rows[2].asset })
  end)

  it("may do so by an access token only when that is for everything", function()
    local function by(fields)
      fields.id, fields.name = "boss", "ci"
      local made = app:control("member.token.add", fields)
      assert.is_true(made.ok, made.message)
      return app:post(DOWNLOADS, { as = { "boss", made.secret } }).status
    end
    assert.equal(200, by {})
    assert.equal(404, by { applications = { "tool" } })
    assert.equal(404, by { uses = { "downloads" } })
  end)

  it("is nobody else: for others there is no such page", function()
    for _, path in ipairs { DOWNLOADS, IMAGES } do
      local other, missing = app:post(path, ADA), app:post("/v1/admin/nothing", ADA)
      assert.same({ 404, missing:json().error }, { other.status, other:json().error })
      assert.equal(401, app:post(path).status)
      assert.equal(405, app:get(path, BOSS).status)
    end
    app:get(shop.FILE .. "a", ADA)
    app:post(DOWNLOADS, ADA)
    app:get(shop.FILE .. "a", ADA)
    assert.equal(1, upstream:count(shop.UPSTREAM_FILE .. "a"))
  end)
end)
