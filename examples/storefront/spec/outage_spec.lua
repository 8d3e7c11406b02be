local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local ENOSPC = 28

describe("an upstream that is down", function()
  local app, upstream
  before_each(function()
    app, upstream = shop.open()
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
  end)

  it("is a 502 and Transport, never a 500 and Io", function()
    upstream:stop()
    local response = app:get(shop.FILE .. "a2", ADA)
    assert.same({ 502, "transport" }, { response.status, shop.code(response) })
  end)

  it("does not keep what is here from being served", function()
    upstream:stop()
    local response = app:get(shop.FILE .. "a", ADA)
    assert.same({ 200, "the first" }, { response.status, response.body })
    t.clock:advance "1h"
    assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
  end)

  it("leaves listings as they were known, for a day", function()
    upstream:stop()
    t.clock:advance "1h"
    assert.equal(200, app:get("/v1/applications/tool/downloads", ADA).status)
    t.clock:advance "25h"
    assert.equal(502, app:get("/v1/applications/tool/downloads", ADA).status)
  end)

  it("that refuses our credentials is a plain 502", function()
    upstream:fail(shop.UPSTREAM_FILE .. "a2", 401)
    local response = app:get(shop.FILE .. "a2", ADA)
    assert.same({ 502, "upstream" }, { response.status, shop.code(response) })
  end)
end)

describe("a disk that is full", function()
  it("is a 500 and Io, never a 502, and what is here is still served", function()
    local app = shop.open()
    assert.equal(200, app:get(shop.FILE .. "a", ADA).status)
    app:fault("blob.reserve", ENOSPC)
    local response = app:get(shop.FILE .. "a2", ADA)
    assert.same({ 500, "io" }, { response.status, shop.code(response) })
    assert.equal("the first", app:get(shop.FILE .. "a", ADA).body)
  end)

  it("in the middle of a body gives nobody a whole answer", function()
    local app = shop.open()
    app:fault("blob.write", ENOSPC, 1)
    local response, problem = app:try("GET", shop.FILE .. "big.bin", ADA)
    assert.is_true(problem ~= nil or response.status == 500)
    assert.equal(shop.BIG, t.until_true(function()
      local again = app:try("GET", shop.FILE .. "big.bin", ADA)
      return again and again.status == 200 and again.body
    end))
  end)
end)
