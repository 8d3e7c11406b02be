-- What the environment makes of the storefront: each variable does what configure.md says, and without it the default.

local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local RELEASE = "/api/v1/repos/acme/tool/releases/tags/v1.0.0"
local MANIFEST = "/v2/acme/tool/manifests/v1.0.0"

local function with(env, settings)
  local options = { env = env }
  for key, value in pairs(settings or {}) do options[key] = value end
  return shop.open(options)
end

local function write(name, text)
  local path = t.folder() .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

-- What a limit would say, without being asked.
local function limit_of(app, path)
  for _, step in ipairs(app:control("explain", { method = "GET", path = path, as = "ada" }).explanation.steps) do
    if step.step == "limit" then return { step.limit, step.concurrency, step.daily_cap } end
  end
end

local function pull(app) return app:get("/v2/tool/manifests/v1.0.0", { bearer = app:token("ada", "tool") }) end

describe("limits", function()
  it("are 2 at once and 50 a day, of downloads and of pulls", function()
    local app = with {}
    assert.same({ "downloads", 2, 50 }, limit_of(app, shop.FILE .. "a"))
    assert.same({ "pulls", 2, 50 }, limit_of(app, "/v2/tool/manifests/v1.0.0"))
  end)

  it("are those of the environment", function()
    local app = with {
      DOWNLOAD_CONCURRENCY_PER_USER = 5, DOWNLOAD_DAILY_LIMIT_PER_USER = 6,
      OCI_CONCURRENT_MANIFESTS_PER_USER = 7, OCI_PULLS_PER_USER_PER_DAY = 8,
    }
    assert.same({ "downloads", 5, 6 }, limit_of(app, shop.FILE .. "a"))
    assert.same({ "pulls", 7, 8 }, limit_of(app, "/v2/tool/manifests/v1.0.0"))
  end)
end)

describe("what upstream said", function()
  local function asked_again(env, after, path, ask)
    local app, upstream = with(env)
    ask(app)
    t.clock:advance(after - 1)
    ask(app)
    local early = upstream:count(path)
    t.clock:advance(1)
    ask(app)
    return { early, upstream:count(path) }
  end
  local function list(app) assert.equal(200, app:get("/v1/applications/tool/downloads", ADA).status) end
  local function image(app) assert.equal(200, pull(app).status) end

  it("is believed for 300 seconds", function()
    assert.same({ 1, 2 }, asked_again({}, 300, RELEASE, list))
    assert.same({ 1, 2 }, asked_again({}, 300, MANIFEST, image))
  end)

  it("is believed for as long as the environment says", function()
    assert.same({ 1, 2 }, asked_again({ RELEASE_CACHE_TTL_SECS = 7 }, 7, RELEASE, list))
    assert.same({ 1, 2 }, asked_again({ MANIFEST_CACHE_TTL_SECS = 9 }, 9, MANIFEST, image))
  end)
end)

describe("the cache", function()
  it("is as large as the environment says", function()
    local app, upstream = with { CACHE_MAX_BYTES = 15 }
    for _ = 1, 2 do
      assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
      assert.equal("the second", app:get(shop.FILE .. "a2", ADA).body)
    end
    assert.equal(2, upstream:count(shop.UPSTREAM_FILE .. "a"))
  end)
end)

describe("tokens", function()
  local function token(app, service)
    return app:get("/auth/token?service=" .. service .. "&scope=repository:tool:pull", ADA):json()
  end
  local function challenge(app) return app:get("/v2/").headers["www-authenticate"] end

  it("are good for 900 seconds, of a service called as the storefront is", function()
    local app = with {}
    assert.equal(900, token(app, "storefront").expires_in)
    assert.equal(('Bearer realm="%s/auth/token",service="storefront"'):format(app:url()), challenge(app))
  end)

  it("are as the environment says", function()
    local app = with {
      OCI_TOKEN_TTL_SECS = 600, OCI_REGISTRY_SERVICE = "the-registry", OCI_REGISTRY_REALM = "https://sign.example/in",
    }
    assert.equal(600, token(app, "the-registry").expires_in)
    assert.equal('Bearer realm="https://sign.example/in",service="the-registry"', challenge(app))
  end)
end)

