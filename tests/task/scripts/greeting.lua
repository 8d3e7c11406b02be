return "grüß \"dich\" \\n"
