-- Whatever is sent to the registry has a defined answer, in the registry's own words.

local shop = require "spec.support"

local HEX = ("0123456789abcdef"):rep(4)

describe("the registry's bad input", function()
  local app, token
  lazy_setup(function()
    app = shop.open { tokens = { service = "host.example:5000" } }
    token = app:token("ada", "tool", "secret")
  end)

  local function refused(status, code, response, what)
    assert.same({ status, code, "registry/2.0" }, {
      response.status, shop.code(response), response.headers["docker-distribution-api-version"],
    }, what)
  end

  local function get(path) return app:get("/v2/" .. path, { bearer = token }) end

  it("of a path that is malformed is 400 NAME_INVALID", function()
    for _, path in ipairs { "tool/manifests/..", "tool/manifests/.", "../v2/tool/tags/list", "tool/manifests/a%2fb",
      "tool/manifests/%", "tool/manifests/%zz", "tool/manifests/v1%00", "tool/blobs/%2e%2e", "%2e/tags/list" } do
      refused(400, "NAME_INVALID", get(path), path)
    end
  end)

  it("of a name that is none is 404 NAME_UNKNOWN", function()
    for _, path in ipairs { "TOOL/tags/list", "tool%20/tags/list", "tool%0a/tags/list", "/tags/list", "//", "tool//",
      "acme/tool/tags/list", "tool/tags", "tool/tags/", "tool/tags/list/", "tool/tags/list/x", "tool", "tool/",
      "tool/manifests", "tool/manifests/", "tool/blobs/", "tool/referrers/", "tool/blobs/a/b", "_catalog", "token",
      "tool/blobs/uploads/", "tool/nothing/x", ("x"):rep(300) .. "/tags/list", "%ff%fe/tags/list",
      "%27;--/tags/list" } do
      refused(404, "NAME_UNKNOWN", get(path), path)
    end
  end)

  it("of a tag that is none is 404 MANIFEST_UNKNOWN", function()
    for _, tag in ipairs { ".INVALID_MANIFEST_NAME", "-x", "V1.0.0", "v1.0.0%20", "v1.0.0%0a", "latest", "sha256",
      ("x"):rep(129), "%F0%9F%92%A9", "v1.0.0@sha256" } do
      refused(404, "MANIFEST_UNKNOWN", get("tool/manifests/" .. tag), tag)
    end
  end)

  it("of a digest that we cannot verify is 400 DIGEST_INVALID", function()
    for _, digest in ipairs {
      "sha256:totallywrong", "sha256:", "sha256:" .. HEX:sub(2), "sha256:" .. HEX .. "0", "sha256:" .. HEX:upper(),
      "SHA256:" .. HEX, "sha512:" .. HEX .. HEX, "md5:d41d8cd98f00b204e9800998ecf8427e", ":", "sha256:" .. HEX .. ":",
      "sha256+b64:" .. HEX, "sha256:" .. HEX:sub(2) .. "%0a", "v1:0",
    } do
      refused(400, "DIGEST_INVALID", get("tool/manifests/" .. digest), digest)
      refused(400, "DIGEST_INVALID", get("tool/blobs/" .. digest), digest)
      refused(400, "DIGEST_INVALID", get("tool/referrers/" .. digest), digest)
    end
    for _, digest in ipairs { "latest", "sha256", HEX } do
      refused(400, "DIGEST_INVALID", get("tool/blobs/" .. digest), digest)
      refused(400, "DIGEST_INVALID", get("tool/referrers/" .. digest), digest)
    end
  end)

  it("of a method that writes, or that nobody knows, is 405 UNSUPPORTED for whoever asks", function()
    for _, method in ipairs { "PUT", "PATCH", "POST", "DELETE", "OPTIONS" } do
      for _, path in ipairs { "", "tool/manifests/v1.0.0", "tool/blobs/sha256:" .. HEX, "tool/blobs/uploads/",
        "tool/blobs/uploads/?mount=sha256:" .. HEX .. "&from=secret", "nothing/manifests/x", "tool/tags/list",
        "a/b/c/manifests/x", "tool/blobs/uploads/1?digest=sha256:" .. HEX } do
        local response = app:request(method, "/v2/" .. path, { bearer = token, body = method == "PUT" and "{}" or nil })
        refused(405, "UNSUPPORTED", response, method .. " " .. path)
        assert.equal(405, app:request(method, "/v2/" .. path).status)
      end
    end
  end)

  it("of a digest that is none is told also to who would write or delete it", function()
    for _, path in ipairs { "manifests/sha256:totallywrong", "blobs/sha512:" .. HEX } do
      refused(400, "DIGEST_INVALID", app:request("PUT", "/v2/tool/" .. path, { bearer = token, body = "x" }), path)
      refused(400, "DIGEST_INVALID", app:request("DELETE", "/v2/tool/" .. path, { bearer = token }), path)
    end
  end)

  it("of a page that is none is 400 PAGINATION_NUMBER_INVALID, and no other number is", function()
    for _, n in ipairs { "-1", "many", "", "1.5", "1e3", "0x10", "+1", "%201", ("9"):rep(30) } do
      refused(400, "PAGINATION_NUMBER_INVALID", get("tool/tags/list?n=" .. n), n)
    end
    for n, tags in pairs { ["0"] = {}, ["1"] = { "v0.9.0" }, ["007"] = { "v0.9.0", "v1.0.0" },
      ["999999999"] = { "v0.9.0", "v1.0.0" } } do
      assert.same(tags, get("tool/tags/list?n=" .. n):json().tags, n)
    end
    for last, tags in pairs { [""] = { "v0.9.0", "v1.0.0" }, ["%00"] = { "v0.9.0", "v1.0.0" },
      ["v0.9.0x"] = { "v1.0.0" }, ["%ff"] = {}, ["v1.0.0"] = {} } do
      assert.same(tags, get("tool/tags/list?last=" .. last):json().tags, last)
    end
  end)

  it("in what a client accepts changes nothing", function()
    local made = get("tool/manifests/v1.0.0").body
    for _, accept in ipairs { "", "*/*", "text/html", ";;;", ",", "application/json;q=0", ("a/b,"):rep(500), "\255" } do
      local response = app:get("/v2/tool/manifests/v1.0.0", { bearer = token, headers = { accept = accept } })
      assert.same({ 200, made }, { response.status, response.body }, accept)
    end
  end)

  it("as the body of a GET is not looked at", function()
    local path = "/v2/tool/manifests/sha256:totallywrong"
    refused(400, "DIGEST_INVALID", app:request("GET", path, { bearer = token, body = "blablabla" }))
    assert.equal(200, app:request("GET", "/v2/tool/tags/list", { bearer = token, body = ("x"):rep(5000) }).status)
  end)

  describe("in credentials", function()
    local function challenged(response, what)
      refused(401, "UNAUTHORIZED", response, what)
      assert.matches('^Bearer realm="http://127.0.0.1:%d+/auth/token",service="host.example:5000"',
        response.headers["www-authenticate"])
    end

    it("is 401 with the challenge, wherever it is", function()
      for _, path in ipairs { "", "tool/tags/list", "tool/manifests/v1.0.0", "tool/blobs/sha256:" .. HEX,
        "tool/referrers/sha256:" .. HEX, "tool/manifests/sha256:bad", "nothing/tags/list" } do
        for _, given in ipairs { "", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic", "Basic !!!",
          "Negotiate x",
          "Bearer " .. ("x"):rep(7000), "Bearer " .. token .. "x", "Bearer " .. token:sub(1, -2), "token " .. token,
          "Basic YWRh" } do
          challenged(app:get("/v2/" .. path, { headers = { authorization = given } }), path .. " " .. given:sub(1, 20))
        end
        challenged(app:get("/v2/" .. path), path)
        assert.equal(401, app:head("/v2/" .. path).status)
      end
    end)
  end)

  describe("to the token endpoint", function()
    local function access(query)
      local response = app:get("/auth/token?" .. query, { as = "ada" })
      assert.equal(200, response.status, query)
      return shop.access(response:json().token)
    end

    it("in a scope grants nothing", function()
      for _, scope in ipairs { "", "repository", "repository:tool", ":tool:pull", "repository::pull",
        "repository:tool:", "registry:catalog:*", "plugin:tool:pull", "REPOSITORY:tool:pull", "repository:tool:PULL",
        "repository:TOOL:pull",
        "repository:tool:push", "repository:other.example:5000/tool:pull", "repository:acme/tool:pull", "%00", "%ff",
        "repository:tool%00:pull", "repository:..:pull", ("repository:x:pull%20"):rep(100),
        "repository:tool:delete,push" } do
        assert.same({}, access("scope=" .. scope), scope)
      end
    end)

    it("beside a scope that is right takes nothing from it", function()
      for _, query in ipairs {
        "scope=nonsense&scope=repository:tool:pull", "scope=repository:tool:pull%20nonsense%20repository:nothing:pull",
        "scope=repository:tool:pull,push,delete", "scope=repository:tool:push,pull", "scope=repository:tool:*",
        "scope=repository:host.example:5000/tool:pull", "scope=repository(plugin):tool:pull",
        "account=someone&client_id=docker&offline_token=true&service=other&scope=repository:tool:pull",
        "scope=repository:tool:pull&scope=repository:tool:pull", "x=%zz&scope=repository:tool:pull&&=",
        "scope=%20%20repository%3Atool%3Apull%20", "scope=repository:tool:pull+repository:nothing:pull",
      } do
        assert.same({ { type = "repository", name = "tool", actions = { "pull" } } }, access(query), query)
      end
    end)

    it("in a form is refused", function()
      local function post(body, kind)
        return app:post("/auth/token", { body = body, headers = { ["content-type"] = kind } })
      end
      local form = "application/x-www-form-urlencoded"
      for _, body in ipairs { "", "grant_type=password", "grant_type=password&username=ada@example.com", "&&&", "=",
        "username=%zz&password=x", '{"username":"ada@example.com","password":"correct horse"}' } do
        refused(401, "UNAUTHORIZED", post(body, form), body)
      end
      for _, grant in ipairs { "refresh_token", "client_credentials", "authorization_code", "Password" } do
        refused(400, "UNSUPPORTED", post("grant_type=" .. grant, form), grant)
      end
    end)

    it("of another method or path is told", function()
      assert.equal(405, app:request("DELETE", "/auth/token", { as = "ada" }).status)
      assert.equal(404, app:get("/auth/nothing", { as = "ada" }).status)
    end)
  end)
end)
