-- What explaining leaves alone, for handlers of any kind. (The storefront's routes: examples/storefront/spec.)

local operations = require "dunite.explain.operations"
local t = require "dunite.test"
local text = require "dunite.text"

local ROUTES = [[
  local dunite, answer, errors = require "dunite", require "dunite.answer", require "dunite.errors"
  local native = require "dunite.native"
  return function(app)
    app:post("/visits", function()
      local before = dunite.records:get("shop", "visits") or "0"
      dunite.records:put("shop", "visits", tostring(before + 1))
      dunite.records:put("shop", "visits", tostring(dunite.records:get("shop", "visits") + 1))
      dunite.count "visits"
      dunite.log.warn "somebody was here"
      return answer.text(dunite.records:get("shop", "visits"), 201)
    end)
    app:delete("/visits", function()
      local was = dunite.records:delete("shop", "visits")
      return answer.text(tostring((dunite.records:get("shop", "visits"))), was and 200 or 404)
    end)
    app:get("/visits", function() return answer.text(tostring((dunite.records:get("shop", "visits")))) end)
    app:get("/report", function()
      local value = app.flights.reports:run("report", function(publish)
        publish(dunite.clock.rfc3339(dunite.clock.wall()))
        return "late"
      end)
      local both = dunite.all { function() return value end, function() return app.flights.reports:in_flight() end }
      return answer.text("", both[2][1] >= 0 and 200 or 500):header("location", both[1][1])
    end)
    app:get("/plan", function(req)
      local lease, denied = app.limits.plan:acquire(app.members:require(req))
      return lease and answer.text "" or denied
    end)
    app:post("/kept", function() return answer.text(dunite.cache:store "kept" and "" or "no", 200) end)
    app:get("/raises", function() error "a broken policy" end)
  end
]]

local DEPLOYMENT = [[
  local dunite = require "dunite"
  return dunite.deployment {
    flights = { "reports" },
    limits = { plan = { daily_cap = function(member) return member.entitlements.gold and 100 or 0 end } },
    routes = "routes",
  }
]]

describe("explaining a handler", function()
  local app
  setup(function()
    app = t.app {
      files = { ["dunite.lua"] = DEPLOYMENT, ["routes.lua"] = ROUTES }, at = "2026-01-31T12:00:00Z",
      members = { { id = "ada", entitlements = { "gold" } }, "bob" },
    }
  end)

  local function explain(method, path, more)
    local ask = { method = method, path = path }
    for key, value in pairs(more or {}) do ask[key] = value end
    return app:control("explain", ask).explanation
  end

  it("lets it see what it would have kept, and keeps nothing", function()
    assert.equal(201, explain("POST", "/visits").answer.status)
    assert.equal("nil", app:get("/visits").body)
    assert.equal(0, app:metric "dunite_script_visits_total")
    assert.same({}, app:logged "somebody was here")
    assert.equal("2", app:post("/visits").body)
    assert.equal(200, explain("DELETE", "/visits").answer.status)
    assert.equal("2", app:get("/visits").body)
    assert.equal(1, app:metric "dunite_script_visits_total")
  end)

  it("tells the lines that it would log", function()
    assert.same({ { step = "log", level = "warn", message = "somebody was here" } }, explain("POST", "/visits").steps)
  end)

  it("runs the operation of a flight by itself, at the time it explains for", function()
    local answer = explain("GET", "/report", { at = "2027-01-01T00:00:00Z" }).answer
    assert.same({ 200, "2027-01-01T00:00:00Z" }, { answer.status, answer.headers.location })
    assert.equal("2026-01-31T12:00:00Z", app:get("/report").headers.location)
  end)

  it("looks at a limit that is a function of the member", function()
    local gold, other = explain("GET", "/plan", { as = "ada" }), explain("GET", "/plan", { as = "bob" })
    assert.same({ "member", "entitlement", "limit" }, { gold.steps[1].step, gold.steps[2].step, gold.steps[3].step })
    assert.same({ 100, 200 }, { gold.steps[3].daily_cap, gold.answer.status })
    assert.same({ 0, "DailyCap", 429 }, { other.steps[3].daily_cap, other.steps[3].outcome, other.answer.status })
  end)

  it("stores nothing", function()
    local before = app:metric "dunite_cache_bytes"
    assert.equal(200, explain("POST", "/kept").answer.status)
    assert.equal(before, app:metric "dunite_cache_bytes")
  end)

  it("tells what a broken one would be answered with", function()
    local told = explain("GET", "/raises")
    assert.same({ 500, "Script" }, { told.answer.status, told.answer.problem })
    assert.matches("a broken policy", told.steps[1].message)
    assert.same({}, app:logged "a broken policy")
  end)

  it("leaves other requests alone", function()
    explain("POST", "/visits")
    local before = tonumber(app:get("/visits").body)
    assert.equal(tostring(before + 2), app:post("/visits").body)
  end)
end)

-- Every function that C gives either is told to who explains, or changes nothing and asks nobody.

local CHANGES_NOTHING = [[
  cache:peek event:close exchange:body exchange:client exchange:head exchange:header exchange:headers exchange:id
  exchange:listener exchange:member exchange:method exchange:path exchange:peer exchange:query exchange:route
  flights:in_flight flights:run keys:jwks keys:list lease:refund lease:release limiter:look limiter:name
  limiter:would members:list members:slowed native.all native.base64_decode native.base64url native.cidr_has
  native.clock.day_left_secs native.clock.mono native.clock.parse native.clock.rfc3339 native.clock.sleep
  native.clock.wall native.decide native.define native.deployment_folder native.deployment_has native.equal
  native.explain native.explains native.flights native.generations native.getenv native.health
  native.json.decode native.json.encode native.key native.limiter native.metrics native.phase native.preloaded
  native.random native.read_file native.secret native.sha256 native.standard native.standards native.upstream
  native.url_decode native.url_encode native.url_parse native.versions native.where native.worker records:keys
  source:close source:digest source:read source:size source:status upstream:kind upstream:name upstream:url
]]

describe("what C gives to scripts", function()
  local told = {}
  for _, name in ipairs(operations.names()) do told[name] = true end

  it("is told to who explains, or changes nothing", function()
    local fine, left = {}, {}
    for name in CHANGES_NOTHING:gmatch "%S+" do fine[name] = true end
    for _, file in ipairs { "native", "small", "workshop" } do
      for line in io.lines(("%s/../scripts/dunite/meta/%s.lua"):format(t.root, file)) do
        local name = line:match "^function ([%w_.:]+)%("
        local known = name and (fine[name] or told[name:gsub("^native%.", ""):gsub(":", ".")])
        if name and not known then left[#left + 1] = name end
      end
    end
    assert.same({}, left)
  end)

  it("tells what is told, and no other", function()
    local gates = {}
    for _, name in ipairs {
      "audit", "cache", "keys", "limiter", "log", "member_import", "member_save", "member_verify", "members", "metrics",
      "records", "reload", "upstream",
    } do
      local file <close> = assert(io.open(("%s/../bindings/lua_%s.c"):format(t.root, name)))
      for operation in file:read "a":gmatch 'DU_EXPLAINED%(L, "([%w.]+)"%)' do gates[operation] = true end
    end
    assert.same(operations.names(), text.keys(gates))
  end)
end)
