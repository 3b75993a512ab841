"""Moderation: what may be asked and answered."""
