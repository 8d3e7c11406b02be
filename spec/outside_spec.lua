local t = require "dunite.test"

-- A shop's own system: GET /people/NAME with what it knows, as JSON.
local PEOPLE = [[
  local native = require "dunite.native"
  return {
    { id = "ci", email = "ci@example.com", password_hash = HASH },
    keep = "30s",
    lookup = function(name, app)
      local answer, problem = app.upstreams.people:fetch { url = "/people/" .. native.url_encode(name) }
      if not answer then return nil, problem end
      return native.json.decode(answer.body)
    end,
  }]]

-- Of "correct horse".
local HASH = "$argon2id$v=19$m=8,t=1,p=1$ZHVuaXRlIHNwZWMgc2FsdA$3M/cQ1s8b8uKC9BN5J7JvJiTFa6nGfYQqPWrwGNkpmc"

local ROUTES = [[
  local answer, oci = require "dunite.answer", require "dunite.verticals.oci"
  return function(app)
    app:get("/who", function(req)
      local member = app.members:require(req)
      return answer.data { id = member.id, plan = member.plan, hash = member.password_hash,
        vault = member.entitlements.vault, cap = app.limits.few:look(member).limit }
    end)
    app:mount("/auth", oci.tokens {})
    app:mount("/v2", oci.routes { limiter = app.limits.few })
  end]]

local function settings(extra)
  return ([[
    local dunite = require "dunite"
    return dunite.deployment {
      name = "spec", routes = "routes", members = "people",
      limits = { few = { daily_cap = function(member) return member.plan == "pro" and 100 or 1 end } },
      upstreams = { people = { kind = "plain", url = dunite.env "PEOPLE", first_byte_timeout = "200ms",
        allow_private = { "127.0.0.1" } } }, %s
    }]]):format(extra or "")
end

