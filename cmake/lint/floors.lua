-- The rules of the architecture that a line of source can break. Each rule carries an example that
-- breaks it and one that does not; both are tried before the sources are, so no rule is asleep.
--
-- A rule: `what` is wrong, what to `fix`; `in_` are the files it is about (patterns of their paths),
-- `but` those where the thing belongs; `find` returns true for a line (of C without comments and
-- literals) that breaks it.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local text = require "text"

local engine = { "^engine/", "^bindings/" }
local everything_c = { "^engine/", "^bindings/", "^tests/.*%.[ch]$" }
local tests_of_lua = { "^tests/task/", "^tests/bindings/", "^tests/host/", "^tests/lib/", "^tests/cli/",
                       "^tests/fuzz/" }

local function with(list, ...)
  local all = { table.unpack(list) }
  for _, path in ipairs { ... } do all[#all + 1] = path end
  return all
end

local function includes(...)
  local names = { ... }
  return function(line)
    local name = line:match('^%s*#%s*include%s*[<"]([^>"]+)[>"]')
    for _, pattern in ipairs(names) do
      if name and name:find(pattern) then return true end
    end
  end
end

-- A call of one of the functions; x->free( and x.free( are members of ours, not the C library's.
local function calls(...)
  local names = { ... }
  return function(line)
    for _, name in ipairs(names) do
      for before in line:gmatch("()%f[%w_]" .. name .. "%s*%(") do
        if not line:sub(1, before - 1):find("[>%.]%s*$") then return true end
      end
    end
  end
end

local function matches(...)
  local patterns = { ... }
  return function(line)
    for _, pattern in ipairs(patterns) do
      if line:find(pattern) then return true end
    end
  end
end

-- Words for a table of things that are under way. engine/core's single_flight is the one such table
-- in the program (contract: there is no second one), so whatever else holds a hash table, or in Lua
-- any table, under such a name has made itself another. A list of things to close, a count of them,
-- and a map of named single-flights are no such tables, and no such words.
local under_way = { "in_?flight", "pending", "in_progress", "ongoing", "filling", "%f[%w]fills%f[^%w_]",
                    "fills_by", "fetches", "downloading" }

local function table_of_things_under_way(line)
  line = line:lower()
  local c_table = line:find("%f[%w_]hash_add") or line:find("ut_hash_handle")
  local lua_table = line:find("=%s*{%s*}") or line:find("setmetatable%(%s*{%s*}")
  if not (c_table or lua_table) then return false end
  for _, word in ipairs(under_way) do
    if line:find(word) then return true end
  end
  return false
end

-- A sleep that time ends. Not one that lets others go first (0), that only a cancel ends (an hour), or that asks for a
-- condition again and again (while … do … sleep … end on one line).
local function sleeps(line)
  local asks_again = line:gsub("while .- do .-sleep%(%d+%).- end", "")
  local rest = asks_again:gsub("sleep%s*%(0%)", ""):gsub("sleep[%s,%(]*3600000%)", "")
  return rest:find("%f[%w_]u?sleep%s*%(?%s*[%d%.]") ~= nil or rest:find("nanosleep%s*%(") ~= nil or
      rest:find("uv_sleep%s*%(") ~= nil or rest:find("time%.sleep%s*%(") ~= nil
end

local rules = {
  {
    what = "an include that leaves its folder", fix = "include by file name; a floor sees those below it",
    in_ = everything_c, but = {}, find = includes("%.%./"),
    bad = '#include "../base/error.h"', good = '#include "error.h"',
  },
  {
    what = "Lua seen outside task/, bindings/, host/ and lib/", fix = "move what needs a Lua state up to bindings/",
    in_ = everything_c, but = with(tests_of_lua, "^engine/task/", "^bindings/", "^engine/host/", "^engine/lib/"),
    find = includes("^lua%.h$", "^lauxlib%.h$", "^lualib%.h$", "^lua%.hpp$"),
    bad = "#include <lauxlib.h>", good = '#include "lua_limiter.h"',
  },
  {
    what = "curl seen outside net/", fix = "ask net/ for it", in_ = everything_c,
    but = { "^engine/net/", "^tests/net/" }, find = includes("^curl/"),
    bad = "#include <curl/curl.h>", good = '#include "upstream.h"',
  },
  {
    what = "sockets seen outside net/", fix = "ask net/ for it; a test may speak to the engine by sockets",
    in_ = engine, but = { "^engine/net/" },
    find = includes("^sys/socket%.h$", "^sys/un%.h$", "^netinet/", "^arpa/", "^netdb%.h$"),
    bad = "#include <sys/socket.h>", good = "#include <sys/stat.h>",
  },
  {
    what = "libuv below loop/", fix = "the core is told time and calls hooks; it never knows a loop",
    in_ = { "^engine/base/", "^engine/core/" }, but = {}, find = includes("^uv%.h$"),
    bad = "#include <uv.h>", good = "#include <pthread.h>",
  },
  {
    what = "SQLite outside store/", fix = "go through the ledgers", in_ = engine, but = { "^engine/store/" },
    find = includes("^sqlite3%.h$"), bad = "#include <sqlite3.h>", good = '#include "ledger.h"',
  },
  {
    what = "uthash without our allocator", fix = 'include "map.h"', in_ = everything_c,
    but = { "^engine/base/map%.h$" }, find = includes("^uthash%.h$"),
    bad = "#include <uthash.h>", good = '#include "map.h"',
  },
  {
    what = "default: in a switch, which silences the compiler's check that no variant is forgotten",
    fix = "name every variant; over numbers and characters use if, or return after the switch",
    in_ = engine, but = {}, find = matches("%f[%w_]default%s*:"),
    bad = "    default:", good = "    case DU_IO:",
  },
  {
    what = "the heap behind mem's back", fix = "use base/mem.h, which tests can make fail",
    in_ = engine, but = { "^engine/base/mem%.c$" },
    find = calls("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
                 "vasprintf", "getline", "posix_memalign", "aligned_alloc", "open_memstream"),
    bad = "    free(row);", good = "    row->type->free(row); du_free(row);",
  },
  {
    what = "time read outside base/clock", fix = "use base/clock.h, which tests can move; core is told the time",
    in_ = engine, but = { "^engine/base/clock%.c$" },
    find = calls("clock_gettime", "gettimeofday", "time", "uv_hrtime", "uv_now", "uv_clock_gettime"),
    bad = "    int64_t now = time(NULL);", good = "    int64_t now = du_clock_wall_ms(clock);",
  },
  {
    what = "lua_resume outside task/", fix = "park and wake through task/, the one place that resumes",
    in_ = engine, but = { "^engine/task/" }, find = calls("lua_resume"),
    bad = "    lua_resume(L, NULL, 0, &n);", good = "    du_task_wake(ticket);",
  },
  {
    what = "a sleep in a test", fix = "wait for a condition, hold a barrier, or move the clock",
    in_ = { "^tests/", "^spec/", "^examples/.*_spec%.lua$" }, but = {},
    find = sleeps,
    bad = "    usleep(1000);", good = "    pthread_barrier_wait(&all_here);",
  },
  {
    what = "a table of things under way outside core/", fix = "join a single_flight (and publish), or extend it",
    in_ = { "^engine/", "^bindings/", "^scripts/", "^examples/" }, but = { "^engine/core/" },
    find = table_of_things_under_way,
    bad = "    HASH_ADD_KEYPTR(hh, store->in_flight, key, length, fill);",
    good = "    HASH_ADD_KEYPTR(hh, host->flights_by_name, name, length, named);",
  },
}

local function listed(patterns, path)
  for _, pattern in ipairs(patterns) do
    if path:find(pattern) then return true end
  end
  return false
end

local function is_c(path)
  return path:find("%.[ch]$") ~= nil
end

local function clean(path, content)
  return is_c(path) and text.code_of_c(content) or content
end

for _, rule in ipairs(rules) do
  assert(rule.find(clean("x.c", rule.bad)), "asleep: the rule on " .. rule.what)
  assert(not rule.find(clean("x.c", rule.good)), "too eager: the rule on " .. rule.what)
end
assert(not rules[9].find(clean("x.c", '/* free(x) */ log("free(x)"); // free(x)')), "comments are code")

local found = 0
local endings = { ".c", ".h", ".lua", ".sh", ".py" }
for _, path in ipairs(text.files({ "engine", "bindings", "scripts", "spec", "tests", "examples" }, endings)) do
  local lines
  for _, rule in ipairs(rules) do
    if listed(rule.in_, path) and not listed(rule.but, path) then
      lines = lines or text.lines(clean(path, text.read(path)))
      for number, line in ipairs(lines) do
        if rule.find(line) then
          print(("%s:%d: %s; %s"):format(path, number, rule.what, rule.fix))
          found = found + 1
        end
      end
    end
  end
end
os.exit(found == 0)
