-- The manual is true: its blocks run, and its tables are those of the code.
--
-- What stands behind a block's fence says what it is: docs/README.md. Each "lua settings", "lua app" and "lua NAME.lua"
-- starts a deployment with the page's blocks so far, or, with "refused", does not, for the reasons that the next "text"
-- block gives. "http" is asked of the deployment that runs.

local native = require "dunite.native"
local deployment = require "dunite.deployment"
local text = require "dunite.text"
local t = require "dunite.test"

local pages = dofile(t.root .. "/docs/pages.lua")
local DOCS = t.root .. "/../docs"

-- A Forgejo, who is there, and what is offered: what README.md of the pages says.

local CONTENT = {
  releases = {
    ["acme/tool"] = { ["v1.0.0"] = { ["tool.zip"] = ("tool"):rep(256) }, ["v0.9.0"] = { ["tool.zip"] = "old" } },
    ["acme/vault"] = { ["v1.0.0"] = { ["vault.zip"] = "vault" } },
  },
  packages = { ["acme/kit"] = { ["2.0"] = { ["kit.txt"] = "kit" } } },
  images = { ["acme/tool"] = { ["v1.0.0"] = { amd64 = { "one", "two" }, arm64 = { "one", "three" } } } },
}

-- What a deployment of these pages has, where a block does not say.
local USUAL = {
  routes = [[ routes = "routes", ]],
  flights = [[ flights = { "reports" }, ]],
  limits = [[
    limits = { downloads = { concurrency = 2, daily_cap = 50 }, pulls = { concurrency = 2, daily_cap = 50 } },
  ]],
  upstreams = [[
    upstreams = {
      forgejo = { kind = "forgejo", url = dunite.env "FORGEJO_BASE_URL", token = dunite.secret "FORGEJO_API_TOKEN" },
    },
  ]],
  catalog = [[
    catalog = {
      {
        slug = "tool", source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0",
        image = { owner = "acme", name = "tool" }, pinned_tag = "v1.0.0", versions = { { tag = "v0.9.0" } },
      },
      { slug = "kit", source = { kind = "generic_package", owner = "acme", package = "kit" }, pinned_release = "2.0" },
      {
        slug = "vault", requires_entitlement = true, pinned_release = "v1.0.0",
        source = { kind = "release", owner = "acme", repo = "vault" },
      },
    },
  ]],
}

local MEMBERS = { { id = "ada", entitlements = { "vault" } }, "bob" }

