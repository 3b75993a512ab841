"""What is said of sign-ins, as the tables keep it: a sign-out is taken back by none that comes late."""

from __future__ import annotations

from itertools import permutations

from projections.rows import Put
from projections.sign_ins.fold import fold
from projections.sign_ins.table import SIGNED_OUT
from schemas.envelope import Envelope, Position
from schemas.signing import IssuerSignedOut

ENVELOPE = Envelope("e", 1, None, "c", "a")


def test_the_latest_time_of_the_issuer_counts_in_any_order() -> None:
    outs = [
        IssuerSignedOut(envelope=ENVELOPE, issuer="i", subject="s", issuer_session="", at_s=at_s)
        for at_s in (1_800_000_000, 1_800_000_300, 1_800_000_100)
    ]
    for order in permutations(outs):
        kept = (-1, 0)
        for offset, out in enumerate(order):
            (change,) = fold(out, Position(0, 0, offset))
            assert isinstance(change, Put)
            assert (change.table, change.key) == (SIGNED_OUT, ("i", "sub:s"))
            kept = max(kept, (change.timestamp, change.cells["at_s"]))
        assert kept[1] == 1_800_000_300
