-- The Forgejo that specs have as their upstream (t.forgejo), to be served by hand. See README.md.

return require "dunite.test.forgejo.deployment"