describe("the public URL and the proxies", function()
  it("are those of the environment", function()
    local app = with {
      DUNITE_EXTERNAL_URL = "https://downloads.example.com", DUNITE_TRUSTED_PROXIES = "127.0.0.1, 10.0.0.0/8",
    }
    local forwarded = { ["x-forwarded-for"] = "192.0.2.66, 198.51.100.7, 10.1.2.3", ["x-forwarded-proto"] = "https" }
    local list = app:get("/v1/applications/tool/downloads", { as = "ada", headers = forwarded }):json().data
    assert.matches("^https://downloads%.example%.com/v1/applications/tool/downloads/", list[1].url)
    assert.matches('realm="https://downloads.example.com/auth/token",service="downloads.example.com"',
      app:get("/v2/").headers["www-authenticate"], 1, true)
    app:get(shop.FILE .. "a", { as = "ada", headers = forwarded })
    assert.equal("198.51.100.7", app:audit()[2].address)
  end)

  it("are nobody's word without it", function()
    local app = with {}
    local forwarded = { ["x-forwarded-for"] = "192.0.2.66", ["x-forwarded-proto"] = "https" }
    local list = app:get("/v1/applications/tool/downloads", { as = "ada", headers = forwarded }):json().data
    assert.equal(app:url(), list[1].url:match("^http://[^/]+"))
    app:get(shop.FILE .. "a", { as = "ada", headers = forwarded })
    assert.equal("127.0.0.1", app:audit()[2].address)
  end)
end)

describe("where it listens and keeps things", function()
  local function workers_of(app)
    return select(2, app:get("/metrics").body:gsub("\ndunite_lua_bytes{", ""))
  end

  it("is as the environment says", function()
    local folder = t.folder()
    local app = with({
      DUNITE_LISTEN = "127.0.0.1:0, unix:" .. folder .. "/sock", DUNITE_ADMIN_LISTEN = "unix:" .. folder .. "/admin",
      DUNITE_DATA_DIR = folder .. "/store", DUNITE_WORKERS = 3,
    }, { listen = false, workers = false, data_dir = false })
    assert.not_equal("http://127.0.0.1:8080", app:url())
    assert.equal("the first", app:get(shop.FILE .. "a", { as = "ada", over = "unix:" .. folder .. "/sock" }).body)
    assert.equal(200, app:get("/healthz", { over = "unix:" .. folder .. "/admin" }).status)
    assert.equal(404, app:get("/v1/downloads", { over = "unix:" .. folder .. "/admin" }).status)
    assert.equal(3, workers_of(app))
    assert(io.open(folder .. "/store/journal.db")):close()
  end)

  it("is a worker for each core, where it does not say", function()
    local cores = 0
    for line in io.lines "/proc/cpuinfo" do cores = cores + (line:find "^processor" and 1 or 0) end
    assert.equal(cores, workers_of(with({}, { workers = false })))
  end)
end)

describe("the catalog", function()
  it("is catalog.lua, with one tool", function()
    local app = t.app { upstream = t.forgejo(shop.content()) }
    local groups = app:get("/v1/downloads", ADA):json().data
    assert.same({ "tool", "Tool", "v1.0.0" }, { groups[1].slug, groups[1].name, groups[1].version })
    assert.is_nil(groups[2])
    assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
    assert.equal(200, pull(app).status)
  end)

  it("is the file that the environment names", function()
    local path = write("shop.lua", [[return { { slug = "other", pinned_release = "v1.0.0",
      source = { kind = "release", owner = "acme", repo = "tool" } } }]])
    local app = t.app { upstream = t.forgejo(shop.content()), env = { STOREFRONT_CATALOG = path } }
    assert.equal("the first", app:get("/v1/applications/other/downloads/a", ADA).body)
    assert.equal(404, app:get(shop.FILE .. "a", ADA).status)
  end)
end)

