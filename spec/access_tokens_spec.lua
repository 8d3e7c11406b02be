local t = require "dunite.test"

local FILES = {
  ["dunite.lua"] = [[
    local dunite = require "dunite"
    return dunite.deployment {
      name = "spec", limits = { pulls = {} }, upstreams = { forgejo = {
        kind = "forgejo", url = dunite.env "FORGEJO_BASE_URL", token = dunite.secret "FORGEJO_API_TOKEN" } },
      catalog = {
        { slug = "tool", image = { owner = "acme", name = "tool" }, pinned_tag = "v1" },
        { slug = "kit", image = { owner = "acme", name = "kit" }, pinned_tag = "v1" },
        { slug = "vault", requires_entitlement = true },
      },
      routes = "routes",
    }]],
  ["routes.lua"] = [[
    local answer, oci = require "dunite.answer", require "dunite.verticals.oci"
    return function(app)
      app:get("/who", function(req)
        local member = app.members:require(req)
        return answer.data { member.id, req.credential }
      end)
      app:get("/account", function(req) return answer.data(app.members:account(app.members:require(req, "any"))) end)
      app:get("/admin", function(req) return answer.data(app.members:require_admin(req).id) end)
      app:get("/downloads/:slug", function(req)
        local member = app.members:require(req, "downloads")
        local product, hidden = app.catalog:find(req.params.slug, member)
        return product and answer.data { member.id, req.credential } or hidden
      end)
      app:mount("/auth", oci.tokens {})
      app:mount("/v2", oci.routes { limiter = app.limits.pulls })
    end]],
}

