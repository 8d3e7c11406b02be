-- What assets may be: named in any way, empty, uploaded anew, somewhere else; and what is kept of them.

local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local FREE = { downloads = { concurrency = 9, daily_cap = 999 } }
local RELEASE = "/api/v1/repos/acme/tool/releases/tags/v1.0.0"

local function metric(app, name)
  return tonumber(app:get("/metrics").body:match("\n" .. name .. " (%d+)"))
end

-- A storefront before a release of these assets.
local function open(assets, settings)
  local content = shop.content()
  content.releases["acme/tool"]["v1.0.0"] = assets
  local options = { limits = FREE, upstream = t.forgejo(content) }
  for key, value in pairs(settings or {}) do options[key] = value end
  return shop.open(options)
end

describe("an asset's name", function()
  local NAMES = {
    -- name, in a path, and what Content-Disposition makes of it
    { "with space.zip", "with%20space.zip", 'attachment; filename="with space.zip"' },
    { 'qu"ote.zip', "qu%22ote.zip", [[attachment; filename="qu_ote.zip"; filename*=UTF-8''qu%22ote.zip]] },
    { "a+b.zip", "a+b.zip", [[attachment; filename="a_b.zip"; filename*=UTF-8''a%2Bb.zip]] },
    { "a+b.zip", "a%2Bb.zip", [[attachment; filename="a_b.zip"; filename*=UTF-8''a%2Bb.zip]] },
    { "Übung.zip", "%C3%9Cbung.zip", [[attachment; filename="__bung.zip"; filename*=UTF-8''%C3%9Cbung.zip]] },
    { "50%.zip", "50%25.zip", [[attachment; filename="50_.zip"; filename*=UTF-8''50%25.zip]] },
    { "semi;'.zip", "semi;'.zip", [[attachment; filename="semi__.zip"; filename*=UTF-8''semi%3B%27.zip]] },
    { "-rf", "-rf", 'attachment; filename="-rf"' },
  }
  local app
  setup(function()
    local assets = {}
    for _, each in ipairs(NAMES) do assets[each[1]] = "I am " .. each[1] end
    app = open(assets)
  end)

  it("may have spaces, quotes, plus signs, percent signs and letters of any language", function()
    for _, each in ipairs(NAMES) do
      local response = app:get(shop.FILE .. each[2], ADA)
      assert.same({ 200, "I am " .. each[1], each[3] },
        { response.status, response.body, response.headers["content-disposition"] })
    end
  end)

  it("is listed as it is, with a URL that leads to it", function()
    local list = app:get("/v1/applications/tool/downloads", ADA):json().data
    assert.equal(#NAMES - 1, #list)
    for _, asset in ipairs(list) do
      assert.equal("I am " .. asset.name, app:get(asset.url:sub(#app:url() + 1), ADA).body)
    end
  end)
end)

describe("an asset's size", function()
  local app
  setup(function() app = open { empty = "", one = "1" } end)

  it("may be nothing", function()
    local response = app:get(shop.FILE .. "empty", ADA)
    assert.same({ 200, "", "0" }, { response.status, response.body, response.headers["content-length"] })
    assert.equal("0", app:head(shop.FILE .. "empty", ADA).headers["content-length"])
    assert.equal(416, app:get(shop.FILE .. "empty", { as = "ada", headers = { range = "bytes=0-" } }).status)
  end)

  it("may be one byte", function()
    assert.equal("1", app:get(shop.FILE .. "one", ADA).body)
    assert.equal("1", app:get(shop.FILE .. "one", { as = "ada", headers = { range = "bytes=0-0" } }).body)
  end)
end)

describe("a release without assets", function()
  it("is an empty list, not an empty object", function()
    local app = open { a = "x" }
    local upstream_app = t.app {
      files = {
        ["dunite.lua"] = 'return require("dunite").deployment { name = "empty", routes = "routes" }',
        ["routes.lua"] = [[
          local answer = require "dunite.answer"
          return function(app)
            app:get("/api/v1/repos/acme/:repo/releases/tags/v1.0.0", function()
              return answer.new(200, '{"assets":[]}', "application/json")
            end)
          end]],
      },
      members = false,
    }
    app:stop()
    app = shop.open { upstream = upstream_app }
    assert.matches('^{"data":%[%],', app:get("/v1/applications/tool/downloads", ADA).body)
    assert.matches('"assets":%[%],"available":true', app:get("/v1/downloads", ADA).body)
  end)

  it("nor is the page of somebody who may see nothing", function()
    local app = shop.open { catalog = { shop.catalog[2] } }
    assert.matches('^{"data":%[%],', app:get("/v1/downloads", { as = "bob" }).body)
  end)
end)

describe("an asset that was uploaded anew", function()
  it("is another one once the list is asked for again, and the old file goes", function()
    local app, upstream = open { a = "the old one" }
    local before = app:get(shop.FILE .. "a", ADA)
    upstream:write("releases/acme/tool/v1.0.0/a", "the new one!")
    assert.equal("the old one", app:get(shop.FILE .. "a", ADA).body)
    t.clock:advance "301s"
    local after = app:get(shop.FILE .. "a", ADA)
    assert.equal("the new one!", after.body)
    assert.not_equal(before.headers.etag, after.headers.etag)
    t.until_true(function() return metric(app, "dunite_cache_blobs") == 1 end)
    assert.equal(12, metric(app, "dunite_cache_bytes"))
    local stale = { as = "ada", headers = { ["if-none-match"] = before.headers.etag } }
    assert.equal(200, app:get(shop.FILE .. "a", stale).status)
    local piece = { as = "ada", headers = { range = "bytes=0-2", ["if-range"] = before.headers.etag } }
    assert.equal(200, app:get(shop.FILE .. "a", piece).status)
  end)

  it("keeps the file that another asset has, too", function()
    local app, upstream = open { a = "shared", b = "shared" }
    app:get(shop.FILE .. "a", ADA)
    app:get(shop.FILE .. "b", ADA)
    assert.equal(1, metric(app, "dunite_cache_blobs"))
    upstream:write("releases/acme/tool/v1.0.0/a", "mine alone")
    t.clock:advance "301s"
    assert.equal("mine alone", app:get(shop.FILE .. "a", ADA).body)
    upstream:stop()
    assert.equal("shared", app:get(shop.FILE .. "b", ADA).body)
  end)
end)

describe("an asset's validator", function()
  it("stays over restarts, evictions and refreshed lists", function()
    local data_dir = t.folder()
    local app, upstream = open({ a = "x" }, { data_dir = data_dir })
    local etag = app:get(shop.FILE .. "a", ADA).headers.etag
    t.clock:advance "301s"
    assert.equal(etag, app:head(shop.FILE .. "a", ADA).headers.etag)
    app:stop()
    app = shop.open { upstream = upstream, data_dir = data_dir, limits = FREE }
    assert.equal(etag, app:get(shop.FILE .. "a", ADA).headers.etag)
    assert.equal(304, app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = etag } }).status)
  end)

  it("is strong, and differs from file to file", function()
    local app = open { a = "same", b = "same" }
    local a, b = app:get(shop.FILE .. "a", ADA).headers.etag, app:get(shop.FILE .. "b", ADA).headers.etag
    assert.matches('^"%x+"$', a)
    assert.not_equal(a, b)
  end)
end)

describe("an external asset", function()
  -- Somebody else's server; it tells what it was asked with.
  local function elsewhere()
    return t.app {
      files = {
        ["dunite.lua"] = 'return require("dunite").deployment { name = "cdn", routes = "routes" }',
        ["routes.lua"] = [[
          local answer = require "dunite.answer"
          return function(app)
            app:get("/file", function(req)
              return answer.text("asked with " .. (req:header "authorization" or "nothing"))
            end)
            app:get("/scheme", function() return answer.new(302, ""):header("location", "file:///etc/passwd") end)
            app:get("/ftp", function() return answer.new(302, ""):header("location", "ftp://127.0.0.1/x") end)
          end]],
      },
      members = false,
    }
  end

  local function external(path, allow)
    local cdn = elsewhere()
    local app = open({ ["x.external"] = cdn:url() .. path }, { env = { UPSTREAM_ALLOW_PRIVATE = allow } })
    return app:get(shop.FILE .. "x", ADA)
  end

  it("comes without our credentials", function()
    assert.equal("asked with nothing", external("/file", "127.0.0.0/8").body)
  end)

  it("does not come from a private address, unless that is configured", function()
    local response = external("/file", nil)
    assert.same({ 502, "invalid_url" }, { response.status, shop.code(response) })
  end)

  it("does not come by another scheme", function()
    for _, path in ipairs { "/scheme", "/ftp" } do
      local response = external(path, "127.0.0.0/8")
      assert.same({ 502, "invalid_url" }, { response.status, shop.code(response) }, path)
    end
    local app = open { ["x.external"] = "file:///etc/passwd" }
    assert.equal(502, app:get(shop.FILE .. "x", ADA).status)
  end)
end)

describe("the order of the answers", function()
  it("is: who, may they, is it here already, how much, what is there", function()
    local app, upstream = open({ a = "x" }, { limits = { downloads = { concurrency = 0, daily_cap = 0 } } })
    upstream:stop()
    assert.equal(401, app:get(shop.FILE .. "a").status)
    assert.equal(404, app:get("/v1/applications/secret/downloads/a", { as = "bob" }).status)
    local denied = app:get(shop.FILE .. "a", ADA)
    assert.same({ 429, "download_concurrency_limit" }, { denied.status, shop.code(denied) })
    assert.equal(429, app:get(shop.FILE .. "nothing", ADA).status)
    assert.equal(502, app:head(shop.FILE .. "a", ADA).status)
  end)

  it("has a 304 before the limiter", function()
    local data_dir = t.folder()
    local app, upstream = open({ a = "x" }, { data_dir = data_dir })
    local etag = app:get(shop.FILE .. "a", ADA).headers.etag
    app:stop()
    app = shop.open { upstream = upstream, data_dir = data_dir, limits = { downloads = { concurrency = 0 } } }
    local asked = upstream:count(RELEASE)
    for _, tag in ipairs { etag, "*", '"x", ' .. etag, "W/" .. etag } do
      assert.equal(304, app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = tag } }).status, tag)
    end
    assert.equal(asked, upstream:count(RELEASE))
    assert.equal(429, app:get(shop.FILE .. "a", { as = "ada", headers = { ["if-none-match"] = '"y"' } }).status)
  end)
