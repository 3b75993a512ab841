"""State folders as releases left them, which every later release's `up` has to bring along."""