describe("an access token", function()
  local app
  before_each(function()
    local members = { { id = "ada", entitlements = { "vault" } }, "bob" }
    app = t.app { files = FILES, upstream = t.forgejo {}, members = members }
  end)

  local function make(fields)
    local body = { id = "ada", name = "ci" }
    for key, value in pairs(fields or {}) do body[key] = value end
    local made = app:control("member.token.add", body)
    assert.is_true(made.ok, made.message)
    return made.secret, made.token
  end

  local function who(as) return app:get("/who", { as = as }) end
  local function status(path, secret, user) return app:get(path, { as = { user or "ada", secret } }).status end

  it("stands for the password, and the audit can name it", function()
    local secret, id = make()
    assert.same({ "ada", "access-token:" .. id }, who({ "ada", secret }):json().data)
    assert.same({ "ada", "password" }, who("ada"):json().data)
    local bearer = app:token { "ada", secret }
    assert.same({ "ada", "access-token:" .. id }, app:get("/who", { bearer = bearer }):json().data)
  end)

  it("is its member's, and nobody else's", function()
    local secret = make()
    assert.equal(401, status("/who", secret, "bob"))
    assert.equal(401, status("/who", secret .. "0"))
    assert.equal(401, status("/who", (secret:gsub("_%x+$", "_" .. ("0"):rep(40)))))
    assert.equal(401, status("/who", (secret:gsub("^dut_%x+", "dut_0123456789abcdef"))))
  end)

  it("that is revoked is worth nothing at the next request, nor what was had by it", function()
    local secret, id = make()
    local bearer = app:token({ "ada", secret }, "tool")
    assert.equal(200, app:get("/v2/", { bearer = bearer }).status)
    assert.is_true(app:control("member.token.revoke", { token = id }).ok)
    assert.equal(401, status("/who", secret))
    assert.equal(401, app:get("/v2/", { bearer = bearer }).status)
    assert.equal(401, app:get("/who", { bearer = bearer }).status)
    assert.same({}, app:control("member.token.list").tokens)
    assert.equal("there is no access token " .. id, app:control("member.token.revoke", { token = id }).message)
  end)

  it("ends when it was to, with what was had by it", function()
    local secret = make { expires = "10m" }
    local lasting = make { expires = "never" }
    local bearer = app:token({ "ada", secret }, "tool")
    t.clock:advance "599s"
    assert.equal(200, status("/who", secret))
    t.clock:advance "1s"
    assert.equal(401, status("/who", secret))
    assert.equal(401, app:get("/v2/", { bearer = bearer }).status)
    assert.equal(200, status("/who", lasting))
  end)

  it("of a member who is disabled or removed is worth nothing", function()
    app:control("member.add", { id = "eve", email = "eve@example.com", password = "x" })
    local secret = make { id = "eve" }
    local bearer = app:token({ "eve", secret })
    assert.is_true(app:control("member.disable", { id = "eve" }).ok)
    assert.equal(401, status("/who", secret, "eve"))
    assert.equal(401, app:get("/who", { bearer = bearer }).status)
    assert.is_true(app:control("member.enable", { id = "eve" }).ok)
    assert.equal(200, status("/who", secret, "eve"))
    app:control("member.remove", { id = "eve" })
    app:control("member.add", { id = "eve", email = "eve@example.com", password = "x" })
    assert.equal(401, status("/who", secret, "eve"))
    assert.equal(401, app:get("/who", { bearer = bearer }).status)
  end)

  it("for some applications sees no others", function()
    local secret = make { applications = { "tool", "vault" } }
    assert.equal(200, status("/downloads/tool", secret))
    assert.equal(200, status("/downloads/vault", secret))
    assert.equal(404, status("/downloads/kit", secret))
    assert.equal(404, status("/downloads/vault", (make { id = "bob", applications = { "vault" } }), "bob"))
    local bearer = app:token({ "ada", secret }, "tool", "kit")
    assert.equal(404, app:get("/downloads/kit", { bearer = bearer }).status)
    assert.equal("NAME_UNKNOWN", app:get("/v2/kit/tags/list", { bearer = bearer }):json().errors[1].code)
    assert.equal(200, app:get("/v2/tool/tags/list", { bearer = bearer }).status)
  end)

  it("for some applications opens no page that names no use, and tells of nothing else its member holds", function()
    local secret = make { applications = { "tool" } }
    assert.equal(403, status("/who", secret))
    assert.equal(403, app:get("/who", { bearer = app:token({ "ada", secret }, "tool") }).status)
    assert.same({}, app:get("/account", { as = { "ada", secret } }):json().data.entitlements)
    local both = make { applications = { "tool", "vault" } }
    assert.same({ "vault" }, app:get("/account", { as = { "ada", both } }):json().data.entitlements)
    assert.same({ "vault" }, app:get("/account", { as = { "ada", make() } }):json().data.entitlements)
  end)

  it("of an administrator opens their pages if it is for everything; else there are none", function()
    app:control("member.add", { id = "eve", email = "eve@example.com", password = "x", admin = true })
    assert.equal(200, status("/admin", (make { id = "eve" }), "eve"))
    assert.equal(404, status("/admin", (make { id = "eve", uses = { "downloads" } }), "eve"))
    assert.equal(404, status("/admin", (make { id = "eve", applications = { "tool" } }), "eve"))
    assert.equal(404, status("/admin", (make { uses = { "downloads" } })))
  end)

  it("for one use is good for that use, and for nothing that names none", function()
    local secret = make { uses = { "downloads" } }
    assert.equal(200, status("/downloads/tool", secret))
    assert.equal(403, status("/who", secret))
    local bearer = app:token({ "ada", secret }, "tool")
    local denied = app:get("/v2/tool/tags/list", { bearer = bearer })
    assert.equal(401, denied.status)
    assert.matches("insufficient_scope", denied.headers["www-authenticate"])
    local puller = make { uses = { "pulls" } }
    local refused = app:get("/downloads/tool", { as = { "ada", puller } })
    assert.same({ 403, "insufficient_scope" }, { refused.status, refused:json().error.code })
    assert.equal(200, app:get("/v2/tool/tags/list", { bearer = app:token({ "ada", puller }, "tool") }).status)
  end)

  it("is good after any number of failures", function()
    local secret = make()
    for _ = 1, 5 do assert.equal(401, who({ "ada", "wrong" }).status) end
    assert.equal(429, who("ada").status)
    assert.equal(200, status("/who", secret))
    assert.equal(200, app:get("/who", { bearer = app:token({ "ada", secret }) }).status)
  end)

  it("is listed without what is secret, with its last use", function()
    local secret, id = make { uses = { "pulls" }, applications = { "tool" }, expires = "1d" }
    local row = {
      token = id, member = "ada", name = "ci", uses = { "pulls" }, applications = { "tool" },
      created = "2026-01-31T12:00:00Z", expires = "2026-02-01T12:00:00Z", used = "never",
    }
    assert.same({ row }, app:control("member.token.list").tokens)
    t.clock:advance "1m"
    app:token { "ada", secret }
    row.used = "2026-01-31T12:01:00Z"
    assert.same({ row }, app:control("member.token.list", { id = "ada" }).tokens)
    assert.same({}, app:control("member.token.list", { id = "bob" }).tokens)
  end)

  it("outlives a restart, as does its end", function()
    local folder = t.folder()
    local options = { files = FILES, upstream = t.forgejo {}, data_dir = folder }
    app = t.app(options)
    local secret, gone = make(), select(2, make())
    app:control("member.token.revoke", { token = gone })
    app:stop()
    app = t.app(options)
    assert.equal(200, status("/who", secret))
    assert.equal(1, #app:control("member.token.list").tokens)
  end)

  it("is kept nowhere", function()
    local secret = make()
    who { "ada", secret }
    local random = secret:match("_(%x+)$")
    for _, name in ipairs { "journal.db", "journal.db-wal" } do
      local file <close> = assert(io.open(app.data_dir .. "/" .. name, "rb"))
      assert.is_nil(file:read("a"):find(random, 1, true), name)
    end
    assert.same({}, app:logged(random))
  end)

  it("is not made of what is wrong, and it is said why", function()
    local function message(fields)
      local made = app:control("member.token.add", fields)
      assert.is_false(made.ok)
      return made.message
    end
    assert.equal("there is no member eve", message { id = "eve", name = "x" })
    assert.equal("name: say what it is for, as in --name 'release job'", message { id = "ada" })
    assert.equal("for: there is no 'pull', did you mean 'pulls'? (known are downloads, pulls)",
      message { id = "ada", name = "x", uses = { "pull" } })
    assert.equal("app: there is no 'tol', did you mean 'tool'? (known are tool, kit, vault)",
      message { id = "ada", name = "x", applications = { "tol" } })
    assert.equal('expires: found "soon", allowed is a duration such as "90d" (at most 3650d), or never',
      message { id = "ada", name = "x", expires = "soon" })
    assert.equal("no such field: nam, did you mean 'name'?", message { id = "ada", nam = "x" })
    for _ = 1, 100 do make() end
    assert.equal("ada has 100 access tokens already: revoke some first", message { id = "ada", name = "x" })
  end)

  it("needs no clean text to be refused", function()
    for _, junk in ipairs { "dut_", "dut__", "dut_x_y", "dut_" .. ("a"):rep(8000) .. "_b", "dut_\0_\0", "" } do
      assert.equal(401, status("/who", junk), junk)
      t.clock:advance "61s"
    end
  end)
end)
