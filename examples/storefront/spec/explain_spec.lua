-- `dunite explain`: what it tells is what then happens, and it leaves nothing behind.

local support = require "spec.support"

local DOWNLOAD = "/v1/applications/tool/downloads/a"

local function explain(app, method, path, more)
  local ask = { method = method, path = path }
  for key, value in pairs(more or {}) do ask[key] = value end
  local answer = app:control("explain", ask)
  assert(answer.ok, answer.message)
  return answer.explanation, answer.text
end

local function steps(explanation, kind)
  local found = {}
  for _, step in ipairs(explanation.steps) do
    if step.step == kind then found[#found + 1] = step end
  end
  return found
end

-- All that counts something, but for the requests on the control socket themselves.
local function counters(app)
  local lines = {}
  for line in app:get("/metrics").body:gmatch("[^\n]+") do
    local counts = line:find "^dunite_%w*limit" or line:find "^dunite_%w*cache" or line:find "^dunite_%w*upstream"
      or line:find "^dunite_%w*fill" or line:find "^dunite_%w*audit" or line:find "^dunite_%w*script"
    if counts then lines[#lines + 1] = line end
  end
  assert.is_true(#lines > 5)
  return { lines, app:control("limits").limits }
end

describe("explaining", function()
  local double, app
  setup(function()
    app, double = support.open { at = "2026-01-31T12:00:00Z" }
  end)

  it("tells what a cold download would do, and does none of it", function()
    local before = counters(app)
    local told, text = explain(app, "GET", DOWNLOAD, { as = "ada" })
    assert.equal("/v1/applications/:slug/downloads/:asset", told.route.pattern)
    assert.matches("storefront/routes%.lua:%d+$", told.route.where)
    assert.same({ slug = "tool", asset = "a" }, told.route.params)
    local member = { step = "member", id = "ada", email = "ada@example.com", credential = "token" }
    assert.same({ member }, steps(told, "member"))
    local limit = steps(told, "limit")[1]
    assert.same({ "downloads", "granted", 0, 2, 0, 50 },
      { limit.limit, limit.outcome, limit.running, limit.concurrency, limit.used, limit.daily_cap })
    local asked = steps(told, "upstream")[1]
    assert.equal(double:url() .. "/api/v1/repos/acme/tool/releases/tags/v1.0.0", asked.url)
    assert.same({ 200, true }, { told.answer.status, told.answer.assumed })
    assert.matches("\n  limit        downloads: granted; 0 of 2 at once, 0 of 50 today, the day ends in 12h00m\n", text)
    assert.same(before, counters(app))
    assert.equal(0, double:count "/api/v1/repos/acme/tool/releases/tags/v1.0.0")
  end)

  it("tells what is used, left and cached once it happened", function()
    assert.equal(200, app:get(DOWNLOAD, { as = "ada" }).status)
    local before = counters(app)
    local told = explain(app, "GET", DOWNLOAD, { as = "ada" })
    local limit, cache = steps(told, "limit")[1], steps(told, "cache")[1]
    assert.same({ 1, 49 }, { limit.used, limit.left })
    assert.same({ "asset/tool/v1.0.0/a", "hit" }, { cache.entry, cache.status })
    assert.same({}, steps(told, "upstream"))
    assert.same({ 200, false }, { told.answer.status, told.answer.assumed })
    assert.same(before, counters(app))
  end)

  it("counts ranges and conditions in", function()
    local tag = app:head(DOWNLOAD, { as = "ada" }).headers.etag
    local function status(header)
      return explain(app, "GET", DOWNLOAD, { as = "ada", headers = { header } }).answer.status
    end
    assert.same({ 206, 416, 304 }, { status "Range: bytes=0-1", status "Range: bytes=9999999-",
      status("If-None-Match: " .. tag) })
  end)

  it("tells which entitlement decided", function()
    local held, missing = explain(app, "GET", "/v1/applications/secret/downloads/a", { as = "ada" }),
      explain(app, "GET", "/v1/applications/secret/downloads/a", { as = "bob" })
    assert.same({ { step = "entitlement", name = "secret", held = true } }, steps(held, "entitlement"))
    assert.same({ { step = "entitlement", name = "secret", held = false } }, steps(missing, "entitlement"))
    assert.equal(404, missing.answer.status)
    assert.equal(app:get("/v1/applications/secret/downloads/a", { as = "bob" }).status, missing.answer.status)
  end)

  it("explains for another day", function()
    local told = explain(app, "GET", DOWNLOAD, { as = "ada", at = "2026-02-01T23:59:50Z" })
    local limit = steps(told, "limit")[1]
    assert.same({ 0, 10, "2026-02-01T23:59:50Z" }, { limit.used, limit.reset_in_secs, told.at })
  end)

  it("says whose answer it would be", function()
    assert.equal(401, explain(app, "GET", DOWNLOAD).answer.status)
    local none = explain(app, "GET", "/nowhere")
    assert.same({ "not_found", 404 }, { none.no_route, none.answer.status })
    local wrong, text = explain(app, "DELETE", DOWNLOAD)
    assert.same({ { "GET", "HEAD" }, 405 }, { wrong.no_route, wrong.answer.status })
    assert.matches("none for this method; there are GET, HEAD", text)
  end)

  it("says what is wrong with the asking", function()
    local function message(ask) return app:control("explain", ask).message end
    assert.equal("there is no member 'adda', did you mean 'ada'?", message { method = "GET", path = "/", as = "adda" })
    assert.equal("PATH begins with '/'", message { method = "GET", path = "x" })
    assert.equal("METHOD: found 'get', allowed is GET, HEAD, POST, …", message { method = "get", path = "/" })
    assert.equal("--at: found 'noon', allowed is a time such as 2026-01-31T23:59:50Z",
      message { method = "GET", path = "/", at = "noon" })
    assert.equal("-H: found 'x', allowed is 'Name: value'", message { method = "GET", path = "/", headers = { "x" } })
    assert.equal("no such field: az, did you mean 'as'?", message { method = "GET", path = "/", az = "x" })
  end)
end)

describe("explaining a denial", function()
  it("tells it, and why", function()
    local app = support.open { limits = { downloads = { daily_cap = 1 } }, at = "2026-01-31T23:00:00Z" }
    assert.equal(200, app:get(DOWNLOAD, { as = "ada" }).status)
    local told = explain(app, "GET", DOWNLOAD, { as = "ada" })
    assert.same({ "DailyCap", 0, 3600 }, { steps(told, "limit")[1].outcome, steps(told, "limit")[1].left,
      steps(told, "limit")[1].reset_in_secs })
    assert.same({ 429, "download_daily_limit", "3600" },
      { told.answer.status, told.answer.reason, told.answer.headers["retry-after"] })
    local real = app:get(DOWNLOAD, { as = "ada" })
    assert.same({ 429, "3600" }, { real.status, real.headers["retry-after"] })
    assert.equal(200, app:get(DOWNLOAD, { as = "bob" }).status)
  end)
end)

describe("explaining an image", function()
  it("asks as its clients do, and knows what is held", function()
    local app, double = support.open()
    local tag = "/v2/tool/manifests/v1.0.0"
    local cold = explain(app, "GET", tag, { as = "ada" })
    assert.same({ 200, true }, { cold.answer.status, cold.answer.assumed })
    assert.equal(double:url() .. "/v2/acme/tool/manifests/v1.0.0", steps(cold, "upstream")[1].url)
    assert.equal("pulls", steps(cold, "limit")[1].limit)
    local pulled = app:get(tag, { bearer = app:token("ada", "tool") })
    assert.equal(200, pulled.status)
    local warm = explain(app, "GET", tag, { as = "ada" })
    assert.same({ 200, false, 1 }, { warm.answer.status, warm.answer.assumed, steps(warm, "limit")[1].used })
    local digest = pulled.headers["docker-content-digest"]
    local by_digest = explain(app, "GET", "/v2/tool/manifests/" .. digest, { as = "ada" })
    assert.is_nil(steps(by_digest, "limit")[1].used)
    assert.same({ 200, "hit" }, { by_digest.answer.status, steps(by_digest, "cache")[1].status })
    assert.equal(401, explain(app, "GET", tag).answer.status)
    assert.equal("password", steps(explain(app, "GET", "/auth/token?scope=repository:tool:pull", { as = "ada" }),
      "member")[1].credential)
  end)
end)
