local debian = require "debian"

return function(app)
  app:mount("/debian", debian.routes {
    app = app, upstream = app.upstreams.debian, limit = app.limits.packages, suites = { "stable" },
  })
end
