"""Excludes objects that exist at startup from the interpreter's garbage collections.

A full collection looks at every object there is, with the interpreter's lock held: 0.1 to 0.2 s for what an API process
has loaded, and a body of many values brings one about. After this it looks only at what came later.
"""

from __future__ import annotations

import gc

AGENT_ALLOCATIONS = 5_000
"""Objects made and not freed, after which an agent's process looks for garbage; Python's own number is 700."""


def keep_out_of_collections() -> None:
    """Call once, when everything is loaded and before the first request."""
    gc.collect()
    gc.freeze()


def collect_rarely() -> None:
    """As `keep_out_of_collections`, and the collections of what came later are seldom too.

    For the agents' processes: Faust makes thousands of short-lived objects a record, nearly all of them freed without a
    collection, and collections took a quarter of the conversation process' time.
    """
    keep_out_of_collections()
    gc.set_threshold(AGENT_ALLOCATIONS, 20, 20)
