local scope = require "dunite.verticals.oci.scope"

local function granted(fields, may_pull)
  local names = {}
  local access = scope.grant(scope.list(fields), "host:5000", may_pull or function() return true end)
  for i, entry in ipairs(access) do
    assert.same({ "pull" }, entry.actions)
    names[i] = entry.name
  end
  return names
end

describe("a scope", function()
  it("has a type, a name, and actions", function()
    assert.same({ type = "repository", name = "tool", actions = { "pull", "push" } },
      scope.parse "repository:tool:pull,push")
  end)

  it("may have a port's colon in its name", function()
    assert.same({ type = "repository", name = "host:5000/acme/app", actions = { "pull" } },
      scope.parse "repository:host:5000/acme/app:pull")
  end)

  it("may have a class after its type, and no actions", function()
    assert.same({ type = "repository", name = "a", actions = { "pull" } }, scope.parse "repository(plugin):a:pull")
    assert.same({ type = "repository", name = "a", actions = {} }, scope.parse "repository:a:")
  end)

  it("is none without name or actions", function()
    for _, wrong in ipairs { "", "repository", "repository:a", "repository:host:5000/app", ":a:pull", "*" } do
      assert.is_nil(scope.parse(wrong), wrong)
    end
  end)
end)

describe("what is asked for", function()
  it("may come in several fields, and several in one", function()
    assert.same({ "a", "b", "c" }, granted { "repository:a:pull repository:b:pull", "repository:c:pull" })
  end)

  it("may be nothing, as at a login", function()
    assert.same({}, granted {})
    assert.same({}, granted { "" })
  end)

  it("is granted to pull only, once each", function()
    assert.same({ "a", "d" }, granted {
      "repository:a:pull,push", "repository:b:push", "repository:c:delete", "repository:d:*", "repository:a:pull",
      "registry:catalog:*",
    })
  end)

  it("is not granted where the member may not pull, and that is no error", function()
    assert.same({ "b" }, granted({ "repository:a:pull repository:b:pull" }, function(name) return name == "b" end))
  end)

  it("may have our own host before the name", function()
    assert.same({ "app" }, granted { "repository:host:5000/app:pull" })
    assert.same({ "other:5000/app" }, granted { "repository:other:5000/app:pull" })
  end)
end)

describe("a token's access", function()
  it("covers what it names, to pull", function()
    local access = scope.grant(scope.list { "repository:a:pull" }, "h", function() return true end)
    assert.is_true(scope.covers(access, "a"))
    assert.is_false(scope.covers(access, "b"))
    assert.is_false(scope.covers({ { type = "repository", name = "a", actions = { "push" } } }, "a"))
    assert.is_false(scope.covers(nil, "a"))
  end)
end)
