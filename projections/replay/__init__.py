"""Replay of projections: fill tables, compare them with the log, show past states."""
