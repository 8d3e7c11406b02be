local hiding = require "dunite.check.hiding"

local function hidden(...)
  local routes = {}
  for i, given in ipairs { ... } do
    local method, pattern = given:match "^(%u+) (.*)$"
    routes[i] = { method = method, pattern = pattern, where = "routes.lua:" .. i }
  end
  return hiding.check(routes)
end

describe("a route", function()
  it("hides a wider one for another method", function()
    assert.same({
      "routes.lua:2: POST /f/index hides GET /f/:name, which is 405 there (write a GET route for it, too)",
    }, hidden("GET /f/:name", "POST /f/index"))
  end)

  it("hides nothing that has the method there, too", function()
    assert.same({}, hidden("GET /f/:name", "POST /f/index", "GET /f/index"))
    assert.same({}, hidden("HEAD /f/:name", "GET /f/index"))
    assert.same({}, hidden("GET /f/:name", "POST /f/:other"))
    assert.same({}, hidden("GET /f/:name", "POST /g/index", "POST /f/index/more", "POST /f"))
    assert.same({}, hidden("GET /*rest", "POST /f"))
  end)
end)
