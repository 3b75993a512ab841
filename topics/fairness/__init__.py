"""Which job is next: the rule of the workers, which anyone who reads the log can apply again. Pure."""
