"""Recorded logs, and what they came to: replayed with today's code they must come to the same, byte for byte."""
