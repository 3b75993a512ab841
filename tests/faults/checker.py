"""The one checker: evidence in, broken promises out. Pure; `python -m tests.faults.checker` collects and prints.

Invariants are numbered as in docs/guarantees.md. I13 (memory) and I15 (recovery) need a clock and are measured by the
runner; I14 is seen here only as a reader that was left waiting.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.generation import AttemptStarted
from tests.faults import rules_json, rules_log, rules_readers, rules_stores, rules_users
from tests.faults.accepted import Accepted
from tests.faults.background import BACKGROUND
from tests.faults.evidence import CancelAnswered, Cut, Evidence, Frame, Transcript, Violation
from tests.faults.facts import STATUS, Facts

PROMISES = {
    "I1": "acknowledged => one terminal, one outcome",
    "I2": "one key, one turn",
    "I3": "sequence 0 … n + 1, no gap, no repeat",
    "I4": "transcript = stored = log",
    "I5": "published text never changes",
    "I8": "what the log holds, the stores show",
    "I9": "billed once, to the token",
    "I12": "cancelled once, nothing after the end",
    "I14": "nobody waits for ever",
    "I16": "same key: same turn, or 422",
    "I20": "a graceful restart fails no turn",
    "I22": "poison is parked once",
    "I23": "a completed JSON answer keeps to its schema",
}


def check(evidence: Evidence, *, expect_all_finished: bool = True, expect_stored: bool = True) -> list[Violation]:
    """Every promise that this run broke, sorted; [] for none.

    `expect_all_finished` False: a run that was not waited for, so open generations and late bills are no fault.
    `expect_stored` False: `evidence.stored` is not all that the stores hold, so what is missing there is no fault.
    """
    return violations(Facts(evidence), expect_all_finished=expect_all_finished, expect_stored=expect_stored)


def violations(facts: Facts, *, expect_all_finished: bool, expect_stored: bool) -> list[Violation]:
    """As `check`, for evidence that is sorted already."""
    found: set[Violation] = set()
    for rule in _RULES:
        found.update(rule(facts))
    found.update(rules_log.one_end(facts, expect_all_finished))
    found.update(rules_log.billed_once(facts, expect_all_finished))
    if expect_stored:
        found.update(rules_stores.nothing_is_missing(facts))
    return sorted(found, key=lambda broken: (int(broken.invariant[1:]), broken.subject, broken.detail))


_RULES = (
    rules_log.one_turn_a_key,
    rules_log.one_body_a_key,
    rules_log.one_title_a_conversation,
    rules_log.nothing_published_changes,
    rules_log.cancelled_once,
    rules_log.no_turn_fails_by_a_restart,
    rules_log.poison_is_parked_once,
    rules_users.context_is_whole,
    rules_users.follows_what_was_seen,
    rules_users.right_requests_are_taken,
    rules_readers.in_sequence,
    rules_readers.events_in_sequence,
    rules_readers.same_as_the_log,
    rules_readers.whole_texts,
    rules_readers.decodes_itself,
    rules_readers.nobody_was_left_waiting,
    rules_stores.shown_as_it_was,
    rules_stores.stored_once,
    rules_json.keeps_to_its_schema,
)


def table(evidence: Evidence, broken: Sequence[Violation]) -> str:
    """What was looked at, and how often each promise was broken, for people."""
    facts = Facts(evidence)
    ends = Counter(STATUS[type(entries[0].record)] for entries in facts.outcomes.values())
    attempts = (entry.record.number for entry in facts.log if isinstance(entry.record, AttemptStarted))
    looked_at = {
        "prompts in the log": len(facts.commands),
        "acknowledged": len(facts.acked),
        **{f"  {status}": ends[status] for status in STATUS.values() if ends[status]},
        "held to a schema": len(held := [name for name in facts.commands if facts.schema(name)]),
        "  completed whole": sum(rules_json.is_whole(facts.outcome(name)) for name in held),
        "of more parts than text": len(parts := [name for name, said in facts.accepted.items() if _has_parts(said)]),
        "  completed": sum(rules_json.is_whole(facts.outcome(name)) for name in parts),
        "read in the background": sum(_in_background(entry) for entry in evidence.journal),
        "further attempts": sum(number > 1 for number in attempts),
        "void chunks": sum(len(reading.void) for reading in facts.accepted.values()),
        "readers": len(facts.readers),
        "frames read": _count(evidence.journal, Frame),
        "connections cut": _count(evidence.journal, Cut),
        "cancels answered": _count(evidence.journal, CancelAnswered),
        "records in the log": len(evidence.log),
        "messages stored": len(evidence.stored),
        "faults": len(evidence.faults),
    }
    counts = Counter(violation.invariant for violation in broken)
    lines = [f"{what:<24}{number:>8}" for what, number in looked_at.items()]
    lines += ["", f"{'invariant':<46}{'violations':>10}"]
    lines += [f"{name:<4} {promise:<41}{counts[name]:>10}" for name, promise in PROMISES.items()]
    lines += [f"{violation.invariant} {violation.subject}: {violation.detail}" for violation in broken[:50]]
    lines += [f"… and {len(broken) - 50} more"] if len(broken) > 50 else []
    return "\n".join(lines)


def _has_parts(said: Accepted) -> bool:
    return said.visible != said.text


def _in_background(entry: object) -> bool:
    return isinstance(entry, Transcript) and entry.reader.endswith(BACKGROUND)


def _count(entries: Iterable[object], kind: type) -> int:
    return sum(isinstance(entry, kind) for entry in entries)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no violation; 1: at least one; 2: there is nothing to check."""
    from tests.faults.store_evidence import collect

    parser = argparse.ArgumentParser(prog="python -m tests.faults.checker", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder of a running stack")
    parser.add_argument("--journal", type=Path, required=True, help="what the workload wrote")
    parser.add_argument("--fault", action="append", default=[], help='"kill worker", "term api", …; may be repeated')
    given = parser.parse_args(arguments)
    if not given.journal.is_file():
        print(f"There is no journal {given.journal}.", file=sys.stderr)
        return 2
    evidence = collect(given.state, given.journal, tuple(given.fault))
    broken = check(evidence)
    print(table(evidence, broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
