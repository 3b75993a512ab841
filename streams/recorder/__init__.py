"""The recorder: token-chunks -> one outcome a generation."""
