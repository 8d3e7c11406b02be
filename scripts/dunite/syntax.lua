-- Reads Lua source by its grammar (Lua 5.4 manual, section 9), for the checks that look at code which did not run:
-- which names are global, and what functions return. The source has been compiled before, so it is not checked again
-- here.

local lexer = require "dunite.lexer"

local M = {}

---@class dunite.syntax.Global
---@field name string
---@field line integer
---@field assigned boolean
---@field field? string       -- read of it right there: os.exit

---@class dunite.syntax.Function
---@field line integer        -- of its "function"
---@field values integer      -- returns that give something which may be an answer
---@field returns integer     -- all returns, but for those of functions within
---@field raises boolean      -- calls error or assert

---@class dunite.syntax.Reader
---@field tokens dunite.Token[]
---@field at integer
---@field scope table         -- names of the block, with those around it behind
---@field within? dunite.syntax.Function
---@field globals dunite.syntax.Global[]
---@field functions dunite.syntax.Function[]
local Reader = {}
Reader.__index = Reader

local function words(text)
  local set = {}
  for word in text:gmatch("%S+") do set[word] = true end
  return set
end

local KEYWORDS = words [[and break do else elseif end false for function goto if in local nil not or repeat return then
  true until while]]
local BINARY = words "+ - * / // % ^ .. == ~= < <= > >= & | ~ << >> and or"
local UNARY = words "- # ~ not"
local ENDS = words "end else elseif until"
local LITERALS = words "nil true false"

function Reader:token() return self.tokens[self.at] end

-- Is it that word or symbol (not a string that spells it)?
function Reader:is(text)
  local token = self:token()
  return token ~= nil and token.text == text and token.kind ~= "string"
end

function Reader:is_name()
  local token = self:token()
  return token ~= nil and token.kind == "name" and not KEYWORDS[token.text]
end

function Reader:next()
  local token = self:token()
  self.at = self.at + 1
  return token
end

function Reader:take(text)
  if not self:is(text) then return false end
  self.at = self.at + 1
  return true
end

-- What must be there; where it is not, the reader has lost its way, and the caller learns that.
function Reader:need(text)
  if not self:take(text) then error("'" .. text .. "' is missing", 0) end
end

-- Scopes ------------------------------------------------------------------------------------------------

function Reader:open() self.scope = setmetatable({}, { __index = self.scope, around = self.scope }) end
function Reader:close() self.scope = getmetatable(self.scope).around end
function Reader:declare(name) self.scope[name] = true end

function Reader:use(token, assigned)
  if self.scope[token.text] then return end
  local dot, field = self:is ".", self.tokens[self.at + 1]
  self.globals[#self.globals + 1] = {
    name = token.text, line = token.line, assigned = assigned == true,
    field = not assigned and dot and field and field.kind == "name" and field.text or nil,
  }
  if self.within and (token.text == "error" or token.text == "assert") then self.within.raises = true end
end

-- Expressions -------------------------------------------------------------------------------------------

function Reader:arguments()
  local token = self:token()
  if token.kind == "string" then return self:next() end
  if self:is "{" then return self:table() end
  self:need "("
  if not self:is ")" then self:expressions() end
  self:need ")"
end

-- One more part of a prefix expression; false when it has ended. What it is: a call cannot be assigned to.
function Reader:suffix()
  local token = self:token()
  if not token then return false end
  if token.kind == "string" or self:is "{" or self:is "(" then
    self:arguments()
  elseif self:take "." then
    self:next()
  elseif self:take "[" then
    self:expression()
    self:need "]"
  elseif self:is ":" then
    self:next()
    self:next()
    self:arguments()
  else
    return false
  end
  return true
end

-- A name, or something in brackets, and all that follows it. assigns: its name, alone, may turn out to be assigned to.
function Reader:prefix(assigns)
  local token = self:next()
  if token.text == "(" and token.kind == "symbol" then
    self:expression()
    self:need ")"
  elseif not (assigns and (self:is "=" or self:is ",")) then
    self:use(token)
  else
    self:use(token, true)
  end
  while self:suffix() do end
end

function Reader:table()
  self:need "{"
  while not self:take "}" do
    if self:take "[" then
      self:expression()
      self:need "]"
      self:need "="
    elseif self:is_name() and self.tokens[self.at + 1].text == "=" and self.tokens[self.at + 1].kind == "symbol" then
      self.at = self.at + 2
    end
    self:expression()
    if not self:take "," then self:take ";" end
  end
end

function Reader:simple()
  local token = self:token()
  if not token then error("an expression is missing", 0) end
  if token.kind == "string" or token.kind == "number" or LITERALS[token.text] or token.text == "..." then
    self:next()
  elseif self:take "." then -- .5
    self:next()
  elseif self:is "{" then
    self:table()
  elseif self:is "function" then
    self:next()
    self:body(token.line)
  elseif self:is_name() or self:is "(" then
    self:prefix()
  else
    error("no expression begins with " .. token.text, 0)
  end
end

