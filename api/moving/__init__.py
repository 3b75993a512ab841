"""Conversations leave and come: exports, and imports from other products."""
