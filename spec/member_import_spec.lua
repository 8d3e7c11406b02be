local native = require "dunite.native"
local t = require "dunite.test"

local FILES = {
  ["dunite.lua"] = [[
    return require "dunite".deployment { name = "spec", routes = "routes" }]],
  ["routes.lua"] = [[
    local answer = require "dunite.answer"
    return function(app)
      app:get("/who", function(req) return answer.data(app.members:require(req).id) end)
    end]],
}

-- Of "correct horse", by passlib and bcrypt.
local HASHES = {
  bcrypt = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
  pbkdf2 = "$pbkdf2-sha256$1000$//v/.//7//v/.//7//v/.w$WETZvs09jr05kuMXO3KkitXi6Guo7/63T7pZ40R56fU",
  django = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
}

describe("members from a file", function()
  local app
  before_each(function() app = t.app { files = FILES, members = false } end)

  local function import(csv, query)
    local response = native.spec.http {
      url = "http://control/control/member.import" .. (query or ""), method = "POST", body = csv,
      address = "unix:" .. app.data_dir .. "/control.sock",
    }
    return native.json.decode(response.body)
  end

  -- Is it still the hash that they came with?
  local function has(hash)
    return import("id,password_hash\nada," .. hash .. "\n", "?dry_run=1").unchanged == 1
  end

  for name, hash in pairs(HASHES) do
    it("sign in with a " .. name .. " hash, which is one of ours from then on", function()
      assert.equal(1, import("id,email,password_hash\nada,ada@example.com," .. hash .. "\n").added)
      assert.equal(401, app:get("/who", { as = { "ada", "wrong" } }).status)
      assert.is_true(has(hash))
      assert.equal("ada", app:get("/who", { as = "ada" }):json().data)
      t.until_true(function() return not has(hash) end)
      assert.equal("ada", app:get("/who", { as = "ada" }):json().data)
      assert.equal(401, app:get("/who", { as = { "ada", "wrong" } }).status)
    end)
  end

  it("are all there or none, and each finding has its line", function()
    local told = import "id,email\nada,ada@example.com\nbob,bob\nada,x@example.com\n"
    assert.same({
      ok = true, applied = false, added = 1, changed = 0, unchanged = 0, bad = 2,
      findings = {
        { line = 3, what = 'email: found "bob", which is no address' },
        { line = 4, what = 'id: "ada" is on line 2 already' },
      },
    }, told)
    assert.equal(0, app:control("status").members)
    assert.is_true(import("id,email\nada,ada@example.com\nbob,bob\n", "?skip_bad=1").applied)
    assert.equal(1, app:control("status").members)
  end)

  it("count at the next request, as do those that a file disables", function()
    import("id,email,password_hash\nada,ada@example.com," .. HASHES.bcrypt .. "\n")
    assert.equal(200, app:get("/who", { as = "ada" }).status)
    assert.equal(1, import("id,active\nada,no\n").changed)
    assert.equal(401, app:get("/who", { as = "ada" }).status)
  end)

  it("can be only looked at", function()
    local told = import("id,email\nada,ada@example.com\n", "?dry_run=1")
    assert.same({ false, 1 }, { told.applied, told.added })
    assert.equal(0, app:control("status").members)
  end)
end)
