-- Every malformed request for a download has a defined answer, costs nothing, and harms nobody.

local native = require "dunite.native"
local shop = require "spec.support"
local t = require "dunite.test"

local FILE = shop.FILE .. "big.bin"
local SIZE = #shop.BIG

describe("a malformed", function()
  local app
  setup(function() app = shop.open { limits = { downloads = { concurrency = 9, daily_cap = 999 } } } end)

  local function asked(headers)
    local response = app:get(FILE, { as = "ada", headers = headers })
    return response.status, #response.body
  end

  it("path is 400, and one that leads nowhere 404", function()
    for path, status in pairs {
      ["%"] = 400, ["%zz"] = 400, ["%0"] = 400, ["a%00b"] = 400, ["%2F"] = 400, ["..%2f..%2fetc%2fpasswd"] = 400,
      ["%2e%2e"] = 400, [".."] = 400, ["."] = 400, ["a%0d%0aSet-Cookie:%20x"] = 404, ["%ff%fe"] = 404, ["a/b/c"] = 404,
      ["a//"] = 404, ["A"] = 404, ["a%20"] = 404, ["v1.0.0%00/a"] = 400, [("x"):rep(8000)] = 404,
    } do
      local response = app:get(shop.FILE .. path, { as = "ada" })
      assert.equal(status, response.status, path:sub(1, 40))
      assert.is_nil(response.headers["set-cookie"])
      assert.is_string(response:json().meta.request_id)
    end
    assert.equal(414, app:get(shop.FILE .. ("x"):rep(40000), { as = "ada" }).status)
    for _, slug in ipairs { "TOOL", "tool%20", "%F0%9F%92%A9", "tool;x=1", "tool@v1" } do
      assert.equal(404, app:get("/v1/applications/" .. slug .. "/downloads/a", { as = "ada" }).status, slug)
    end
  end)

  it("Range is not there", function()
    for _, range in ipairs {
      "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1", "bytes 0-1", "items=0-1", "bytes=0x0-0x1",
      "bytes=--1", "bytes=0-1;q=1",
      ("bytes=" .. ("0-1,"):rep(300) .. "0-1"), "bytes=0-0,2-3",
    } do
      local status, size = asked { range = range }
      assert.same({ 200, SIZE }, { status, size }, range:sub(1, 40))
    end
  end)

  it("Range that goes beyond is cut, or 416", function()
    for range, wanted in pairs {
      ["bytes=0-99999999999999999999"] = { 206, SIZE }, ["bytes=-99999999999999999999"] = { 206, SIZE },
      ["bytes=0-0,"] = { 206, 1 }, ["bytes=0-0"] = { 206, 1 }, ["bytes=-1"] = { 206, 1 },
      ["bytes=262143-262144"] = { 206, 1 },
    } do
      assert.same(wanted, { asked { range = range } }, range)
    end
    for _, range in ipairs { "bytes=262144-", "bytes=-0", "bytes=99999999999999999999-" } do
      assert.equal(416, (asked { range = range }), range)
    end
  end)

  it("condition is not there", function()
    for _, tag in ipairs { "", ",", "x", '"', 'W/"', "\"x", ("\"x\","):rep(1000) } do
      assert.equal(200, (asked { ["if-none-match"] = tag }), tag:sub(1, 20))
    end
    assert.equal(200, (asked { ["if-modified-since"] = "yesterday" }))
    assert.same({ 200, SIZE }, { asked { range = "bytes=0-1", ["if-range"] = "\"other\"" } })
    assert.same({ 200, SIZE }, { asked { range = "bytes=0-1", ["if-range"] = "yesterday" } })
    assert.equal(412, (asked { ["if-match"] = "\"other\"" }))
  end)

  it("Authorization is 401", function()
    local function basic(text) return "Basic " .. native.base64url(text) end
    for _, value in ipairs {
      "", "Basic", "Basic ", "Basic !!!", "Basic YQ", basic "no colon", basic ":", basic "ada:", basic ":correct horse",
      basic "ada:correct horse\0", basic "ada\0:correct horse", basic "ada:correct\nhorse", basic(("a"):rep(9000)),
      basic(("a:"):rep(4000)), "Bearer", "Bearer ", "Bearer a", "Bearer a.b.c", "Bearer " .. ("a."):rep(4000),
      "Digest username=ada", "Negotiate", "\"", "Basic " .. ("="):rep(100),
    } do
      local response = app:get(FILE, { headers = { authorization = value } })
      assert.equal(401, response.status, value:sub(1, 30))
      assert.matches("^Basic realm=", response.headers["www-authenticate"])
      t.clock:advance "61s" -- or they would be refused as too many
    end
  end)
end)
