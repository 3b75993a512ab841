"""Excludes objects that exist at startup from the interpreter's garbage collections.

A full collection looks at every object there is, with the interpreter's lock held: 0.1 to 0.2 s for what an API process
has loaded, and a body of many values brings one about. After this it looks only at what came later.
"""

from __future__ import annotations

import gc


def keep_out_of_collections() -> None:
    """Call once, when everything is loaded and before the first request."""
    gc.collect()
    gc.freeze()