local function settings(given)
  local lines = { 'local dunite = require "dunite"', "return dunite.deployment {", given }
  for key, usual in pairs(USUAL) do
    if not given:find("%f[%w_]" .. key .. "%s*=") then lines[#lines + 1] = usual end
  end
  return table.concat(lines, "\n") .. "\n}"
end

local PRELUDE = [[
  local dunite, answer, errors = require "dunite", require "dunite.answer", require "dunite.errors"
  local download, oci = require "dunite.verticals.download", require "dunite.verticals.oci"
  local health, oidc = require "dunite.health", require "dunite.verticals.oidc"
  local _ = { dunite, answer, errors, download, oci, health, oidc }
  return function(app)
]]

-- Blocks ------------------------------------------------------------------------------------------------

local upstream, running, files

local function add(block)
  local what = block.what:gsub("%s*refused$", "")
  if what == "settings" then
    files["dunite.lua"] = settings(block.text)
  elseif what == "app" then
    files["routes.lua"] = PRELUDE .. block.text .. "\nend"
  else
    files[what] = block.text
  end
end

local function start()
  upstream = upstream or t.forgejo(CONTENT)
  if running then running:stop() end
  running = nil
  local own = files["dunite.lua"]:find "%f[%w_]members%s*="
  running = t.app { files = files, upstream = upstream, members = not own and MEMBERS }
end

local function is_deployment(block)
  local what = block.what
  return block.kind == "lua" and (what:find "^settings" or what:find "^app" or what:find "^%S+%.lua") and true or false
end

local function starts(block)
  add(block)
  if block.what:find "%.lua$" and not files["dunite.lua"] then files["dunite.lua"] = settings "" end
  if files["routes.lua"] then start() end
end

-- Without the settings that t.app puts over the deployment's own. It never comes to listening.
local function is_refused(block, reasons)
  local kept = files
  files = {}
  for name, content in pairs(kept) do files[name] = content end
  add(block)
  local folder = native.spec.temp()
  local ok, message = pcall(native.spec.engine, {
    files = files, overrides = native.json.encode { data_dir = folder },
    env = { FORGEJO_BASE_URL = "http://127.0.0.1:1", FORGEJO_API_TOKEN = "secret" },
  })
  files = kept
  native.spec.remove(folder)
  assert.is_false(ok)
  for line in reasons.text:gmatch("[^\n]+") do
    assert.is_truthy(tostring(message):find(line, 1, true), ("no '%s' in:\n%s"):format(line, tostring(message)))
  end
end

-- "as ada": by password; "with ada's token for tool": by a token of the registry's.
local function options_of(words)
  local options = { headers = {} }
  options.as = words:match("^as (%w+)")
  local member, repository = words:match("^with (%w+)'s token for (%w+)")
  if member then options.bearer = running:token(member, repository) end
  for name, value in words:gmatch("%[([%w-]+): ([^%]]+)%]") do options.headers[name] = value end
  options.body, options.headers.body = options.headers.body, nil
  return options
end

-- The deployment's clock stands; here it goes on as long as the answer is not there.
local function while_time_goes_on(ask)
  local response
  t.together {
    function() response = ask() or false end,
    function()
      while response == nil do
        native.clock.sleep(0)
        t.clock:advance "10ms"
      end
    end,
  }
  return response
end

-- What stands for a digest: {index}, {amd64} (a manifest), {layer}.
local function digest_of(name)
  local image = upstream.images["acme/tool"]["v1.0.0"]
  if name == "index" then return image.digest end
  return name == "layer" and image.platforms.amd64.layers[1] or image.platforms[name].digest
end

local function asks(line, moving)
  local method, path, words, status, part = line:match("^(%u+) (%S+)%s?(.-)%s%s+(%d%d%d)%s*(.*)$")
  assert(method, "no request: " .. line)
  path = path:gsub("{(%w+)}", digest_of)
  local function ask() return running:request(method, path, options_of(words)) end
  local response = moving and while_time_goes_on(ask) or ask()
  assert.equal(tonumber(status), response.status, line .. "\n" .. tostring(response.body))
  local name, value = part:match("^%[([%w-]+): (.-)%]?$")
  local there = name and (response.headers[name:lower()] or "") or response.body
  assert.is_truthy(there:find(value or part, 1, true), line .. "\n" .. there)
end

local function ask_all(block)
  if not running then start() end
  for line in block.text:gmatch("[^\n]+") do asks(line, block.what == "moving") end
end

local KINDS = {
  lua = true, http = true, text = true, sh = true, ini = true, nginx = true, caddy = true, console = true, json = true,
  python = true,
}

-- The pages on the verticals ask the storefront; all others bring routes of their own.
local function usual_routes(page)
  if page ~= "downloads" and page ~= "images" then return PRELUDE .. "end" end
  local file <close> = assert(io.open(t.root .. "/../examples/storefront/routes.lua"))
  return file:read "a"
end

for _, page in ipairs(pages.NAMES) do
  describe("docs/" .. page .. ".md", function()
    local blocks = pages.blocks(DOCS, page)
    setup(function()
      files = { ["dunite.lua"] = settings "", ["routes.lua"] = usual_routes(page) }
    end)
    teardown(function()
      if running then running:stop() end
      running = nil
    end)

    it("says of every block what it is", function()
      for _, block in ipairs(blocks) do
        assert.is_true(KINDS[block.kind] == true, ("line %d: '%s'"):format(block.line, block.kind))
        local known = block.kind ~= "lua" or is_deployment(block) or block.what == "spec"
        assert.is_true(known, ("line %d: lua '%s'"):format(block.line, block.what))
      end
    end)

    for i, block in ipairs(blocks) do
      local where = ("line %d, %s %s: "):format(block.line, block.kind, block.what)
      if block.what:find "refused$" then
        it(where .. "is refused", function() is_refused(block, blocks[i + 1]) end)
      elseif is_deployment(block) then
        it(where .. "is served", function() starts(block) end)
      elseif block.kind == "http" then
        it(where .. "is answered so", function() ask_all(block) end)
      elseif block.what == "spec" then
        assert(load(block.text, ("@docs/%s.md"):format(page), "t", _ENV))()
      end
    end
  end)
end

describe("README.md", function()
  it("leads with routes that do what they say", function()
    local block = pages.blocks(t.root .. "/..", "README")[1]
    assert.equal("lua", block.kind)
    files = { ["dunite.lua"] = settings "", ["routes.lua"] = block.text }
    start()
    assert.equal(200, running:get("/tool/tool.zip", { as = "ada" }).status)
    assert.equal(401, running:get("/tool/tool.zip").status)
    assert.equal(404, running:get("/vault/vault.zip", { as = "bob" }).status)
    running:stop()
    running = nil
  end)
end)

-- Tables -------------------------------------------------------------------------------------------------

local function set_of(list)
  local set = {}
  for _, each in ipairs(list) do set[each] = true end
  return text.keys(set)
end

describe("the links of the pages", function()
  local function exists(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
  end

  it("lead somewhere", function()
    for _, page in ipairs(pages.NAMES) do
      local all = table.concat(pages.lines(DOCS, page), "\n")
      for target in all:gmatch("%]%(([^)#]+)[^)]*%)") do
        assert.is_true(target:find "^https?:" ~= nil or exists(DOCS .. "/" .. target), page .. ": " .. target)
      end
    end
  end)
end)

describe("the keys of configure.md", function()
  local check = require "dunite.schema".check

  -- What the schema says is allowed, in the words of its message.
  local function type_of(field)
    if field.type == "list" then return "a list; each " .. type_of(field.of) end
    if field.type == "table" or field.type == "map" then return "a table" end
    if field.type == "string" then return "a string" end
    local findings = {}
    check({ key = false }, { key = { type = field.type, one_of = field.one_of, min = field.min, max = field.max } },
      findings, "")
    return (findings[1] or ""):match("allowed is (.*)$") or "true or false"
  end

  local function default_of(field)
    if field.required then return "required" end
    local value = field.default
    if type(value) == "table" then return #value > 0 and table.concat(value, ", ") or nil end
    return value
  end

  local function gather(fields, prefix, into)
    for _, name in ipairs(text.keys(fields)) do
      local field, key = fields[name], prefix .. name
      into[key] = { type = type_of(field), default = default_of(field), of = field.type }
      if field.type == "table" then gather(field.fields, key .. ".", into) end
      if field.type == "map" then gather(field.of.fields, key .. ".NAME.", into) end
    end
    return into
  end

  local known = gather(deployment.schema, "", {})
  local rows = {}
  for _, row in ipairs(pages.rows(DOCS, "configure", "key")) do rows[row[1]] = row end

  it("are those of the schema", function() assert.same(text.keys(known), text.keys(rows)) end)

  it("have its types", function()
    for key, field in pairs(known) do assert.equal(field.type, rows[key][2], key) end
  end)

  it("have its defaults", function()
    for key, field in pairs(known) do
      local said, wanted = rows[key][3], field.default
      if field.of == "duration" and wanted then said = text.milliseconds(said) end
      if wanted ~= nil then assert.equal(tostring(wanted), tostring(said), key) end
    end
  end)
end)

describe("the environment of configure.md", function()
  it("is what the storefront reads", function()
    local said, read = {}, {}
    for _, row in ipairs(pages.rows(DOCS, "configure", "variable")) do
      for name in row[1]:gmatch("[%u_]+%f[^%u_]") do
        if name:find("_", 2, true) and not name:find "_FILE$" then said[#said + 1] = name end
      end
    end
    for line in io.lines(t.root .. "/../examples/storefront/dunite.lua") do
      for name in line:gmatch('[vt][ (]+"([%u_]+)"') do read[#read + 1] = name end
    end
    assert.same(set_of(read), set_of(said))
  end)
end)

describe("the tables of errors.md", function()
  it("are the table of kinds", function()
    local said = {}
    for i, row in ipairs(pages.rows(DOCS, "errors", "kind")) do
      said[i] = { name = row[1], class = row[2], http = tonumber(row[3]), retryable = row[4], text = row[5] }
    end
    local wanted = {}
    for i, row in ipairs(native.rows.ErrorKind) do
      wanted[i] = { name = row.name, class = row.class, http = row.http, retryable = row.retryable, text = row.text }
    end
    assert.same(wanted, said)
  end)

  local download, oci = require "dunite.errors.download", require "dunite.errors.oci"
  local errors = require "dunite.errors"

  local function rows_of(heading, mirror, code_of)
    local rows = {}
    for i, row in ipairs(native.rows.ErrorKind) do
      local value = mirror.of(errors.new(row.name))
      assert.equal(row.name, mirror.back(value).variant)
      rows[i] = { value.variant, row.name, value.class, tostring(value.http), code_of and code_of(value) }
    end
    local said = pages.rows(DOCS, "errors", heading)
    assert.same(rows, said)
  end

  it("are the mirror of downloads", function() rows_of("DownloadError", download.mirror) end)

  it("are the mirror of images, with the codes on the wire", function()
    rows_of("OciError", oci.mirror, function(value) return oci.code_of(value, "…_UNKNOWN") end)
  end)

  it("are the named faults", function()
    local said = {}
    for i, row in ipairs(pages.rows(DOCS, "test", "fault")) do said[i] = row[1] .. ": " .. row[2] end
    local wanted = {}
    for line in io.lines(t.root .. "/../engine/base/fault.def") do
      local name, what = line:match('^DU_FAULT%([%u_]+, "([^"]+)", "([^"]+)"')
      if name then wanted[#wanted + 1] = name .. ": " .. what end
    end
    assert.same(wanted, said)
  end)
end)

describe("the metrics of run.md", function()
  it("are those that are given", function()
    local app = t.app {
      upstream = t.forgejo(CONTENT), members = MEMBERS,
      files = { ["dunite.lua"] = settings "", ["routes.lua"] = PRELUDE .. [[
        app:mount("", health.routes())
        app:get("/endless", function() while true do end end)
        app:get("/counted", function() dunite.count "orders" return answer.text "" end)
        app:get("/denied", function()
          for _ = 1, 3 do app.limits.downloads:acquire "anybody" end
          return answer.text ""
        end)
      end]] },
    }
    app:get "/endless"
    app:get "/counted"
    app:get "/denied"
    native.spec.call(app:url():match("//(.*)"), "GET / HTTP/1.1\r\nHost : a\r\n\r\n")
    local given = {}
    for name in app:get("/metrics").body:gmatch("# TYPE (%S+)") do given[#given + 1] = name end
    local said = {}
    for _, row in ipairs(pages.rows(DOCS, "run", "metric")) do said[#said + 1] = row[1]:gsub("NAME", "orders") end
    assert.same(set_of(given), set_of(said))
  end)
end)
