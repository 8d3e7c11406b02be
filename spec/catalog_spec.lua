local catalog = require "dunite.catalog"
local errors = require "dunite.errors"

local function made(entries)
  local findings = {}
  return catalog.new(entries, findings, "catalog.lua"), findings
end

local release = { kind = "release", owner = "acme", repo = "tool" }

describe("a catalog", function()
  local apps = made {
    { slug = "open", source = release, pinned_release = "v1" },
    { slug = "closed", requires_entitlement = true, source = release, pinned_release = "v1" },
  }

  it("hides what a member holds no entitlement for, exactly as what is not there", function()
    local bob, ada = { entitlements = {} }, { entitlements = { closed = true } }
    local product, hidden = apps:find("closed", bob)
    local _, missing = apps:find("nothing", bob)
    assert.is_nil(product)
    assert.equal(missing.variant, hidden.variant)
    assert.is_true(errors.is(hidden, "NotFound"))
    assert.equal("closed", apps:find("closed", ada).slug)
    assert.equal("open", apps:find("open", bob).slug)
  end)

  it("lists what a member can see, in its order", function()
    local function slugs(member)
      local list = {}
      for i, product in ipairs(apps:visible(member)) do list[i] = product.slug end
      return list
    end
    assert.same({ "open" }, slugs { entitlements = {} })
    assert.same({ "open", "closed" }, slugs { entitlements = { closed = true } })
  end)

  it("names only upstreams that are declared", function()
    local findings = {}
    local source = { kind = "release", owner = "acme", repo = "tool", upstream = "forgjo" }
    local image = { owner = "acme", name = "tool", upstream = "forgejo" }
    catalog.new({ { slug = "a", source = source, image = image } }, findings, "catalog.lua", { forgejo = {} })
    assert.equal(1, #findings)
    assert.matches("catalog.lua: application 1.source.upstream: no upstream 'forgjo' is declared", findings[1], 1, true)
    assert.matches("forgejo", findings[1], 1, true)
  end)

  it("has a version once, so that no yank is forgotten", function()
    local _, findings = made { { slug = "a", versions = { { tag = "v1" }, { tag = "v1", yanked = true } } } }
    assert.same({ "catalog.lua: application 1.versions[2].tag: v1 is there already" }, findings)
  end)

  it("is a list, not a table by name", function()
    assert.same({ "catalog.lua: a catalog is a list of applications" }, select(2, made { tool = { slug = "tool" } }))
    assert.same({}, select(2, made {}))
  end)

  it("calls an application by its slug when it has no name", function()
    assert.equal("open", apps.by_slug.open.name)
  end)

  it("names everything that is wrong with it", function()
    local _, findings = made {
      { slug = "Tool" }, { slug = "a", source = { kind = "release", owner = "x" } }, { slug = "a" }, "text",
      { slug = "b", pined_release = "v1" },
    }
    local all = table.concat(findings, "\n")
    assert.matches('application 1%.slug: found "Tool", allowed is small letters', all)
    assert.matches("application 2%.source%.repo: is missing %(a release has one%)", all)
    assert.matches("application 3%.slug: a is there already", all)
    assert.matches("application 4: found string, allowed is a table", all)
    assert.matches("application 5%.pined_release: no such key, did you mean 'pinned_release'%?", all)
  end)

  it("says of a source of no kind only that", function()
    local findings = {}
    catalog.new({ { slug = "a", source = { kind = "relase", owner = "x" } } }, findings, "catalog.lua")
    assert.equal(1, #findings)
    assert.matches("source.kind: found \"relase\", allowed is one of release, generic_package", findings[1], 1, true)
  end)

  it("is a list", function()
    assert.same({ "catalog.lua: a catalog is a list of applications" }, select(2, made "x"))
  end)
end)

describe("a version", function()
  local product = { versions = { { tag = "v1", yanked = false }, { tag = "v0", yanked = true } } }

  it("is offered when it is pinned or recorded, and never when it is yanked", function()
    assert.is_true(catalog.offers(product, "v2", "v2"))
    assert.is_true(catalog.offers(product, "v1", "v2"))
    assert.is_false(catalog.offers(product, "v0", "v0"))
    assert.is_false(catalog.offers(product, "v9", "v2"))
    assert.is_false(catalog.offers(product, "v9", nil))
  end)
end)
