-- dunite: what a deployment's scripts require.

local native = require "dunite.native"
local deployment = require "dunite.deployment"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local limits = require "dunite.limits"

---@class dunite
local M = {
  deployment = deployment.deployment,
  env = deployment.env,
  secret = deployment.secret,
  ErrorKind = enum.ErrorKind,     ---@type dunite.enum.ErrorKind
  ErrorClass = enum.ErrorClass,   ---@type dunite.enum.ErrorClass
  LimitDenial = enum.LimitDenial, ---@type dunite.enum.LimitDenial
  Limiter = limits,
  matcher = enum.matcher,         ---@type dunite.MatcherOf
  errors = errors,
  key = native.key,
  cache = native.cache,
  json = native.json,
  url_encode = native.url_encode,
  clock = native.clock,
  records = native.records,
  health = native.health,
  metrics = native.metrics,
  count = native.count,
}

--- Runs the functions concurrently and waits for all: a list of { value, problem }.
---@async
---@param functions (fun(): any, any)[]
function M.all(functions) return native.all(functions) end

M.log = {}
for _, level in ipairs { "debug", "info", "warn", "error" } do
  ---@param message string
  ---@param fields? table
  M.log[level] = function(message, fields) native.log(level, message, fields) end
end

return M
