
error "from the program"
