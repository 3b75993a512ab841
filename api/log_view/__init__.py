"""The log view: the events of a conversation as the log holds them, and the timeline of each generation."""
