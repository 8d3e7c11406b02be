local shop = require "spec.support"
local t = require "dunite.test"

local native = require "dunite.native"

-- The claims of a token, as it is.
local function claims_of(token)
  local payload = token:match("^[^.]+%.([^.]+)%.")
  return native.json.decode(native.base64_decode((payload:gsub("-", "+"):gsub("_", "/"))))
end

local function granted(token)
  local names = {}
  for i, entry in ipairs(claims_of(token).access) do
    assert.same({ "repository", { "pull" } }, { entry.type, entry.actions })
    names[i] = entry.name
  end
  return names
end

describe("the token endpoint", function()
  local app
  before_each(function() app = shop.open() end)

  local function ask(query, as) return app:get("/auth/token?" .. query, { as = as or "ada" }) end

  it("gives a token under both names, with its time", function()
    local response = ask "service=storefront&scope=repository:tool:pull"
    local answer = response:json()
    assert.equal(200, response.status)
    assert.equal(answer.token, answer.access_token)
    assert.equal(900, answer.expires_in)
    assert.equal("2026-01-31T12:00:00Z", (answer.issued_at:gsub("%.%d+", "")))
    assert.same({ "tool" }, granted(answer.token))
    local claims = claims_of(answer.token)
    assert.same({ "ada", "storefront", 900 }, { claims.sub, claims.aud, claims.exp - claims.iat })
  end)

  it("handles scopes as clients send them, and grants to pull only", function()
    local answer = ask("scope=repository:tool:pull,push&scope=repository:secret:pull%20repository:nothing:pull"):json()
    assert.same({ "tool", "secret" }, granted(answer.token))
  end)

  it("grants nothing for what the member may not see, as for what is not there, and that is no error", function()
    for _, query in ipairs { "scope=repository:secret:pull", "scope=repository:nothing:pull", "scope=", "",
      "scope=repository:package:pull", "scope=repository:tool:push", "scope=nonsense" } do
      local response = ask(query, "bob")
      assert.equal(200, response.status, query)
      assert.same({}, granted(response:json().token))
    end
  end)

  it("refuses who is not known and who has a wrong password alike", function()
    local wrong, unknown = ask("", { "ada", "wrong" }), ask("", "nobody")
    assert.same({ 401, "UNAUTHORIZED" }, { wrong.status, shop.code(wrong) })
    assert.same({ wrong.status, wrong.body }, { unknown.status, unknown.body })
    assert.equal(401, app:get("/auth/token").status)
  end)

  local function form(body)
    local headers = { ["content-type"] = "application/x-www-form-urlencoded" }
    return app:post("/auth/token", { body = body, headers = headers })
  end

  it("takes a form, as containerd sends it", function()
    local answer = form("grant_type=password&client_id=containerd-client&service=storefront" ..
      "&username=ada%40example.com&password=correct+horse" ..
      "&scope=repository%3Atool%3Apull+repository%3Asecret%3Apull"):json()
    assert.same({ "tool", "secret" }, granted(answer.access_token))
    assert.equal("containerd-client", claims_of(answer.access_token).client_id)
  end)

  it("refuses a form with a wrong password, or of another grant", function()
    assert.equal(401, form("grant_type=password&username=ada@example.com&password=wrong").status)
    assert.equal(401, form("grant_type=password&username=ada@example.com%00x&password=correct+horse").status)
    assert.equal(400, form("grant_type=refresh_token&refresh_token=x").status)
  end)

  it("refuses a form that is too large", function()
    local response = form("username=ada@example.com&password=" .. ("x"):rep(70000))
    assert.same({ 413, "SIZE_INVALID" }, { response.status, shop.code(response) })
  end)

  it("denies after too many failures, says how long, and forgets them", function()
    for _ = 1, 5 do assert.equal(401, ask("", { "ada", "wrong" }).status) end
    local denied = ask("", { "ada", "wrong" })
    assert.same({ 429, "TOOMANYREQUESTS" }, { denied.status, shop.code(denied) })
    local wait = tonumber(denied.headers["retry-after"])
    assert.is_true(wait > 0 and wait <= 60)
    assert.equal(200, ask("", "bob").status)
    t.clock:advance(wait)
    assert.equal(200, ask("").status)
  end)

  it("counts a success as no failure", function()
    for _ = 1, 12 do assert.equal(200, ask("").status) end
    assert.equal(401, ask("", { "ada", "wrong" }).status)
    assert.equal(200, ask("").status)
  end)

  it("gives a member sixty a minute", function()
    for _ = 1, 60 do assert.equal(200, ask("").status) end
    local denied = ask ""
    assert.equal(429, denied.status)
    local wait = tonumber(denied.headers["retry-after"])
    assert.is_true(wait > 0 and wait <= 60)
    assert.equal(200, ask("", "bob").status)
    t.clock:advance(wait)
    assert.equal(200, ask("").status)
  end)

  it("never gives a token for less than five minutes", function()
    app = shop.open { tokens = { ttl = "10s" } }
    assert.equal(300, ask(""):json().expires_in)
  end)
end)

describe("a token", function()
  local app
  before_each(function() app = shop.open() end)

  local function ping(token) return app:get("/v2/", { bearer = token }).status end

  it("is good until it expires", function()
    local token = app:token("ada", "tool")
    assert.equal(200, ping(token))
    t.clock:advance "899s"
    assert.equal(200, ping(token))
    t.clock:advance "62s"
    assert.equal(401, ping(token))
  end)

  it("that was changed is refused", function()
    local token = app:token("ada", "tool")
    local head, payload, signature = token:match("^(.-)%.(.-)%.(.*)$")
    local other = app:token("bob", "tool"):match("^.-%.(.-)%.")
    assert.equal(401, ping(head .. "." .. other .. "." .. signature))
    assert.equal(401, ping(native.base64url('{"alg":"none","typ":"at+jwt"}') .. "." .. payload .. "."))
    assert.equal(401, ping(head .. "." .. payload))
  end)

  it("can be checked with the published keys", function()
    local configuration = app:get("/.well-known/openid-configuration"):json()
    assert.equal(app:url() .. "/.well-known/jwks.json", configuration.jwks_uri)
    assert.equal(app:url() .. "/auth/token", configuration.token_endpoint)
    local keys = app:get("/.well-known/jwks.json"):json().keys
    assert.same({ "OKP", "Ed25519" }, { keys[1].kty, keys[1].crv })
    assert.is_nil(keys[1].d)
    local header = native.json.decode(native.base64_decode((app:token("ada"):match("^[^.]+"))))
    assert.same({ "EdDSA", "at+jwt", keys[1].kid }, { header.alg, header.typ, header.kid })
    assert.equal(configuration.issuer, claims_of(app:token("ada")).iss)
  end)
end)
