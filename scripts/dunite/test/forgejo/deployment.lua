-- A Forgejo for tests and demonstrations: answers its API, its downloads and its registry from a folder, as Forgejo's
-- source does. (examples/forgejo
-- serves it by hand.)

local dunite = require "dunite"
local env = dunite.env

return dunite.deployment {
  name = "forgejo-double",
  listen = { env("DOUBLE_LISTEN", "127.0.0.1:3000") },
  data_dir = env("DUNITE_DATA_DIR", env("DOUBLE_ROOT", ".") .. "/data"),
  workers = 1, -- so that counts and gates are of one state
  routes = "dunite.test.forgejo.routes",
}
