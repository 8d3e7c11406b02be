-- A Debian repository for members: one upstream, fetched once, checked by the digests that apt itself goes by.

local dunite = require "dunite"

return dunite.deployment {
  name = "debian",
  data_dir = "data",
  upstreams = { debian = { kind = "plain", url = dunite.env "DEBIAN_UPSTREAM_URL" } },
  limits = { packages = { concurrency = 8, daily_cap = 1000 } },
  flights = { "dunite.debian" },
  routes = "routes",
}
