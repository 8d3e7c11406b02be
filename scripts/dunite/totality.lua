-- Totality of code that did not run: matchers and mirrors written where they can be read, and variants that are named.
-- What is not plain to read (an enum under another name, arms that are computed) is left to the moment it runs.

local enum = require "dunite.enum"
local lexer = require "dunite.lexer"
local text = require "dunite.text"

local M = {}

local OPENS, CLOSES = { ["("] = true, ["{"] = true, ["["] = true }, { [")"] = true, ["}"] = true, ["]"] = true }

local function is(token, kind, value)
  return token and token.kind == kind and (value == nil or token.text == value)
end

-- Calls each(i, depth) for the tokens between the bracket at `open` and its partner; gives the partner's place.
local function inside(tokens, open, each)
  local depth = 0
  for i = open, #tokens do
    local token = tokens[i]
    local symbol = token.kind == "symbol" and token.text
    if CLOSES[symbol] then depth = depth - 1 end
    if depth == 0 and i > open then return i end
    if i > open then each(i, depth) end
    if OPENS[symbol] then depth = depth + 1 end
  end
end

-- The enums that are given as arguments; nil when one of them is not plain.
local function arguments(tokens, open)
  local list, last = {}, nil
  local function add() list[#list + 1] = last and enum.named(last) or false end
  local close = inside(tokens, open, function(i, depth)
    if depth == 1 and is(tokens[i], "symbol", ",") then
      add()
    elseif is(tokens[i], "name") then
      last = tokens[i].text
    end
  end)
  add()
  for _, each in ipairs(list) do
    if not each then return nil end
  end
  return list, close
end

-- The keys of the table that opens there, each with the place of its value; nil when one is computed.
local function keys_of(tokens, open)
  local keys, plain = {}, true
  inside(tokens, open, function(i, depth)
    if depth ~= 1 or not is(tokens[i + 1], "symbol", "=") or is(tokens[i + 2], "symbol", "=") then return end
    if is(tokens[i], "name") and not is(tokens[i - 1], "symbol", ".") then
      keys[tokens[i].text] = i + 2
    elseif is(tokens[i], "symbol", "]") then
      plain = false
    end
  end)
  return plain and keys or nil
end

local function compare(arms, variants, label)
  local wrong, known = {}, {}
  for _, variant in ipairs(variants) do
    known[variant] = true
    if not arms[variant] then wrong[#wrong + 1] = ("no arm for %s"):format(variant) end
  end
  for _, arm in ipairs(text.keys(arms)) do
    if not known[arm] then
      wrong[#wrong + 1] = ("an arm for '%s', which is no variant%s"):format(arm, text.did_you_mean(arm, variants))
    end
  end
  if #wrong == 0 then return nil end
  return ("%s is not total: %s (write one for each of %s)"):format(label, table.concat(wrong, "; "),
    table.concat(variants, ", "))
end

local function check_matcher(tokens, at)
  if not is(tokens[at + 1], "symbol", "(") then return nil end
  local enums, close = arguments(tokens, at + 1)
  if not enums or not is(tokens[close + 1], "symbol", "{") then return nil end
  local arms, variants = keys_of(tokens, close + 1), {}
  for _, each in ipairs(enums) do table.move(enum.variants(each), 1, #enum.variants(each), #variants + 1, variants) end
  return arms and compare(arms, variants, "this matcher"), tokens[close + 1].line
end

local function check_mirror(tokens, at)
  if not is(tokens[at + 1], "string") or not is(tokens[at + 2], "symbol", "{") then return nil end
  local parts = keys_of(tokens, at + 2)
  local into = parts and parts.into
  if not into or not is(tokens[into], "symbol", "{") then return nil end
  local arms = keys_of(tokens, into)
  local label = "the mirror " .. tokens[at + 1].text
  return arms and compare(arms, enum.variants(enum.ErrorKind), label), tokens[at + 2].line
end

local function check_variant(tokens, at)
  local named = enum.named(tokens[at].text)
  local variant = is(tokens[at + 1], "symbol", ".") and tokens[at + 2]
  if not named or not is(variant, "name") or variant.text == "name" or enum.has(named, variant.text) then return nil end
  local near = text.did_you_mean(variant.text, enum.variants(named))
  return ("%s has no variant '%s'%s"):format(named.name, variant.text, near), variant.line
end

local CHECKS = { matcher = check_matcher, mirror = check_mirror }

--- What is wrong in a source, as "NAME:LINE: what".
---@param source string
---@param name string
---@return string[] findings
function M.check(source, name)
  local findings, tokens = {}, lexer.tokens(source)
  for i, token in ipairs(tokens) do
    if token.kind == "name" then
      local wrong, line = (CHECKS[token.text] or check_variant)(tokens, i)
      if wrong then findings[#findings + 1] = ("%s:%d: %s"):format(name, line, wrong) end
    end
  end
  return findings
end

return M
