-- An explanation for people: one line a step.

local native = require "dunite.native"

local M = {}

local function duration(seconds)
  if seconds >= 3600 then return ("%dh%02dm"):format(seconds // 3600, seconds % 3600 // 60) end
  return seconds >= 60 and ("%dm%02ds"):format(seconds // 60, seconds % 60) or seconds .. "s"
end

local OUTCOMES = {
  granted = "granted", shared = "granted: another piece of the same download is counted already",
  queued = "would queue for a slot; denied (Concurrency) where none comes free", Concurrency = "denied (Concurrency)",
  DailyCap = "denied (DailyCap)",
}

local describe = {}

function describe.member(step)
  return ("%s%s, by %s"):format(step.id, step.email and " <" .. step.email .. ">" or "", step.credential)
end

function describe.entitlement(step) return ("%s: %s"):format(step.name, step.held and "held" or "not held") end

function describe.audit(step)
  local parts = { step.kind .. " of " .. tostring(step.application) }
  for _, key in ipairs { "version", "asset", "digest" } do parts[#parts + 1] = step[key] end
  return table.concat(parts, " ")
end

function describe.limit(step)
  local slots = ("%d of %s at once"):format(step.running, step.concurrency)
  local parts = { ("%s: %s; %s"):format(step.limit, OUTCOMES[step.outcome], slots) }
  if step.used then
    parts[#parts + 1] = ("%d of %s today"):format(step.used, step.daily_cap)
    parts[#parts + 1] = "the day ends in " .. duration(step.reset_in_secs)
  end
  if step.wait then parts[#parts + 1] = ("waits %s for a slot"):format(duration(step.wait // 1000)) end
  return table.concat(parts, ", ")
end

function describe.cache(step)
  return ("%s: %s%s"):format(step.entry, step.status, step.size and (", %d bytes"):format(step.size) or "")
end

function describe.upstream(step)
  local does, scope = step.fills and "would fetch" or "would ask", step.scope and " (" .. step.scope .. ")" or ""
  return ("%s: %s %s %s%s"):format(step.upstream, does, step.method, step.url, scope)
end

function describe.note(step) return step.text end
function describe.log(step) return step.level .. ": " .. step.message end

local function params_of(route)
  local names, list = {}, {}
  for name in pairs(route.params) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = name .. " = " .. route.params[name] end
  return list[1] and table.concat(list, ", ") or nil
end

local function no_route(why)
  if type(why) == "table" then return "none for this method; there are " .. table.concat(why, ", ") end
  return why == "bad_path" and "none: the path is malformed" or "none"
end

local function answered(answer)
  local parts = { tostring(answer.status) }
  if answer.reason then parts[#parts + 1] = answer.reason end
  if answer.assumed then parts[#parts + 1] = "if upstream answers as it should" end
  return table.concat(parts, ", ")
end

--- The lines.
---@param explanation table
---@return string
function M.of(explanation)
  local lines = {}
  local function add(what, line) lines[#lines + 1] = ("  %-12s %s"):format(what, line) end
  local route = explanation.route
  lines[1] = ("%s %s%s at %s"):format(explanation.method, explanation.path,
    explanation.as and " as " .. explanation.as or "", explanation.at)
  add("route", route and ("%s %s  (%s)"):format(route.method, route.pattern, route.where)
    or no_route(explanation.no_route))
  local params = route and params_of(route)
  if params then add("", params) end
  for _, step in ipairs(explanation.steps) do add(step.step, describe[step.step](step)) end
  add("answer", answered(explanation.answer))
  for _, name in ipairs { "retry-after", "www-authenticate", "allow" } do
    if explanation.answer.headers[name] then add("", name .. ": " .. explanation.answer.headers[name]) end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The same for programs.
function M.json(explanation) return native.json.encode(explanation) end

return M
