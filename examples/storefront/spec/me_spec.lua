local shop = require "spec.support"
local t = require "dunite.test"

local LIMITS = { downloads = { concurrency = 2, daily_cap = 3 }, pulls = { concurrency = 4, daily_cap = "unlimited" } }

local function access_token(app, fields)
  local body = { id = "ada", name = "ci" }
  for key, value in pairs(fields or {}) do body[key] = value end
  local made = app:control("member.token.add", body)
  return { "ada", made.secret }, made.token
end

describe("what members may know of themselves", function()
  it("is who they are, what they hold, and what is left today", function()
    local app = shop.open { limits = LIMITS }
    app:get(shop.FILE .. "a", { as = "ada" })
    assert.same({
      id = "ada", email = "ada@example.com", admin = false, entitlements = { "secret" },
      limits = {
        downloads = {
          concurrency = { limit = 2, running = 0 }, daily = { limit = 3, used = 1, left = 2, reset_in_secs = 43200 },
        },
        pulls = {
          concurrency = { limit = 4, running = 0 },
          daily = { limit = "unlimited", used = 0, left = "unlimited", reset_in_secs = 43200 },
        },
      },
    }, app:get("/v1/me", { as = "ada" }):json().data)
    assert.same({}, app:get("/v1/me", { as = "bob" }):json().data.entitlements)
    assert.equal(401, app:get("/v1/me").status)
  end)

  it("can be asked with any access token, and tells what that is for", function()
    local app = shop.open()
    local puller, id = access_token(app, { uses = { "pulls" }, applications = { "tool" } })
    local me = app:get("/v1/me", { as = puller }):json().data
    assert.same({ "ada", id, { "pulls" }, { "tool" } }, { me.id, me.access_token, me.uses, me.applications })
  end)
end)

describe("the RateLimit fields", function()
  local function told(response) return { response.headers["ratelimit-policy"], response.headers.ratelimit } end

  it("are with every download that is counted, and with the one that is denied", function()
    local app = shop.open { at = "2026-01-31T23:59:50Z", limits = { downloads = { daily_cap = 2 } } }
    local policy = '"downloads";q=2;w=86400'
    assert.same({ policy, '"downloads";r=1;t=10' }, told(app:get(shop.FILE .. "a", { as = "ada" })))
    assert.same({ policy, '"downloads";r=0;t=10' }, told(app:get(shop.FILE .. "a", { as = "ada" })))
    local denied = app:get(shop.FILE .. "a", { as = "ada" })
    assert.equal(429, denied.status)
    assert.same({ policy, '"downloads";r=0;t=10' }, told(denied))
    t.clock:advance "10s"
    assert.same({ policy, '"downloads";r=1;t=86400' }, told(app:get(shop.FILE .. "a", { as = "ada" })))
  end)

  it("are with a pull, and with the one that is denied, and not with the parts of an image", function()
    local app = shop.open { limits = { pulls = { daily_cap = 1 } } }
    local token = app:token("ada", "tool")
    local function manifest(reference)
      return app:get("/v2/tool/manifests/" .. reference, { bearer = token })
    end
    local pulled = manifest "v1.0.0"
    assert.equal(200, pulled.status)
    assert.same({ '"pulls";q=1;w=86400', '"pulls";r=0;t=43200' }, told(pulled))
    assert.same({}, told(manifest(pulled.headers["docker-content-digest"])))
    local denied = manifest "v1.0.0"
    assert.equal(429, denied.status)
    assert.same({ '"pulls";q=1;w=86400', '"pulls";r=0;t=43200' }, told(denied))
  end)

  it("are not there where the day is unlimited, or nothing is counted", function()
    local app = shop.open { limits = { downloads = { daily_cap = "unlimited" } } }
    assert.same({}, told(app:get(shop.FILE .. "a", { as = "ada" })))
    assert.same({}, told(app:head(shop.FILE .. "a", { as = "ada" })))
  end)
end)

describe("an access token", function()
  local app
  before_each(function() app = shop.open() end)

  local function download(as, slug)
    return app:get(("/v1/applications/%s/downloads/a"):format(slug or "tool"), { as = as }).status
  end

  it("for downloads lists and downloads, and pulls nothing", function()
    local token = access_token(app, { uses = { "downloads" } })
    assert.equal(200, download(token))
    assert.equal(200, app:get("/v1/downloads", { as = token }).status)
    assert.equal(200, app:get("/v1/applications/tool/downloads", { as = token }).status)
    assert.equal(200, app:head(shop.FILE .. "a", { as = token }).status)
    local bearer = app:token(token, "tool")
    assert.equal(401, app:get("/v2/tool/manifests/v1.0.0", { bearer = bearer }).status)
  end)

  it("for pulls pulls, and downloads nothing", function()
    local token = access_token(app, { uses = { "pulls" } })
    assert.equal(403, download(token))
    assert.equal(403, app:get("/v1/downloads", { as = token }).status)
    assert.equal(200, app:get("/v2/tool/manifests/v1.0.0", { bearer = app:token(token, "tool") }).status)
  end)

  it("for one application lists and gives that one alone", function()
    local token = access_token(app, { applications = { "secret" } })
    assert.same({ 200, 404 }, { download(token, "secret"), download(token, "tool") })
    local groups = app:get("/v1/downloads", { as = token }):json().data
    assert.same({ 1, "secret" }, { #groups, groups[1].slug or groups[1].application })
  end)
end)
