-- What the specs of the storefront share: a catalog, what upstream has of it, and a storefront in front of that.

local native = require "dunite.native"
local t = require "dunite.test"

local M = {}

M.catalog = {
  {
    slug = "tool", name = "Tool",
    source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0",
    image = { owner = "acme", name = "tool" }, pinned_tag = "v1.0.0",
    versions = { { tag = "v0.9.0" }, { tag = "v0.8.0", yanked = true } },
  },
  {
    slug = "secret", name = "Secret", requires_entitlement = true,
    source = { kind = "release", owner = "acme", repo = "secret" }, pinned_release = "v1.0.0",
    image = { owner = "acme", name = "secret" }, pinned_tag = "v1.0.0",
  },
  {
    slug = "package", source = { kind = "generic_package", owner = "acme", package = "package" },
    pinned_release = "2.0",
  },
}

M.members = { { id = "ada", entitlements = { "secret" } }, "bob" }

local BIG = ("0123456789abcdef"):rep(16384) -- 256 KiB

--- What upstream has.
function M.content()
  return {
    releases = {
      ["acme/tool"] = {
        ["v1.0.0"] = { a = "the first", a2 = "the second", ["big.bin"] = BIG, ["odd name.tar.gz"] = "odd" },
        ["v0.9.0"] = { a = "older" },
        ["v0.8.0"] = { a = "withdrawn" },
      },
      ["acme/secret"] = { ["v1.0.0"] = { a = "for few" } },
    },
    packages = { ["acme/package"] = { ["2.0"] = { ["file.txt"] = "a package's file" } } },
    images = {
      ["acme/tool"] = {
        ["v1.0.0"] = { amd64 = { "layer one", "layer two" }, arm64 = { "layer one", "layer three" } },
        ["v0.9.0"] = { "layer zero" },
        ["v0.8.0"] = { "layer withdrawn" },
        ["edge"] = { "layer edge" },
      },
      ["acme/secret"] = { ["v1.0.0"] = { "layer secret" } },
    },
  }
end

--- A storefront in front of a Forgejo that has all of it. Settings go over the deployment's.
---@return dunite.test.App storefront, dunite.test.Double upstream
function M.open(settings)
  local upstream = settings and settings.upstream or t.forgejo(M.content())
  local options = { upstream = upstream, catalog = M.catalog, members = M.members }
  for key, value in pairs(settings or {}) do options[key] = value end
  return t.app(options), upstream
end

M.BIG = BIG
M.FILE = "/v1/applications/tool/downloads/"
M.UPSTREAM_FILE = "/acme/tool/releases/download/v1.0.0/"

-- What a token is good for, as it is written in it.
function M.access(token)
  local payload = token:match("^[^.]+%.([^.]+)%."):gsub("-", "+"):gsub("_", "/")
  return native.json.decode(native.base64_decode(payload)).access
end

--- The code of a JSON refusal, or of a registry's.
function M.code(response)
  local document = response:json()
  return document.error and document.error.code or document.errors[1].code
end

return M
