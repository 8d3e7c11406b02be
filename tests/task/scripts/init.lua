return "embedded init"
