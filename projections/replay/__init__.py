"""What the log can do again: fill tables, compare them with it, show what was."""
