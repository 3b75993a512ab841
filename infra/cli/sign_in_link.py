"""The address that signs one browser in."""

from __future__ import annotations

from infra.stack.layout import Layout
from infra.stack.session_secret import known_session_secret


def sign_in_link(api_url: str, key_sha256: str, layout: Layout) -> str | None:
    """A link good once and for an hour, for the holder of this key; None where the state folder has no secret (yet).

    What stands behind the # is not sent to any server: the page gives it to the API and takes it out of the address.
    """
    # Imported here: `up` shows its first line before it needs any of this.
    from api.access.sessions import NONCE_BYTES, Sessions
    from infra.clock import now_us
    from infra.ids import draw_bytes

    secret = known_session_secret(layout)
    if not secret:
        return None
    text = Sessions(secret, 0).link(key_sha256, draw_bytes(NONCE_BYTES), now_us() // 1_000_000)
    return f"{api_url}/#link={text}"
