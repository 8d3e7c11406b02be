local tags = require "dunite.verticals.oci.tags"

local product = {
  slug = "tool", pinned_tag = "v2",
  versions = { { tag = "v1", yanked = false }, { tag = "v0", yanked = true }, { tag = "v2", yanked = false } },
}

describe("a tag", function()
  it("is offered when it is pinned, or recorded and not yanked", function()
    assert.is_true(tags.offered(product, "v2"))
    assert.is_true(tags.offered(product, "v1"))
    assert.is_false(tags.offered(product, "v0"))
    assert.is_false(tags.offered(product, "latest"))
  end)

  it("is not offered when it can be none, whatever the catalog has", function()
    for _, wrong in ipairs { "", ".x", "-x", "a/b", "a b", "v1+2", "a:b", "é", ("x"):rep(129), "v1\r\n" } do
      local made = { pinned_tag = wrong, versions = { { tag = wrong, yanked = false } } }
      assert.is_false(tags.offered(made, wrong), wrong)
    end
    assert.is_true(tags.offered({ pinned_tag = "_1.a-B", versions = {} }, "_1.a-B"))
  end)

  it("is not offered when it is pinned and yanked", function()
    assert.is_false(tags.offered({ versions = { { tag = "v1", yanked = true } } }, "v1"))
    assert.same({}, tags.all { pinned_tag = "v1", versions = { { tag = "v1", yanked = true } } })
  end)
end)

describe("the list of tags", function()
  it("is sorted, has each once, and none that is yanked", function()
    assert.same({ "v1", "v2" }, tags.all(product))
    assert.same({}, tags.all { versions = {} })
  end)

  it("comes in pages of n, after last", function()
    local all = { "a", "b", "c" }
    assert.same({ { "a", "b" }, "b" }, { tags.page(all, 2) })
    assert.same({ { "c" } }, { tags.page(all, 2, "b") })
    assert.same({ { "a", "b", "c" } }, { tags.page(all, 3) })
    assert.same({ { "b", "c" } }, { tags.page(all, nil, "a") })
    assert.same({ { "b", "c" } }, { tags.page(all, nil, "aa") })
    assert.same({ {} }, { tags.page(all, 2, "z") })
  end)

  it("is empty for n = 0, and says of no more", function()
    assert.same({ {} }, { tags.page({ "a" }, 0) })
  end)
end)
