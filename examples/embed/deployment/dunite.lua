-- Served from inside ../main.c, which gives it the module "desk".

local dunite = require "dunite"

return dunite.deployment {
  name = "embedded",
  listen = { "127.0.0.1:0" },
  workers = 2,
  routes = "routes",
}