describe("members who are kept elsewhere", function()
  local people, app

  local function open(source)
    local files = {
      ["dunite.lua"] = settings(), ["routes.lua"] = ROUTES,
      ["people.lua"] = (source or PEOPLE):gsub("HASH", ("%q"):format(HASH)),
    }
    app = t.app { files = files, members = false, env = { PEOPLE = people:url() } }
  end

  -- The shop's own system, scripted: what it says of a name, and how often it was asked.
  before_each(function()
    people = t.app {
      members = false, files = {
        ["dunite.lua"] = 'return require "dunite".deployment { routes = "routes" }',
        ["routes.lua"] = ([[
          local answer, native = require "dunite.answer", require "dunite.native"
          local told, asked, waiting = {}, {}, false
          return function(app)
            app:get("/people/:name", function(req)
              local name = req.params.name
              asked[name] = (asked[name] or 0) + 1
              while waiting do native.clock.sleep(1) end
              local row = told[name]
              if row == nil then return answer.not_found "Nobody" end
              if row.status then return answer.text("", row.status) end
              return answer.json(row)
            end)
            app:post("/tell", function(req)
              local body = native.json.decode(req.exchange:body(10000))
              told[body.name] = body.row
              return answer.text "ok"
            end)
            app:post("/wait", function(req) waiting = req.exchange:body(10) == "yes" return answer.text "ok" end)
            app:get("/asked/:name", function(req) return answer.json(asked[req.params.name] or 0) end)
          end]]),
      }, at = false,
    }
    open()
  end)

  local function tell(name, row) people:post("/tell", { json = { name = name, row = row } }) end
  local function asked(name) return people:get("/asked/" .. name):json() end
  local function who(as) return app:get("/who", { as = as }) end

  local EVE = { id = "e1", email = "eve@example.com", password_hash = HASH, plan = "pro", entitlements = { "vault" } }

  it("come in with their password, with all that is known of them but the hash", function()
    tell("eve@example.com", EVE)
    local response = who "eve"
    assert.equal(200, response.status)
    assert.same({ id = "e1", plan = "pro", vault = true, cap = 100 }, response:json().data)
    assert.equal(401, who({ "eve", "wrong" }).status)
    assert.equal(401, who("nobody").status)
    assert.equal(200, who("ci").status)
    assert.equal(0, asked "ci@example.com")
  end)

  it("are asked for once while what was said is good, and a disable counts then", function()
    tell("eve@example.com", EVE)
    for _ = 1, 3 do assert.equal(200, who("eve").status) end
    for _ = 1, 3 do assert.equal(401, who("nobody").status) end
    assert.same({ 1, 1 }, { asked "eve@example.com", asked "nobody@example.com" })
    local disabled = { active = false }
    for key, value in pairs(EVE) do disabled[key] = value end
    tell("eve@example.com", disabled)
    t.clock:advance "30s"
    assert.equal(401, who("eve").status)
    assert.equal(2, asked "eve@example.com")
  end)

  it("are asked for by one flight, however many come at once", function()
    tell("eve@example.com", EVE)
    people:post("/wait", { body = "yes" })
    local statuses = t.together {
      function() return who("eve").status end, function() return who("eve").status end,
      function()
        t.until_true(function() return asked "eve@example.com" == 1 end)
        local status = app:get("/who", { as = "ci" }).status -- and nobody else waits
        people:post("/wait", { body = "no" })
        return status
      end,
    }
    assert.same({ 200, 200, 200 }, statuses)
    assert.equal(1, asked "eve@example.com")
  end)

  it("that cannot be asked for are 502 or 504, and never a wrong password", function()
    tell("eve@example.com", { status = 500 })
    for _ = 1, 7 do assert.same({ 502, "upstream" }, { who("eve").status, who("eve"):json().error.code }) end
    assert.equal(502, app:get("/auth/token", { as = "eve" }).status)
    tell("eve@example.com", EVE)
    local token = app:token "eve"
    assert.equal(401, app:get("/v2/", { bearer = token }).status) -- of "e1" nothing is known there
    people:stop()
    t.clock:advance "31s"
    assert.same({ 502, "transport" }, { who("eve").status, who("eve"):json().error.code })
    assert.equal(502, app:get("/who", { bearer = token }).status)
    assert.equal(502, app:get("/v2/", { bearer = token }).status)
    assert.equal(200, who("ci").status)
  end)

  it("that are asked for too slowly are 504", function()
    people:post("/wait", { body = "yes" })
    local status
    t.together {
      function() status = who("eve").status end,
      function()
        t.until_true(function() return asked "eve@example.com" == 1 end)
        t.until_true(function()
          t.clock:advance "10ms"
          return status
        end)
      end,
    }
    assert.equal(504, status)
    people:post("/wait", { body = "no" })
  end)

  it("hold access tokens and bearer tokens as all do", function()
    tell("eve@example.com", EVE)
    tell("e1", EVE)
    local bearer = app:token "eve"
    assert.equal(200, app:get("/v2/", { bearer = bearer }).status)
    local made = app:control("member.token.add", { id = "e1", name = "ci" })
    assert.is_true(made.ok, made.message)
    assert.equal(200, who({ "eve", made.secret }).status)
    assert.equal(200, app:get("/who", { bearer = bearer }).status)
  end)

  it("are not asked for once there were too many failures", function()
    tell("eve@example.com", EVE)
    for i = 1, 20 do assert.equal(401, who({ "guess" .. i, "x" }).status) end
    assert.equal(429, who("another").status)
    assert.equal(0, asked "another@example.com")
  end)

  it("that are none are a script's fault, which is told", function()
    tell("eve@example.com", { id = "e1" })
    assert.equal(500, who("eve").status)
    assert.is_truthy(app:logged("members.lookup: email: is missing")[1])
    tell("eve@example.com", { id = "e1", email = "eve@example.com", password_hash = "secret" })
    assert.equal(500, who("eve").status)
    open [[return { lookup = function() error "oops" end }]]
    assert.equal(500, who("eve").status)
    open [[return { lookup = function() return "eve" end }]]
    assert.equal(500, who("eve").status)
    assert.is_truthy(app:logged("members.lookup gave a string; allowed is a member, or nil")[1])
  end)

  it("are not taken for nobody because a request of theirs was explained", function()
    tell("eve@example.com", EVE)
    open [[
      local native = require "dunite.native"
      return { lookup = function(name, app)
        local answer = app.upstreams.people:fetch { url = "/people/" .. native.url_encode(name) }
        return answer and native.json.decode(answer.body)
      end }]]
    local basic = "Authorization: Basic " .. require "dunite.native".base64url "eve@example.com:correct horse"
    local explained = app:control("explain", { method = "GET", path = "/who", headers = { basic } })
    assert.equal(401, explained.explanation.answer.status)
    assert.equal(200, who("eve").status)
  end)

  it("do not tell how far an access token reaches", function()
    for key, value in pairs { applications = { "tool" }, uses = { "downloads" }, access_token = "x" } do
      local name = key .. "@example.com"
      tell(name, { id = key, email = name, password_hash = HASH, [key] = value })
      assert.equal(500, who(key).status)
      assert.is_truthy(app:logged("members.lookup gave " .. key .. ", which tells of access tokens")[1])
    end
  end)

  it("are behind those of the ledger", function()
    tell("eve@example.com", { id = "ci", email = "eve@example.com", password_hash = HASH })
    assert.equal(401, who("eve").status)
  end)

  it("are declared well, or it is said what is wrong", function()
    local function message(source)
      local ok, raised = pcall(open, source)
      assert.is_false(ok)
      return tostring(raised)
    end
    assert.matches("members.lokup: no such key, did you mean 'lookup'?", message "return { lokup = print }", 1, true)
    assert.matches("members.lookup: found a string, allowed is a function(name, app)",
      message 'return { lookup = "x" }', 1, true)
    assert.matches('members.keep: found "soon"', message 'return { lookup = print, keep = "soon" }', 1, true)
  end)
end)