describe("members of a file", function()
  it("are let in where the environment names it", function()
    local path = write("people.lua", [[return { { id = "eve", email = "eve@example.com", password_hash =
      "$argon2id$v=19$m=8,t=1,p=1$ZHVuaXRlIHNwZWMgc2FsdA$3M/cQ1s8b8uKC9BN5J7JvJiTFa6nGfYQqPWrwGNkpmc" } }]])
    local upstream = t.forgejo(shop.content())
    local app = t.app { upstream = upstream, members = false, env = { STOREFRONT_MEMBERS = path } }
    assert.equal(200, app:get(shop.FILE .. "a", { as = "eve" }).status)
    assert.equal(401, t.app({ upstream = upstream, members = false }):get(shop.FILE .. "a", { as = "eve" }).status)
  end)
end)

describe("an upstream for images alone", function()
  local TOKEN = "another-token"
  local function images(env)
    local registry = t.forgejo { images = shop.content().images, token = TOKEN }
    local all = { OCI_UPSTREAM_URL = registry:url() }
    for name, value in pairs(env) do all[name] = value end
    local app, forgejo = with(all)
    local status = pull(app).status
    return { status, registry:count(MANIFEST) > 0, forgejo:count(MANIFEST), registry:count("/v2/token") > 0 }
  end
  local function elsewhere(status, token) return { status, true, 0, token } end

  it("is a registry, with a token, or a name and a password", function()
    assert.same(elsewhere(200, true), images { OCI_UPSTREAM_TOKEN = TOKEN })
    assert.same(elsewhere(200, true), images { OCI_UPSTREAM_USERNAME = "reader", OCI_UPSTREAM_PASSWORD = TOKEN })
    assert.same(elsewhere(502, true), images { OCI_UPSTREAM_USERNAME = "reader", OCI_UPSTREAM_PASSWORD = "wrong" })
  end)

  it("may be a Forgejo, which is not asked for a token first", function()
    assert.same(elsewhere(200, false), images { OCI_UPSTREAM_KIND = "forgejo", OCI_UPSTREAM_TOKEN = TOKEN })
  end)

  -- A registry whose tokens come from somewhere else, and only for a reader's password.
  local function behind_a_token_server(env)
    local function serve(routes)
      return t.app {
        files = {
          ["dunite.lua"] = 'return require("dunite").deployment { name = "part", routes = "routes" }',
          ["routes.lua"] = 'local answer = require "dunite.answer"\nreturn function(app)\n' .. routes .. "\nend",
        },
        members = false,
      }
    end
    local tokens = serve [[app:get("/token", function(req)
      local user, password = req:basic()
      return user == "reader" and password == "secret" and answer.json { token = "good" } or answer.text("no", 401)
    end)]]
    local registry = serve(([[app:get("/v2/acme/tool/manifests/v1.0.0", function(req)
      if req:bearer() == "good" then
        return answer.new(200, '{"schemaVersion":2,"layers":[]}', "application/vnd.oci.image.manifest.v1+json")
      end
      return answer.text("", 401):header("www-authenticate", 'Bearer realm="%s/token",service="r"')
    end)]]):format(tokens:url()))
    local all = {
      OCI_UPSTREAM_URL = registry:url(), OCI_UPSTREAM_USERNAME = "reader", OCI_UPSTREAM_PASSWORD = "secret",
      UPSTREAM_ALLOW_PRIVATE = "127.0.0.0/8", OCI_UPSTREAM_CREDENTIAL_HOSTS = env and tokens:url():match("//(.*)"),
    }
    return pull((with(all))).status
  end

  it("shows its credentials to a token server that the environment names, and to no other", function()
    assert.equal(200, behind_a_token_server(true))
    assert.equal(502, behind_a_token_server(nil))
  end)
end)
