-- How an app answers, seen from outside: small deployments, by HTTP.

local t = require "dunite.test"

local function app(routes, settings)
  return t.app {
    files = {
      ["dunite.lua"] = ([[
        local dunite = require "dunite"
        return dunite.deployment {
          limits = { few = { concurrency = 1, daily_cap = 2 } }, flights = { "work" },
          catalog = {}, routes = "routes", %s
        }]]):format(settings or ""),
      ["routes.lua"] = [[
        local dunite, answer, errors = require "dunite", require "dunite.answer", require "dunite.errors"
        return function(app)
          local _ = { dunite, answer, errors }
          ]] .. routes .. [[

        end]],
    },
  }
end

local function code(response) return response:json().error.code end

describe("a handler", function()
  local served
  setup(function()
    served = app [[
      app:get("/fine", function() return answer.data { hello = "world" } end)
      app:get("/raises", function() error("hunter2 is wrong") end)
      app:get("/nothing", function() end)
      app:get("/text", function() return "text" end)
      app:get("/raised", function() error(answer.not_found "It", 0) end)
      app:get("/problem", function() return errors.new("Transport", { message = "hunter2" }) end)
      app:get("/raised-problem", function() error(errors.new "Io") end)
      app:get("/endless", function() while true do end end)
      app:get("/swallows", function()
        while true do pcall(function() while true do end end) end
      end)
      local arms = { Concurrency = answer.data, DailyCap = answer.data }
      app:get("/late-matcher", function() dunite.matcher(dunite.LimitDenial)(arms) end)
      app:get("/denied", function(req)
        local lease = app.limits.few:acquire("anybody")
        local _, denied = app.limits.few:acquire("anybody")
        return denied
      end)
      app:post("/echo", function(req) return answer.json((req:form())) end)
    ]]
  end)

  it("gives data, with the request's id", function()
    local response = served:get "/fine"
    assert.equal(200, response.status)
    assert.same({ hello = "world" }, response:json().data)
    assert.matches("^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$", response:json().meta.request_id)
    assert.equal("application/json", response.headers["content-type"])
  end)

  it("that raises is a 500 that says nothing, and a line in the log that says all", function()
    local response = served:get "/raises"
    assert.same({ 500, "script" }, { response.status, code(response) })
    assert.is_nil(response.body:find("hunter2", 1, true))
    assert.matches("routes%.lua:%d+: hunter2 is wrong", served:logged("hunter2")[1])
  end)

  it("that gives no answer is a 500, and the log says where it is", function()
    assert.equal(500, served:get("/nothing").status)
    assert.equal(500, served:get("/text").status)
    assert.is_true(#served:logged "gave no answer but a nil" > 0)
  end)

  it("may raise an answer, and raise or give a problem", function()
    assert.same({ 404, "not_found" }, { served:get("/raised").status, code(served:get "/raised") })
    assert.equal(502, served:get("/problem").status)
    assert.is_nil(served:get("/problem").body:find("hunter2", 1, true))
    assert.same({ 500, "io" }, { served:get("/raised-problem").status, code(served:get "/raised-problem") })
  end)

  it("that does not end is ended, also when it catches that", function()
    assert.equal(500, served:get("/endless").status)
    assert.equal(500, served:get("/swallows").status)
    assert.equal(200, served:get("/fine").status)
  end)

  it("that takes too much memory is a 503 of its own, and the next one finds some again", function()
    local small = app([[
      app:get("/greedy", function()
        local held = {}
        for i = 1, 1000 do held[i] = ("x"):rep(1 << 20) .. i end
      end)
      app:get("/fine", function() return answer.text "fine" end)
    ]], 'budget = { memory = "32MiB" },')
    local response = small:get "/greedy"
    assert.same({ 503, "memory" }, { response.status, code(response) })
    assert.equal(200, small:get("/fine").status)
  end)

  it("may not build a matcher", function()
    assert.equal(500, served:get("/late-matcher").status)
    assert.is_true(#served:logged "put it at the top of the module" > 0)
  end)

  it("may give a denial as it is, and its lease goes back with the request", function()
    for _ = 1, 2 do
      local response = served:get "/denied"
      assert.same({ 429, "concurrency_limit" }, { response.status, code(response) })
    end
    local spent = served:get "/denied"
    assert.same({ 429, "daily_limit" }, { spent.status, code(spent) })
    assert.equal(tostring(12 * 3600), spent.headers["retry-after"])
  end)

  it("reads a form", function()
    assert.same({ a = { "1", "2" }, b = { "x y" } }, served:post("/echo", { body = "a=1&a=2&b=x+y" }):json())
  end)
end)

describe("what has no route", function()
  local served
  setup(function() served = app [[ app:get("/a/:b", function() return answer.text "b" end) ]] end)

  it("is 404, or 405 with Allow", function()
    assert.same({ 404, "not_found" }, { served:get("/b").status, code(served:get "/b") })
    local response = served:post("/a/x")
    assert.same({ 405, "GET, HEAD" }, { response.status, response.headers.allow })
  end)

  it("is 400 when the path is malformed", function()
    for _, path in ipairs { "/a/..", "/a/x%2fy", "/a/%00", "/a/%2e%2e" } do
      local response = served:get(path)
      assert.equal(400, response.status, path)
    end
  end)

  it("is not the control socket's either", function()
    assert.equal(404, served:post("/control/status", { json = {} }).status)
  end)
end)

describe("loading", function()
  local function refused(routes, settings)
    local ok, message = pcall(app, routes, settings)
    assert.is_false(ok)
    return message
  end

  it("refuses a matcher that is not total, with file and line", function()
    local message = refused [[ dunite.matcher(dunite.LimitDenial) { Concurrency = function() end } ]]
    assert.matches("routes%.lua:%d+: this matcher is not total: no arm for LimitDenial%.DailyCap", message)
  end)

  it("refuses one in a handler that did not run, and a variant that does not exist", function()
    local message = refused [[
      app:get("/x", function() return dunite.matcher(dunite.LimitDenial) { DailyCap = function() end } end)
    ]]
    assert.matches("routes%.lua:%d+: this matcher is not total: no arm for Concurrency", message)
    message = refused [[ app:get("/x", function() return dunite.LimitDenial.DailyCup end) ]]
    assert.matches("routes%.lua:%d+: LimitDenial has no variant 'DailyCup', did you mean 'DailyCap'%?", message)
  end)

  it("refuses a limit, a flight or an upstream that was not declared", function()
    local message = refused [[ local _ = app.limits.fev ]]
    assert.matches("routes%.lua:%d+: no limit 'fev' is declared, did you mean 'few'%?", message)
    assert.matches("no flight 'wrok' is declared, did you mean 'work'%?", refused [[ local _ = app.flights.wrok ]])
    assert.matches("no upstream 'x' is declared", refused [[ local _ = app.upstreams.x ]])
  end)

  it("refuses the same route twice", function()
    assert.matches("GET /x is already there as /x", refused [[
      app:get("/x", function() end)
      app:get("/x", function() end)
    ]])
  end)

  it("refuses a key that does not exist, and says where it is", function()
    assert.matches("dunite%.lua:%d+: limts: no such key, did you mean 'limits'%?", refused("", "limts = {},"))
  end)

  it("refuses members that lack something, or have something else", function()
    local function with(members)
      local ok, message = pcall(t.app, { members = false, files = {
        ["dunite.lua"] = ([[return require "dunite".deployment { members = %s, routes = "routes" }]]):format(members),
        ["routes.lua"] = "return function() end",
      } })
      assert.is_false(ok)
      return message
    end
    assert.matches("dunite%.lua: member 1%.email: is missing", with [[{ { id = "a", password_hash = "$argon2id$" } }]])
    assert.matches("member 1%.id: is missing", with [[{ { email = "a@b", password_hash = "$argon2id$" } }]])
    assert.matches("member 1%.password_hash: is missing", with [[{ { id = "a", email = "a@b" } }]])
    assert.matches("member 1%.emial: no such key, did you mean 'email'%?",
      with [[{ { id = "a", email = "a@b", emial = "", password_hash = "$argon2id$" } }]])
    assert.matches("member 1: found a number", with "{ 7 }")
    assert.matches("dunite%.lua: members are a list", with "function() return 7 end")
    assert.matches("members: module 'nobody' not found", with "'nobody'")
  end)

  it("refuses a script that waits", function()
    assert.is_string(refused [[ dunite.clock.sleep(0) ]])
  end)
end)