end)

describe("a page of all downloads", function()
  it("does not wait long for an upstream that does not answer", function()
    local slow = t.app {
      files = {
        ["dunite.lua"] = [[return require("dunite").deployment {
          name = "slow", limits = { never = { concurrency = 1 } }, routes = "routes",
        }]],
        ["routes.lua"] = [[
          local answer = require "dunite.answer"
          local asked = false
          return function(app)
            app:get("/asked", function() return answer.text(tostring(asked)) end)
            app:get("/api/v1/repos/acme/tool/releases/tags/v1.0.0", function()
              asked = true
              app.limits.never:acquire "anybody"
              app.limits.never:acquire("anybody", { wait = "1d" })
              return answer.text "too late"
            end)
            app:get("/api/v1/packages/acme/generic/package/2.0/files", function()
              return answer.new(200, "[]", "application/json")
            end)
          end]],
      },
      members = false,
    }
    local app = shop.open { upstream = slow }
    local response = t.together {
      function() return app:get("/v1/downloads", { as = "bob" }) end,
      function()
        t.until_true(function() return slow:get("/asked").body == "true" end)
        t.clock:advance "10s"
      end,
    }[1]
    local groups = response:json().data
    assert.same({ false, true }, { groups[1].available, groups[2].available })
  end)
end)