function Reader:expression()
  while true do
    while self:token() and self:token().kind ~= "string" and UNARY[self:token().text] do self:next() end
    self:simple()
    local token = self:token()
    if not token or token.kind == "string" or not BINARY[token.text] then return end
    self:next()
  end
end

function Reader:expressions()
  repeat self:expression() until not self:take ","
end

-- A function, from its parameters on.
function Reader:body(line, method)
  local around = self.within
  self.within = { line = line, values = 0, returns = 0, raises = false }
  self.functions[#self.functions + 1] = self.within
  self:open()
  if method then self:declare "self" end
  self:need "("
  while not self:take ")" do
    self:declare(self:next().text)
    self:take ","
  end
  self:block()
  self:need "end"
  self:close()
  self.within = around
end

-- Statements ----------------------------------------------------------------------------------------------

-- A block with names of its own, up to what ends it.
function Reader:inner(declared)
  self:open()
  for _, name in ipairs(declared or {}) do self:declare(name) end
  self:block()
  self:close()
end

local statements = {}

statements["if"] = function(self)
  repeat
    self:expression()
    self:need "then"
    self:inner()
  until not self:take "elseif"
  if self:take "else" then self:inner() end
  self:need "end"
end

statements["while"] = function(self)
  self:expression()
  self:need "do"
  self:inner()
  self:need "end"
end

statements["do"] = function(self)
  self:inner()
  self:need "end"
end

statements["for"] = function(self)
  local names = {}
  repeat names[#names + 1] = self:next().text until not self:take ","
  if not self:take "=" then self:need "in" end
  self:expressions()
  self:need "do"
  self:inner(names)
  self:need "end"
end

-- The condition sees the names of the block.
statements["repeat"] = function(self)
  self:open()
  self:block()
  self:need "until"
  self:expression()
  self:close()
end

statements["function"] = function(self, line)
  local first, method = self:next(), false
  self:use(first, not (self:is "." or self:is ":"))
  while self:is "." or self:is ":" do
    method = self:next().text == ":"
    self:next()
  end
  self:body(line, method)
end

statements["local"] = function(self)
  local token = self:token()
  if self:take "function" then
    self:declare(self:next().text)
    return self:body(token.line)
  end
  local names = {}
  repeat
    names[#names + 1] = self:next().text
    if self:take "<" then
      self:next()
      self:need ">"
    end
  until not self:take ","
  if self:take "=" then self:expressions() end
  for _, name in ipairs(names) do self:declare(name) end
end

statements["goto"] = function(self) self:next() end
statements["break"] = function() end

-- What one token says: a text or a number is never an answer.
local function may_be_answer(self)
  local token, after = self:token(), self.tokens[self.at + 1]
  if not token or ENDS[token.text] or token.text == ";" then return false end
  local alone = not after or ENDS[after.text] or after.text == ";"
  return not (alone and (LITERALS[token.text] or token.kind == "number" or token.kind == "string"))
end

statements["return"] = function(self)
  local within = self.within
  if within then
    within.returns = within.returns + 1
    if may_be_answer(self) then within.values = within.values + 1 end
  end
  if self:token() and not (self:is ";" or ENDS[self:token().text] and self:token().kind ~= "string") then
    self:expressions()
  end
  self:take ";"
end

function Reader:statement()
  local token = self:token()
  local statement = token.kind == "name" and statements[token.text]
  if statement then
    self:next()
    return statement(self, token.line)
  end
  if self:take "::" then
    self:next()
    return self:need "::"
  end
  if self:take ";" then return end
  repeat self:prefix(true) until not self:take ","
  if self:take "=" then self:expressions() end
end

function Reader:block()
  while self:token() and not (self:token().kind == "name" and ENDS[self:token().text]) do self:statement() end
end

-- Of symbols the longest that is one.
local LONG = words "... .. == ~= <= >= // :: << >>"

local function joined(tokens)
  local list, i = {}, 1
  while i <= #tokens do
    local token, text, last = tokens[i], tokens[i].text, i
    for n = i + 1, math.min(i + 2, #tokens) do
      local follows = tokens[n].kind == "symbol" and tokens[n].at == token.at + (n - i)
      if token.kind ~= "symbol" or not follows then break end
      text = text .. tokens[n].text
      if LONG[text] then last = n end
    end
    if last == i then
      list[#list + 1] = token
    else
      local whole = ""
      for n = i, last do whole = whole .. tokens[n].text end
      list[#list + 1] = { kind = "symbol", text = whole, line = token.line, at = token.at }
    end
    i = last + 1
  end
  return list
end

--- What a source uses and has; nil when it cannot be read.
---@param source string
---@return { globals: dunite.syntax.Global[], functions: dunite.syntax.Function[] }?
function M.read(source)
  local reader = setmetatable({
    tokens = joined(lexer.tokens((source:gsub("^#[^\n]*", "")))), at = 1, scope = {}, globals = {}, functions = {},
  }, Reader)
  local ok = pcall(function()
    reader:open()
    reader:block()
    if reader:token() then error("something is left", 0) end
  end)
  return ok and { globals = reader.globals, functions = reader.functions } or nil
end

return M
