local t = require "dunite.test"

local function open()
  return t.app {
    members = { { id = "ada", entitlements = { "tool" } } },
    files = {
      ["dunite.lua"] = [[
        local dunite, answer = require "dunite", require "dunite.answer"
        return dunite.deployment {
          name = "spec", limits = { few = { concurrency = 1, daily_cap = 2 } }, flights = { "work" },
          routes = "routes",
        }]],
      ["routes.lua"] = [[
        local answer = require "dunite.answer"
        return function(app)
          app:get("/me", function(req)
            local member = app.members:require(req)
            local lease, denied = app.limits.few:acquire(member)
            if not lease then return denied end
            return answer.data(member.id)
          end)
        end]],
    },
  }
end

describe("the control socket", function()
  local app
  before_each(function() app = open() end)

  local function ids()
    local list = {}
    for i, member in ipairs(app:control("member.list").members) do list[i] = member.id end
    table.sort(list)
    return list
  end

  it("adds a member, who may come in at once", function()
    local grace = { "grace@example.com", "a secret" }
    assert.equal(401, app:get("/me", { as = grace }).status)
    assert.is_true(app:control("member.add", {
      id = "grace", email = grace[1], password = grace[2], entitlements = { "tool" }, admin = true,
    }).ok)
    assert.equal("grace", app:get("/me", { as = grace }):json().data)
    assert.same({ "ada", "grace" }, ids())
    for _, member in ipairs(app:control("member.list").members) do
      if member.id == "grace" then
        assert.same({ id = "grace", email = grace[1], active = true, admin = true, entitlements = { "tool" } }, member)
      end
    end
  end)

  it("changes a password, and the old one is worth nothing at once", function()
    assert.equal(200, app:get("/me", { as = "ada" }).status)
    assert.is_true(app:control("member.passwd", { id = "ada", password = "another" }).ok)
    assert.equal(401, app:get("/me", { as = "ada" }).status)
    assert.equal(200, app:get("/me", { as = { "ada", "another" } }).status)
  end)

  it("disables and removes", function()
    app:control("member.add", { id = "grace", email = "grace@example.com", password = "a secret" })
    assert.is_true(app:control("member.disable", { id = "grace" }).ok)
    assert.equal(401, app:get("/me", { as = { "grace", "a secret" } }).status)
    assert.is_true(app:control("member.remove", { id = "grace" }).ok)
    assert.same({ "ada" }, ids())
  end)

  it("says what is wrong with a command", function()
    local function message(command, body)
      local answer = app:control(command, body)
      assert.is_false(answer.ok)
      return answer.message
    end
    local again = { id = "ada", email = "x@y.z", password = "x" }
    assert.equal("there is a member ada already", message("member.add", again))
    assert.equal("ada@example.com belongs to the member ada",
      message("member.add", { id = "grace", email = "ada@example.com", password = "x" }))
    assert.equal("email: found 'x', allowed is an address such as ada@example.com",
      message("member.add", { id = "grace", email = "x", password = "x" }))
    assert.equal("password is missing", message("member.add", { id = "grace", email = "x@y.z" }))
    assert.equal("id is missing", message("member.add", {}))
    assert.equal("id is letters, digits, '.', '_' and '-'", message("member.disable", { id = "a b" }))
    assert.equal("there is no member grace", message("member.passwd", { id = "grace", password = "x" }))
    assert.equal("no such field: emial, did you mean 'email'?", message("member.add", { id = "x", emial = "x" }))
    assert.equal("there is no such command", message "nonsense")
  end)

  it("makes a key that signs from then on, and lists them", function()
    local made = app:control("keys.new")
    assert.is_true(made.ok)
    local active = {}
    for _, key in ipairs(app:control("keys.list").keys) do
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT", key.created)
      if key.active then active[#active + 1] = key.kid end
    end
    assert.same({ made.kid }, active)
  end)

  it("retires, activates and removes keys, and reads their folder again", function()
    local first = app:control("keys.list").keys[1].kid
    local second = app:control("keys.new").kid
    local function active()
      local kids = {}
      for _, key in ipairs(app:control("keys.list").keys) do kids[key.kid] = key.active end
      return kids
    end
    assert.same({ [first] = false, [second] = true }, active())
    assert.is_true(app:control("keys.activate", { kid = first }).ok)
    assert.same({ [first] = true, [second] = false }, active())
    assert.matches("retire it first", app:control("keys.remove", { kid = first }).message)
    assert.is_true(app:control("keys.remove", { kid = second }).ok)
    assert.same({ [first] = true }, active())
    assert.is_true(app:control("keys.retire", { kid = first }).ok)
    assert.is_false(active()[first])
    os.remove(app.data_dir .. "/keys/" .. first .. ".pem")
    assert.is_false(active()[first])
    assert.is_true(app:control("keys.reload").ok)
    assert.is_nil(active()[first])
    local message = app:control("keys.retire", { kid = first }).message
    assert.equal(1, message:find("there is no key " .. first, 1, true))
    for _, kid in ipairs { "", "../../etc/passwd", first .. "x" } do
      assert.equal("there is no key " .. kid, app:control("keys.retire", { kid = kid }).message)
    end
    assert.equal("kid is missing", app:control("keys.activate").message)
  end)

  it("begins a member's day anew", function()
    assert.same({ 200, 200, 429 }, {
      app:get("/me", { as = "ada" }).status, app:get("/me", { as = "ada" }).status,
      app:get("/me", { as = "ada" }).status,
    })
    assert.same({ ok = true, member = "ada", limits = { "few" } },
      app:control("limits.reset", { member = "ada@example.com" }))
    assert.same({}, app:control("limits").limits)
    assert.equal(200, app:get("/me", { as = "ada" }).status)
    assert.equal("there is no member bob", app:control("limits.reset", { member = "bob" }).message)
  end)

  it("shows status, flights, and what members have used", function()
    local status = app:control "status"
    assert.same({ true, "spec", true, false }, { status.ok, status.name, status.ready, status.draining })
    assert.is_string(status.versions.lua)
    local names = {}
    for _, each in ipairs(app:control("flights").flights) do names[each.name] = each.in_flight end
    assert.equal(0, names.work)
    app:get("/me", { as = "ada" })
    assert.same({ { limit = "few", member = "ada", running = 0, used = 1, cap = 2, reset_in_secs = 43200 } },
      app:control("limits").limits)
  end)

  it("serves nothing else, and nobody else serves it", function()
    assert.is_false(app:control("../me").ok)
    assert.equal(404, app:post("/control/member.add", { json = { id = "x" } }).status)
  end)
end)
