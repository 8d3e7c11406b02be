-- Sizes: a file is one thing and fits in 400 lines (over 450 it fails), a C function in 60.
-- Functions are found by clang-format's layout: the body ends with a "}" in the first column.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local text = require "text"

local FILE_WARN, FILE_MOST, FUNCTION_MOST = 400, 450, 60

-- The functions of a C text that are longer than `most` lines, as { line, name, length }.
local function long_functions(content, most)
  local long, first, name = {}, nil, nil
  for number, line in ipairs(text.lines(text.code_of_c(content))) do
    if line:find("^[%a_].*%(") and not line:find(";%s*$") then
      first, name = number, line:match("([%w_]+)%s*%(")
    elseif line:find("^}") and not line:find("^}.*[;%w]") then
      if first and number - first + 1 > most then
        long[#long + 1] = { line = first, name = name, length = number - first + 1 }
      end
      first = nil
    end
  end
  return long
end

local example = "struct s {\n    int x;\n};\nstatic int f(int a,\n             int b) {\n    a;\n\n    b;\n}\n"
assert(#long_functions(example, 6) == 0 and long_functions(example, 5)[1].name == "f")

local folders = { "engine", "bindings", "scripts", "spec", "tests", "examples", "bench", "cmake", "dev" }
local endings = { ".c", ".h", ".def", ".lua", ".sh", ".py", ".awk", ".cmake", "CMakeLists.txt", "dev" }
local failed = false

for _, path in ipairs(text.files(folders, endings)) do
  local content = text.read(path)
  local lines = #text.lines(content)
  if lines > FILE_MOST then
    failed = true
    print(("%s:%d: %d lines, %d at most; make two of it"):format(path, lines, lines, FILE_MOST))
  elseif lines > FILE_WARN then
    print(("%s:%d: warning: %d lines; is it one thing?"):format(path, lines, lines))
  end
  if path:find("%.c$") then
    for _, long in ipairs(long_functions(content, FUNCTION_MOST)) do
      failed = true
      print(("%s:%d: %s has %d lines, %d at most; a longer one is two things")
        :format(path, long.line, long.name, long.length, FUNCTION_MOST))
    end
  end
end
os.exit(not failed)
