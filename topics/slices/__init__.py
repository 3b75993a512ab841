"""Slices: part of the log as files (conversations, a user, a span of time), to be replayed elsewhere.

`manifest` says what is in it and proves it; `selection` chooses; `export` writes, `folder` reads and distrusts;
`references` moves records to another log; `target` compares with that log, `replay` appends to it.
"""
