"""Blobs: bytes that are named by their SHA-256 and never change."""
