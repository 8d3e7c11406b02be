std = "lua54"
max_line_length = 120
-- A handler may leave arguments unused; their names still say what it is given.
unused_args = false
files["spec"] = { std = "+busted" }
files["**/*_spec.lua"] = { std = "+busted" }
