-- What a policy script may touch: attempts to get out, each in a handler of an engine that serves.

local t = require "dunite.test"

local app

local function settings(extra)
  return 'local dunite = require "dunite"\nreturn dunite.deployment { routes = "routes", workers = 1, ' .. extra .. " }"
end

-- The handler's body is what was posted; it answers what that gives, or what it raises.
local ROUTES = [[
local answer = require "dunite.answer"
return function(app)
  app:post("/try", function(req)
    local attempt, wrong = load(req.exchange:body(100000), "=attempt")
    if not attempt then return answer.text("does not load: " .. wrong) end
    local fine, value = pcall(attempt)
    return answer.text((fine and "gave " or "raised ") .. tostring(value))
  end)
  app:post("/run", function(req)
    return answer.text(tostring(assert(load(req.exchange:body(100000), "=attempt"))()))
  end)
  app:get("/well", function() return answer.text "well" end)
end]]

local function try(attempt) return app:post("/try", { body = attempt }).body end
local function run(attempt) return app:post("/run", { body = attempt }) end

describe("a policy script", function()
  setup(function()
    app = t.app { files = {
      ["dunite.lua"] = settings 'budget = { memory = "32MiB", instructions = 200000 }', ["routes.lua"] = ROUTES,
      ["inner.lua"] = "return { opened = true }", ["cyclic.lua"] = "return require 'other'",
      ["other.lua"] = "return require 'cyclic'", ["broken.lua"] = "return {\n  = }",
    } }
  end)

  it("finds nothing that reaches the system", function()
    for _, name in ipairs {
      "io", "package", "dofile", "loadfile", "loadstring", "os.execute", "os.exit", "os.getenv", "os.remove",
      "os.rename", "os.tmpname", "os.setlocale", "string.dump", "debug.getregistry", "debug.sethook", "debug.getlocal",
      "debug.getupvalue", "debug.setmetatable", "debug.getmetatable", "debug.upvaluejoin", "debug.getinfo",
    } do
      local global, field = name:match("^([^.]+)%.?(.*)$")
      local read = field == "" and ("return rawget(_G, %q)"):format(global) or ("return %s.%s"):format(global, field)
      assert.equal("gave nil", try(read), name)
    end
  end)

  it("cannot require a library of C, nor leave its folders", function()
    for _, name in ipairs { "posix", "cjson", "socket", "lfs", "io" } do
      assert.matches("^raised .*module '" .. name .. "' not found", try(("return require %q"):format(name)))
    end
    for _, name in ipairs { "../secret", "/etc/passwd", "a..b", "a/b", "", "inner\\0.so" } do
      assert.matches("^raised .*is no module's name", try(('return require "%s"'):format(name)), name)
    end
    assert.equal("gave true", try 'return require("inner").opened and require "os" == os')
  end)

  it("cannot load bytecode", function()
    assert.matches("only text is loaded here", try [[return load("\27Lua", "x", "b")]])
    assert.matches("^gave nil", try [[return (load("\27LuaS\0"))]])
    assert.matches("attempt to load a binary chunk", try [[return select(2, load("\27LuaS\0", "x", "bt"))]])
    assert.matches("attempt to load a binary chunk", try [[local given
      return select(2, load(function() if not given then given = true return "\27LuaS\0" end end))]])
  end)

  it("cannot change what others share: strings, globals, the engine's own", function()
    assert.equal("gave false", try 'return getmetatable("")')
    assert.matches("^raised ", try 'setmetatable("", {})')
    assert.matches("protected metatable", try "setmetatable(_G, {})")
    assert.matches("new global 'leaked'", try "leaked = 1")
    assert.matches("undefined global 'mispelt'", try "return mispelt")
    assert.equal("gave false", try 'return getmetatable(require("dunite.native").limiter "any")')
    assert.matches("^raised ", try 'require("dunite.native").limiter("any").acquire()')
  end)

  it("only counts garbage", function()
    assert.matches("^gave %d", try 'return collectgarbage "count"')
    for _, what in ipairs { "collect", "stop", "restart", "step", "incremental", "generational" } do
      assert.matches('only "count" is allowed', try(("collectgarbage %q"):format(what)))
    end
  end)

  it("sees secrets only through dunite.secret, and those do not show", function()
    assert.equal("gave nil", try "return os.getenv")
    assert.matches("^gave secret ", try [[return require("dunite").secret("PATH")]])
    assert.matches("^raised ", try [[return require("dunite").secret("PATH") .. ""]])
  end)

  it("reads no file beyond the deployment's folder", function()
    local read = [[return select(2, require("dunite.native").read_file(%q))]]
    for _, path in ipairs { "/etc/passwd", "../../etc/passwd", "a/../../b" } do
      assert.matches("not a path below", try(read:format(path)), path)
    end
  end)

  it("that loops for ever costs its own request only", function()
    for _, loop in ipairs {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "local function again() return again() end return again()",
      "coroutine.wrap(function() while true do end end)()",
      "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end",
      "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(t[1]) end",
      "table.sort({ 3, 2, 1 }, function() while true do end end)",
      "xpcall(function() while true do end end, function() while true do end end)",
      "local _ <close> = setmetatable({}, { __close = function() while true do end end }) error 'x'",
      "error(setmetatable({}, { __tostring = function() while true do end end }))",
    } do
      local answered = run(loop)
      assert.equal(500, answered.status, loop)
      assert.equal("well", app:get("/well").body)
    end
    t.until_true(function() return #app:logged "over its budget" > 0 end)
  end)

  it("that fills memory is refused it", function()
    assert.matches("the result would be over 16 MiB", try 'return ("x"):rep(1 << 30)')
    assert.matches("the result would be over 16 MiB", try 'return ("x"):rep(1 << 20, ("y"):rep(1 << 20))')
    for _, bomb in ipairs {
      "local all = {} for i = 1, 1e9 do all[i] = ('x'):rep(10000) .. i end",
      "local s = 'x' while true do s = s .. s end",
      "local s, all = ('x'):rep(1 << 20), {} for i = 1, 40 do all[i] = s end return table.concat(all)",
      "return ('x'):rep(1 << 20):gsub('x', ('y'):rep(1000))",
    } do
      assert.equal(503, run(bomb).status, bomb)
      assert.equal("well", app:get("/well").body)
    end
  end)

  it("that recurses for ever is told so", function()
    for _, deep in ipairs {
      "local function deep() return 1 + deep() end return deep()",
      "local function deep() return (pcall(deep)) and deep() end return deep()",
      "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) return t.x",
      "return (('x'):rep(300):gsub('x', '(')):match(('('):rep(300))",
      "local nested = '' for i = 1, 300 do nested = nested .. '(' end return assert(load('return ' .. nested))",
    } do
      local answered = run(deep)
      assert.is_true(answered.status == 500 or answered.status == 503, deep)
      assert.equal("well", app:get("/well").body)
    end
    assert.equal("well", app:get("/well").body)
  end)

  it("cannot take the task that serves it apart", function()
    assert.matches("^gave false", try "local co, main = coroutine.running() return coroutine.resume(co)")
    assert.matches("outside a coroutine", try "coroutine.yield(1)")
    assert.matches("^raised ", try "coroutine.close((coroutine.running()))")
  end)

  it("whose finalizer raises or waits harms nobody", function()
    run "setmetatable({}, { __gc = function() error 'in a finalizer' end }) return 1"
    run "setmetatable({}, { __gc = function() require('dunite').clock.sleep(0) end }) return 1"
    run "setmetatable({}, { __gc = function() error({}) end }) return 1"
    for _ = 1, 10 do run "local all = {} for i = 1, 20000 do all[i] = { i } end return #all" end
    assert.equal("well", app:get("/well").body)
  end)
end)

describe("a script that goes wrong", function()
  it("at its first request is a 500 with the place in the log, and no word of it in the answer", function()
    for given, said in pairs {
      ["error 'the reason'"] = "attempt:1: the reason",
      ["error('the reason', 0)"] = "the reason",
      ["local nothing return nothing.field"] = "attempt to index a nil value",
      ["error({ code = 42 })"] = "a table was raised: table: ",
      ["error(nil)"] = "a nil was raised",
      ["error(42)"] = "a number was raised: 42",
      ["error(function() end)"] = "a function was raised",
      ["error(setmetatable({}, { __tostring = error }))"] = "(its __tostring raises)",
      ["error(setmetatable({}, { __tostring = function() return 'told so' end }))"] = "told so",
      ["return coroutine.wrap(function() error 'in a coroutine' end)()"] = "in a coroutine",
      ["return require 'cyclic'"] = "module 'cyclic' requires itself: cyclic -> other -> cyclic",
      ["return require 'broken'"] = "broken.lua:2: ",
    } do
      local answered = app:post("/run", { body = given })
      assert.equal(500, answered.status, given)
      assert.not_matches("reason", answered.body)
      t.until_true(function() return #app:logged(said) > 0 end)
    end
  end)

  it("while it loads is told with its place", function()
    for given, said in pairs {
      ["return function(app) error 'at load' end"] = "routes.lua:1: at load",
      ["error({ not_a = 'text' })"] = "routes: ",
      ["error(nil)"] = "routes: ",
      ["return function(app) coroutine.wrap(function() error 'deep' end)() end"] = "routes.lua:1: deep",
      ["return require 'cyclic'"] = "requires itself: cyclic %-> cyclic",
      ["return function(app) require('dunite').clock.sleep(0) end"] = "nothing can wait while the scripts load",
      ["return function("] = "routes.lua:1: ",
    } do
      local fine, raised = pcall(t.app, { files = {
        ["dunite.lua"] = settings "", ["routes.lua"] = given, ["cyclic.lua"] = "return require 'cyclic'",
      } })
      assert.is_false(fine)
      assert.matches(said, tostring(raised), given)
    end
  end)
end)
