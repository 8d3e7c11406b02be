-- Who got what: each download and pull is requested once and ends once.

local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local TOOL = shop.FILE

-- "event/reason" of each row, in the order of their coming.
local function events(app, digest)
  local list = {}
  for i, row in ipairs(app:audit(digest)) do list[i] = row.event .. (row.reason and "/" .. row.reason or "") end
  return list
end

describe("the audit", function()
  local app, upstream
  before_each(function() app, upstream = shop.open { limits = { downloads = { concurrency = 2, daily_cap = 3 } } } end)

  it("says who got what, when, how much and from where", function()
    local body = app:get(TOOL .. "a", ADA).body
    local rows = app:audit()
    assert.same({ "requested", "completed" }, events(app))
    local done = rows[2]
    assert.same({ "download", "ada", "password", "tool", "v1.0.0", "a" },
      { done.kind, done.member, done.credential, done.application, done.version, done.asset })
    assert.same({ #body, "127.0.0.1" }, { done.bytes, done.address })
    assert.equal(rows[1].request_id, done.request_id)
    assert.matches("^sha256:%x+$", done.digest)
  end)

  it("has the id that the answer names, and the credential", function()
    local denied = app:get(TOOL .. "nothing", { bearer = app:token("ada", "tool") })
    local rows = app:audit()
    assert.equal(denied:json().meta.request_id, rows[2].request_id)
    assert.equal("token", rows[2].credential)
  end)

  it("says why somebody was denied", function()
    app:get(TOOL .. "nothing", ADA)
    app:get("/v1/applications/secret/downloads/a", { as = "bob" })
    assert.same({ "requested", "denied/not_found", "requested", "denied/not_found" }, events(app))
    app:get("/v2/secret/manifests/v1.0.0", { bearer = app:token("bob", "tool") })
    local pull = app:audit()[6]
    assert.same({ "denied", "NAME_UNKNOWN", "pull", "secret", "v1.0.0" },
      { pull.event, pull.reason, pull.kind, pull.application, pull.version })
    for _ = 1, 4 do app:get(TOOL .. "a", { as = "bob" }) end
    local list = events(app)
    assert.equal("denied/download_daily_limit", list[#list])
    assert.equal(14, #list)
  end)

  it("says what was not sent", function()
    local etag = app:get(TOOL .. "a", ADA).headers.etag
    app:get(TOOL .. "a", { as = "ada", headers = { ["if-none-match"] = etag } })
    app:get(TOOL .. "a", { as = "ada", headers = { range = "bytes=99-" } })
    assert.same({ "requested", "completed", "requested", "completed/not_modified", "requested",
      "denied/range_not_satisfiable" }, events(app))
    assert.equal(0, app:audit()[4].bytes)
  end)

  it("says whose fault it was", function()
    upstream:fail(shop.UPSTREAM_FILE .. "a", 500)
    app:get(TOOL .. "a", ADA)
    app:fault("blob.reserve", 28)
    app:get(TOOL .. "a2", ADA)
    assert.same({ "requested", "failed_upstream/Upstream", "requested", "failed/Io" }, events(app))
  end)

  it("tells of a digest who received it, wholly or in part", function()
    app:get(TOOL .. "a", ADA)
    app:get(TOOL .. "a", { as = "bob", headers = { range = "bytes=0-2" } })
    app:get(TOOL .. "a2", { as = "bob" })
    local digest = app:audit()[2].digest
    local got = app:audit(digest)
    assert.same({ "ada", "bob" }, { got[1].member, got[2].member })
    assert.same({ 9, 3, 2 }, { got[1].bytes, got[2].bytes, #got })
  end)

  it("has a pull once, and its parts by their digests", function()
    local bearer = app:token("ada", "tool")
    local index = app:get("/v2/tool/manifests/v1.0.0", { bearer = bearer })
    local child = index:json().manifests[1].digest
    local manifest = app:get("/v2/tool/manifests/" .. child, { bearer = bearer }):json()
    local layer = manifest.layers[1].digest
    app:get("/v2/tool/blobs/" .. layer, { bearer = bearer })
    local kinds = {}
    for i, row in ipairs(app:audit()) do kinds[i] = row.kind .. " " .. row.event end
    assert.same({ "pull requested", "pull completed", "part requested", "part completed", "part requested",
      "part completed" }, kinds)
    for _, digest in ipairs { index.headers["docker-content-digest"], child, layer } do
      assert.equal(1, #app:audit(digest))
      assert.equal("ada", app:audit(digest)[1].member)
    end
  end)

  it("does not have lists, HEAD of a download, nor strangers", function()
    app:get("/v1/downloads", ADA)
    app:get("/v1/applications/tool/downloads", ADA)
    app:head(TOOL .. "a", ADA)
    app:get(TOOL .. "a")
    app:get(TOOL .. "a", { as = { "ada", "wrong" } })
    assert.same({}, app:audit())
  end)

  it("that cannot be written fails nothing", function()
    app = shop.open { limits = { downloads = { daily_cap = 1000 } } } -- counted in blocks: the second needs no write
    app:get(TOOL .. "a", ADA)
    assert.same({ "requested", "completed" }, events(app))
    app:fault("ledger.commit", 5)
    assert.equal("the first", app:get(TOOL .. "a", ADA).body)
    t.until_true(function() return #app:logged "events lost" > 0 end)
    assert.matches("\ndunite_audit_lost_total [1-9]", app:get("/metrics").body)
  end)

  it("forgets what is older than is kept", function()
    app = shop.open { audit = { keep = "90d" } }
    app:get(TOOL .. "a", ADA)
    assert.same({ "requested", "completed" }, events(app))
    t.clock:advance "91d"
    app:get(TOOL .. "a2", ADA)
    t.until_true(function() return #app:audit() == 2 end)
    assert.equal("a2", app:audit()[1].asset)
  end)
end)
