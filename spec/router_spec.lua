local answer = require "dunite.answer"
local errors = require "dunite.errors"
local router = require "dunite.router"

local function named(name) return function() return answer.text(name) end end

local function made(...)
  local routes = router.new()
  for _, pattern in ipairs { ... } do routes:get(pattern, named(pattern)) end
  return routes
end

local function pattern_of(routes, path, method)
  local route, params = routes:match(method or "GET", path)
  return route and route.pattern, params
end

describe("a route", function()
  it("with a static segment goes before a parameter, a parameter before a wildcard", function()
    local routes = made("/a/*rest", "/a/:b", "/a/fixed")
    assert.equal("/a/fixed", (pattern_of(routes, "/a/fixed")))
    assert.equal("/a/:b", (pattern_of(routes, "/a/other")))
    assert.equal("/a/*rest", (pattern_of(routes, "/a/other/more")))
  end)

  it("is still found when the static way leads nowhere", function()
    local routes = made("/a/fixed/x", "/a/:b/y")
    local pattern, params = pattern_of(routes, "/a/fixed/y")
    assert.equal("/a/:b/y", pattern)
    assert.same({ b = "fixed" }, params)
  end)

  it("takes parameters under their names, whatever other routes call them", function()
    local routes = made("/p/:slug/d/:asset", "/p/:slug/d/:version/:asset", "/p/:other")
    assert.same({ slug = "s", version = "v", asset = "a" }, select(2, pattern_of(routes, "/p/s/d/v/a")))
    assert.same({ slug = "s", asset = "a" }, select(2, pattern_of(routes, "/p/s/d/a")))
    assert.same({ other = "s" }, select(2, pattern_of(routes, "/p/s")))
  end)

  it("gives a wildcard the rest of the path", function()
    assert.same({ rest = "b/c/d" }, select(2, pattern_of(made "/a/*rest", "/a/b/c/d")))
  end)

  it("takes no empty parameter", function()
    assert.same("not_found", select(2, pattern_of(made "/a/:b", "/a/")))
  end)

  it("is a load error when it is there already, under whatever parameter names", function()
    local routes = made "/a/:b"
    assert.error_matches(function() routes:get("/a/:c", named "again") end,
      "GET /a/:c is already there as /a/:b %(.*router_spec%.lua:%d+%)")
  end)

  it("is a load error for a method that does not exist", function()
    local function add() router.new():add("GTE", "/", named "x") end
    assert.error_matches(add, "no method 'GTE', did you mean 'GET'%?")
  end)
end)

describe("a path", function()
  it("is decoded once, segment by segment", function()
    local routes = made "/a/:b"
    assert.same({ b = "x y%20z" }, select(2, pattern_of(routes, "/a/x%20y%2520z")))
    assert.same({ b = "ü" }, select(2, pattern_of(routes, "/a/%C3%BC")))
  end)

  it("with an encoded slash, a dot segment, a NUL or a malformed escape is refused", function()
    local routes = made("/a/:b", "/a/*rest")
    for _, path in ipairs { "/a/x%2Fy", "/a/..", "/a/%2e%2e", "/a/./b", "/a/x%00", "/a/%zz", "/a/%4" } do
      assert.equal("bad_path", select(2, routes:match("GET", path)), path)
    end
  end)

  it("may have dots at the beginning of a name", function()
    assert.same({ b = ".hidden" }, select(2, pattern_of(made "/a/:b", "/a/.hidden")))
  end)
end)

describe("a method", function()
  it("HEAD is answered by the GET route, or by one of its own", function()
    local routes = made("/a", "/b")
    routes:head("/b", named "head of b")
    assert.equal("/a", (pattern_of(routes, "/a", "HEAD")))
    assert.equal("HEAD", routes:match("HEAD", "/b").method)
    assert.equal("GET", routes:match("GET", "/b").method)
  end)

  it("that the path does not have gives those that it has", function()
    local routes = made "/a"
    routes:post("/a", named "post")
    assert.same({ "GET", "HEAD", "POST" }, select(2, routes:match("DELETE", "/a")))
    local refused = routes:refuse({ path = "/a" }, { "GET", "HEAD" })
    assert.equal(405, refused.status)
    assert.equal("GET, HEAD", refused.headers.allow)
  end)
end)

describe("a mounted router", function()
  local function refusing(name)
    local routes = made "/x"
    routes.not_found = function() return answer.text(name, 404) end
    routes.failed = function(_, problem) return answer.text(name .. " " .. problem.variant, 500) end
    return routes
  end

  it("has its routes below the prefix", function()
    local routes = router.new()
    routes:mount("/v2", made("/", "/:slug/tags"))
    assert.equal("/v2/", (pattern_of(routes, "/v2/")))
    assert.equal("/v2/:slug/tags", (pattern_of(routes, "/v2/tool/tags")))
  end)

  it("says itself how it refuses, below its prefix and nowhere else", function()
    local routes = router.new()
    routes:mount("/v2", refusing "outer")
    routes:mount("/v2/deep", refusing "inner")
    routes:mount("", made "/health")
    assert.equal("outer", routes:refuse({ path = "/v2/nothing" }, "not_found").body)
    assert.equal("inner", routes:refuse({ path = "/v2/deep/nothing" }, "not_found").body)
    assert.equal("not_found", routes:refuse({ path = "/v2x" }, "not_found").reason)
    assert.equal("outer Io", routes:fail({ path = "/v2/x" }, errors.new "Io").body)
    assert.equal(500, routes:fail({ path = "/x" }, errors.new "Io").status)
  end)
end)

describe("what a router remembers of a path", function()
  it("is forgotten when a route is added", function()
    local routes = made("/a/:b")
    assert.equal("/a/:b", (pattern_of(routes, "/a/x")))
    routes:get("/a/x", named "later")
    assert.equal("/a/x", (pattern_of(routes, "/a/x")))
  end)

  it("gives each request parameters of its own", function()
    local routes = made("/a/:b")
    local _, first = pattern_of(routes, "/a/x")
    first.b = "changed"
    assert.same({ b = "x" }, select(2, pattern_of(routes, "/a/x")))
  end)

  it("serves every method of it", function()
    local routes = made("/a/:b")
    routes:post("/a/:b", named "post")
    assert.equal("GET", routes:match("GET", "/a/x").method)
    assert.equal("POST", routes:match("POST", "/a/x").method)
    assert.same({ "GET", "HEAD", "POST" }, select(2, routes:match("PUT", "/a/x")))
  end)
end)
