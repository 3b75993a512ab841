"""The log behind a conversation: its events as they stand there, and what became of each of its generations."""
