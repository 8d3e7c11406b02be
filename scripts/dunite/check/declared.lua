-- Limits, flights and upstreams that a script names and the deployment does not declare: app.limits.NAME, also in code
-- that did not run.

local text = require "dunite.text"

local M = {}

local KINDS = { limits = "limit", flights = "flight", upstreams = "upstream" }

local function is(token, kind, value)
  return token and token.kind == kind and (value == nil or token.text == value)
end

local function names_of(settings, kind)
  local names = {}
  for key, value in pairs(settings[kind] or {}) do names[#names + 1] = kind == "flights" and value or key end
  table.sort(names)
  return names
end

local function has(names, wanted)
  for _, name in ipairs(names) do
    if name == wanted then return true end
  end
  return false
end

---@param file dunite.check.File
---@param app dunite.check.App
---@return string[] findings
function M.check(file, app)
  local findings, tokens = {}, file.tokens
  for i, token in ipairs(tokens) do
    local kind = token.kind == "name" and KINDS[token.text] and token.text
    local of_app = kind and is(tokens[i - 1], "symbol", ".") and is(tokens[i - 2], "name", "app")
    local name = of_app and is(tokens[i + 1], "symbol", ".") and is(tokens[i + 2], "name") and tokens[i + 2]
    local names = name and names_of(app.settings, kind)
    if names and not has(names, name.text) then
      findings[#findings + 1] = ("%s:%d: no %s '%s' is declared%s (dunite.lua, %s)"):format(file.path, name.line,
        KINDS[kind], name.text, text.did_you_mean(name.text, names), kind)
    end
  end
  return findings
end

return M
