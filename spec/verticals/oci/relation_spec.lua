local native = require "dunite.native"
local relation = require "dunite.verticals.oci.relation"

local function digest(letter) return "sha256:" .. letter:rep(64) end
local index, manifest, layer, shared = digest "1", digest "2", digest "3", digest "4"

local count = 0

-- A repository of its own for each test: an index of v1 with a manifest, its layer, and a layer that v2 has too.
local function product()
  count = count + 1
  local made = {
    slug = "spec" .. count, image = { owner = "acme", name = "tool" },
    versions = { { tag = "v1", yanked = false }, { tag = "v2", yanked = false } },
  }
  assert(relation.note(made, { layer, shared }, manifest))
  assert(relation.note(made, { manifest }, index))
  assert(relation.note(made, { index }, relation.tag "v1"))
  assert(relation.note(made, { shared }, digest "5"))
  assert(relation.note(made, { digest "5" }, relation.tag "v2"))
  return made
end

local function states(made)
  return { relation.state(made, index), relation.state(made, manifest), relation.state(made, layer),
    relation.state(made, shared) }
end

describe("what belongs to a repository", function()
  it("is what a manifest that is served refers to, at any depth", function()
    assert.same({ "live", "live", "live", "live" }, states(product()))
  end)

  it("is unknown when nothing was seen to refer to it", function()
    assert.equal("unknown", relation.state(product(), digest "f"))
  end)

  it("is unknown, not refused, when what refers to it is unknown itself", function()
    local made = product()
    assert(relation.note(made, { digest "c" }, digest "d"))
    assert.equal("unknown", relation.state(made, digest "c"))
    made.versions[1].yanked = true
    assert(relation.note(made, { layer }, digest "d"))
    assert.equal("refused", relation.state(made, layer))
  end)

  it("is found out though some refer to each other, or to themselves", function()
    local made = product()
    assert(relation.note(made, { digest "a" }, digest "a"))
    assert.equal("unknown", relation.state(made, digest "a"))
    assert(relation.note(made, { digest "a" }, digest "b"))
    assert(relation.note(made, { digest "b" }, digest "a"))
    assert.equal("unknown", relation.state(made, digest "b"))
    assert(relation.note(made, { digest "b" }, manifest))
    assert.equal("live", relation.state(made, digest "a"))
    made.versions[1].yanked = true
    assert.equal("refused", relation.state(made, digest "a"))
  end)

  it("is refused when there is more above it than anybody would look through", function()
    local made = product()
    local above = {}
    for i = 1, 2001 do above[i] = ("sha256:%064x"):format(i) end
    for i = 2, #above do assert(relation.note(made, { above[i - 1] }, above[i])) end
    assert.equal("refused", relation.state(made, above[1]))
    assert.equal("unknown", relation.state(made, above[3]))
  end)

  it("is not another application's, nor that of another repository upstream", function()
    local made = product()
    assert.equal("unknown", relation.state({ slug = "other", image = made.image, versions = {} }, layer))
    made.image = { owner = "acme", name = "moved" }
    assert.equal("unknown", relation.state(made, layer))
  end)

  it("is refused once all that leads to it is yanked, and no sooner", function()
    local made = product()
    made.versions[1].yanked = true
    assert.same({ "refused", "refused", "refused", "live" }, states(made))
    made.versions[2].yanked = true
    assert.equal("refused", relation.state(made, shared))
  end)

  it("stays when its tag is no longer listed: who is in the middle of it may finish", function()
    local made = product()
    made.versions = {}
    assert.same({ "live", "live", "live", "live" }, states(made))
  end)

  it("is live when upstream has it there, and no longer than until a yank is known", function()
    local made = product()
    local asked = digest "a"
    assert(relation.note(made, { asked }, relation.UPSTREAM))
    assert.equal("live", relation.state(made, asked))
    assert(relation.note(made, { asked }, relation.tag "v1"))
    made.versions[1].yanked = true
    assert.equal("refused", relation.state(made, asked))
    assert(relation.note(made, { asked }, relation.UPSTREAM))
    assert.equal("refused", relation.state(made, asked))
  end)

  it("loses nothing to those who note at the same time", function()
    local made, notes = product(), {}
    for i = 1, 20 do
      notes[i] = function() return relation.note(made, { digest "b" }, relation.tag("t" .. i)) end
      made.versions[#made.versions + 1] = { tag = "t" .. i, yanked = i ~= 7 }
    end
    for _, outcome in ipairs(native.all(notes)) do assert.is_true(outcome[1]) end
    assert.equal("live", relation.state(made, digest "b"))
    made.versions[9].yanked = true
    assert.equal("refused", relation.state(made, digest "b"))
  end)

  it("is unknown again after it was forgotten, and others' is not", function()
    local made, other = product(), product()
    relation.forget(made.slug)
    assert.equal("unknown", relation.state(made, layer))
    assert.equal("live", relation.state(other, layer))
  end)
end)
