-- Generic packages: DOUBLE_ROOT/packages/OWNER/PACKAGE/VERSION/FILE.

local native = require "dunite.native"
local answer = require "dunite.answer"
local credentials = require "dunite.test.forgejo.credentials"
local files = require "dunite.test.forgejo.files"

local M = {}

local function folder_of(p) return ("packages/%s/%s/%s"):format(p.owner, p.package, p.version) end

function M.files(req)
  local folder = folder_of(req.params)
  if not credentials.are_good(req) or not files.has(folder) then return credentials.hidden() end
  local list = setmetatable({}, native.json.array)
  for i, name in ipairs(files.names(folder)) do
    local file <close> = files.open(folder, name)
    list[i] = { id = i, Size = file:size(), name = name, sha256 = files.sha256(folder .. "/" .. name) }
  end
  return answer.json(list)
end

-- Range and Last-Modified, but no ETag.
function M.download(req)
  if not credentials.are_good(req) then return credentials.package_challenge() end
  local file = files.open(folder_of(req.params), req.params.file)
  if not file then return answer.text("package file does not exist", 404) end
  local made = answer.new(200, nil, "application/octet-stream"):attachment(req.params.file)
  made.file, made.modified = file, file:modified()
  return made
end

function M.no_head() return answer.new(405, ""):header("allow", "GET") end

return M
