std = "lua54"
max_line_length = 120
-- A handler may leave arguments unused; their names still say what it is given.
unused_args = false
files["spec"] = { std = "+busted" }
files["**/*_spec.lua"] = { std = "+busted" }
-- Declares the C objects for editors; nothing in it runs.
files["scripts/dunite/meta"] = { max_line_length = false, ignore = { "211", "241" } }
