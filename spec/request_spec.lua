local request = require "dunite.request"

-- An exchange as C gives it.
local function exchange(given)
  local self = { headers_given = given.headers or {} }
  function self.head() return given.method or "GET", given.path or "/", "00000000000000aa", "main" end
  function self.query() return given.query or "" end
  function self.peer() return given.peer or "203.0.113.9" end
  function self.client(_, address) self.noted = address end
  function self.headers(_, name)
    local value = self.headers_given[name]
    return type(value) == "table" and value or { value }
  end
  function self.header(_, name) return self:headers(name)[1] end
  return self
end

local function ask(given, app)
  app = app or {}
  app.trusted_proxies = app.trusted_proxies or {}
  return request.new(exchange(given), app)
end

describe("the client's address", function()
  local behind = { trusted_proxies = { "10.0.0.0/8", "127.0.0.1" } }

  local function client(peer, hops)
    return ask({ peer = peer, headers = { ["x-forwarded-for"] = hops } }, behind):client()
  end

  it("is the peer's, whatever a stranger claims", function()
    assert.equal("203.0.113.9", client("203.0.113.9", "1.2.3.4"))
  end)

  it("is the rightmost hop that is no proxy of ours", function()
    assert.equal("198.51.100.7", client("127.0.0.1", "1.1.1.1, 198.51.100.7, 10.1.2.3"))
    assert.equal("198.51.100.7", client("10.9.9.9", { "1.1.1.1", "198.51.100.7" }))
  end)

  it("is the first hop when all are ours, and the proxy's when it tells none", function()
    assert.equal("10.1.1.1", client("127.0.0.1", "10.1.1.1, 10.2.2.2"))
    assert.equal("127.0.0.1", client("127.0.0.1", nil))
  end)

  it("may come through a unix socket", function()
    assert.equal("198.51.100.7", client("unix", "198.51.100.7"))
  end)

  it("is noted for the access line", function()
    local req = ask({ peer = "127.0.0.1", headers = { ["x-forwarded-for"] = "198.51.100.7" } }, behind)
    req:client()
    assert.equal("198.51.100.7", req.exchange.noted)
  end)
end)

describe("a public URL", function()
  it("is below external_url", function()
    local app = { external_url = "https://downloads.example.com" }
    assert.equal("https://downloads.example.com/x", ask({ headers = { host = "evil" } }, app):url "/x")
  end)

  it("is below what the request was sent to, where nothing else is known", function()
    assert.equal("http://127.0.0.1:8080/x", ask({ headers = { host = "127.0.0.1:8080" } }):url "/x")
  end)

  it("is https where a proxy of ours says so, and only then", function()
    local app = { trusted_proxies = { "127.0.0.1" } }
    local headers = { host = "h", ["x-forwarded-proto"] = "https" }
    assert.equal("https://h/x", ask({ peer = "127.0.0.1", headers = headers }, app):url "/x")
    assert.equal("http://h/x", ask({ headers = headers }, app):url "/x")
  end)
end)

describe("a query", function()
  it("is decoded, may repeat, may have plus signs", function()
    local req = ask { query = "scope=repository%3Aa%3Apull&scope=b+c&n=&flag&=x" }
    assert.same({ "repository:a:pull", "b c" }, req:queries "scope")
    assert.equal("", req:query "n")
    assert.equal("", req:query "flag")
    assert.is_nil(req:query "other")
  end)

  it("leaves out what is malformed", function()
    assert.is_nil(ask({ query = "a=%zz" }):query "a")
  end)
end)

describe("credentials", function()
  local function with(value) return ask { headers = { authorization = value } } end

  it("are read from Basic, where a password may hold a colon", function()
    assert.same({ "ada@example.com", "a:b" }, { with("Basic YWRhQGV4YW1wbGUuY29tOmE6Yg=="):basic() })
    assert.same({ "ada", "" }, { with("basic YWRhOg=="):basic() })
  end)

  it("are none when they are malformed", function()
    for _, wrong in ipairs { "Basic", "Basic !!!", "Basic YWRh", "Bearer YWRhOg==" } do
      assert.is_nil((with(wrong):basic()))
    end
    for _, control in ipairs { "YWRhADp4", "YWRhOngAeQ==", "YWRhCjp4" } do -- "ada\0:x", "ada:x\0y", "ada\n:x"
      assert.is_nil((with("Basic " .. control):basic()))
    end
  end)

  it("are a token from Bearer", function()
    assert.equal("aaa.b-b.c_c", with("Bearer aaa.b-b.c_c"):bearer())
    assert.is_nil(with("Bearer a b"):bearer())
  end)
end)

describe("a piece", function()
  it("is a GET with a Range, and nothing else", function()
    assert.equal("/a", ask({ path = "/a", headers = { range = "bytes=0-1" } }):piece())
    assert.is_nil(ask({ path = "/a" }):piece())
    for _, range in ipairs { "bytes=0-", "bytes=0-1,5-6", "lines", "", "bytes=" } do
      assert.is_nil(ask({ path = "/a", headers = { range = range } }):piece(), range)
    end
    for _, range in ipairs { "bytes=-5", "bytes=7-", "Bytes= 0-1" } do
      assert.equal("/a", ask({ path = "/a", headers = { range = range } }):piece(), range)
    end
    assert.is_nil(ask({ path = "/a", method = "HEAD", headers = { range = "bytes=0-1" } }):piece())
  end)
end)
