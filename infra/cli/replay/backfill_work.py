"""The work of `replay backfill`: range, shadow topic, comparison, promotion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from infra.cli.replay.backfill_views import Found, print_counts, print_totals
from infra.cli.replay.opened import parse_moment
from infra.cli.replay.progress import Interrupted, Stop, progress
from infra.cli.terminal import UserError
from infra.clock import utc_now
from infra.models.catalogue import ModelCatalogue
from infra.models.prices_file import read_prices_file
from infra.models.spec import ModelsFileError
from infra.settings import Settings
from schemas.price import Price, Usage
from streams.backfill.appending import Appender
from streams.backfill.backfill_log import BackfillLog
from streams.backfill.capped import TooManyCapped, capped_bills
from streams.backfill.comparing import compare, read_on
from streams.backfill.processors import PROCESSORS, Processor, repricing_of, repricing_text
from streams.backfill.promoting import note_comparison, promote
from streams.backfill.reactor import Unprocessable
from streams.backfill.running import begin, run
from streams.backfill.shadow import Shadow, shadows
from topics.catalogue import USAGE_RECORDS, Catalogue, catalogue
from topics.cuts import Cut, format_cut, parse_cut
from topics.log import Log


@dataclass(frozen=True, slots=True)
class Work:
    """What a command works with."""

    settings: Settings
    log: Log
    stop: Stop

    @property
    def properties(self) -> dict[str, str]:
        """How to reach the broker."""
        return dict(self.settings.kafka.client_properties())

    def partitions(self, topics: tuple[str, ...]) -> dict[str, int]:
        """The partition counts of topics as they are. Raises UserError if one is not there, LogUnavailable."""
        there = self.log.topics()
        for topic in topics:
            if topic not in there:
                raise UserError(f"the log has no topic {topic} yet: start the stack once")
        return {topic: there[topic] for topic in topics}

    def catalogue(self, topic: str) -> Catalogue:
        """The topics with the partitions that they really have. Raises UserError if `topic` is not there, LogError."""
        self.partitions((topic,))
        return self.log.catalogue(catalogue())


def run_backfill(
    work: Work,
    processor_name: str,
    prices_file: Path | None,
    start: str | None,
    stop: str | None,
    name: str | None,
    *,
    strict: bool,
) -> None:
    """Run a processor into its shadow, from the beginning or from where it stopped. Raises UserError, LogError."""
    processor = PROCESSORS.get(processor_name)
    if processor is None:
        known = ", ".join(sorted(PROCESSORS))
        raise UserError(f"unknown processor {processor_name[:60]!r}; the processors are {known}")
    parameters = repricing_text(_prices(work.settings, prices_file))
    name = name or f"{processor.name}-{sha256(parameters.encode()).hexdigest()[:8]}"
    shadow = Shadow(work.properties, work.log, name)
    before = shadow.backfill_log() if shadow.exists() else BackfillLog()
    wanted = _range(work, processor, start, stop, before)
    with Appender(work.properties) as appender:
        if before.started is None:
            shadow.create(processor.produces, work.settings.kafka.replication_factor)
            before = begin(shadow, appender, processor, parameters, *wanted)
        _refuse_another(before, processor, parameters, wanted)
        if before.is_complete:
            print(f"{name} is complete already")
        else:
            before = _run(work, shadow, appender, processor, parameters, strict=strict, is_new=before.advanced is None)
    print_counts(name, before)


def _run(
    work: Work, shadow: Shadow, appender: Appender, processor: Processor, parameters: str, *, strict: bool, is_new: bool
) -> BackfillLog:
    topics = work.catalogue(processor.target)
    try:
        with progress(shadow.name) as report:
            return run(
                work.log,
                topics,
                shadow,
                appender,
                processor,
                replace(repricing_of(shadow.name, parameters), capped=_capped(work)),
                strict=strict,
                report=report,
                check=work.stop.check,
            )
    except (Unprocessable, TooManyCapped) as error:
        if is_new:
            shadow.drop()
        raise UserError(f"{error}. Nothing was changed") from None


def _capped(work: Work) -> dict[str, Usage]:
    """What bills count that leases have capped. Raises TooManyCapped, LogError."""
    return capped_bills(work.log.read(*work.log.held(work.partitions((USAGE_RECORDS,)))))


def _prices(settings: Settings, file: Path | None) -> dict[str, Price]:
    try:
        if file is not None:
            return read_prices_file(file)
        return {model.id: model.price for model in ModelCatalogue.of(settings)}
    except ModelsFileError as error:
        raise UserError(str(error)) from None


def _range(
    work: Work, processor: Processor, start: str | None, stop: str | None, before: BackfillLog
) -> tuple[Cut, Cut]:
    """The range that is asked for; what is not said is that of `before`, or everything up to now."""
    topics = work.partitions(processor.topics)
    first, end = work.log.held(topics)
    if before.started is not None:
        first, end = before.start, before.stop
    begins = first if start is None else parse_moment(start, work.log, topics, utc_now())
    ends = end if stop is None else parse_moment(stop, work.log, topics, utc_now())
    begins = {place: begins.get(place, 0) for place in ends}
    if before.started is None and all(begins[place] >= until for place, until in ends.items()):
        raise UserError(f"there is nothing to do: no record of {', '.join(topics)} lies between --from and --to")
    return begins, {place: max(until, begins[place]) for place, until in ends.items()}


def _refuse_another(backfill_log: BackfillLog, processor: Processor, parameters: str, wanted: tuple[Cut, Cut]) -> None:
    started = backfill_log.started
    if started is None:
        raise UserError("its backfill log is missing from the shadow topic: drop it, and run it again")
    name = started.name
    if (started.processor, started.parameters) != (processor.name, parameters):
        raise UserError(f"{name} was begun with other prices: choose another --name, or drop it first")
    if (started.start, started.stop) != (format_cut(wanted[0]), format_cut(wanted[1])):
        raise UserError(
            f"{name} was begun over the range from {started.start} to {started.stop}: "
            "leave out --from and --to to go on with it, or choose another --name"
        )


def _existing(work: Work, name: str) -> tuple[Shadow, BackfillLog, Processor]:
    shadow = Shadow(work.properties, work.log, name)
    if not shadow.exists():
        there = ", ".join(shadows(work.log)) or "none"
        raise UserError(f"there is no backfill {name!r}. The backfills are: {there}")
    backfill_log = shadow.backfill_log()
    processor = None if backfill_log.started is None else PROCESSORS.get(backfill_log.started.processor)
    if processor is None:
        raise UserError(f"{name} has a shadow topic, but no run was started in it: drop it, and run it again")
    return shadow, backfill_log, processor


def _complete(name: str, backfill_log: BackfillLog) -> None:
    if not backfill_log.is_complete:
        raise UserError(
            f"{name} covers {backfill_log.done:,} of {backfill_log.total:,} offsets of its range: "
            "run the same `backfill run` again to complete it first"
        )


@contextmanager
def compared(work: Work, name: str, *, note: bool) -> Iterator[Found]:
    """What counts today against the shadow. With `note` its log says that it was compared. Raises UserError."""
    shadow, backfill_log, processor = _existing(work, name)
    _complete(name, backfill_log)
    first, end = work.log.held(work.partitions((processor.target,)))
    since = end if backfill_log.compared is None else parse_cut(backfill_log.compared.against)
    with progress(f"comparing {name}") as report:
        comparison = compare(work.log, shadow, first, end, since=since, report=report, check=work.stop.check)
    with comparison:
        if note:
            with Appender(work.properties) as appender:
                note_comparison(shadow, appender, end)
        yield Found(name, backfill_log, comparison, end)


def promote_backfill(work: Work, name: str, agreed: Callable[[], bool]) -> None:
    """Make a shadow count, if `agreed` says so after the totals are shown. Raises UserError, LogError."""
    shadow, backfill_log, processor = _existing(work, name)
    if backfill_log.promoted is not None:
        print(f"{name} is promoted already; nothing was changed")
        return
    topics = work.catalogue(processor.target)
    with compared(work, name, note=False) as found:
        _refuse_overtaken(found)
        print_totals(found)
        if not agreed():
            print("nothing was changed")
            return
        work.stop.check()
        # Another backfill may have been promoted while the totals were read.
        _, now = work.log.held(work.partitions((processor.target,)))
        read_on(work.log, found.comparison, found.against, now, since=found.against, report=_quiet, check=_quiet)
        _refuse_overtaken(found)
        with Appender(work.properties) as appender, progress(f"promoting {name}") as report:
            note_comparison(shadow, appender, now)
            total = shadow.end() - backfill_log.promoted_upto
            offsets = found.comparison.offsets()
            try:
                count = promote(
                    shadow,
                    topics,
                    appender,
                    processor,
                    offsets,
                    backfill_log.promoted_upto,
                    total=total,
                    report=report,
                    check=work.stop.check,
                )
            except Interrupted:
                print(f"{name} is half promoted: promote it again to finish")
                raise
    print(f"{name} is promoted: {count:,} records appended to {processor.target}")


def drop_backfill(work: Work, name: str) -> None:
    """Delete a shadow that does not count. Raises UserError, LogError."""
    shadow = Shadow(work.properties, work.log, name)
    if not shadow.exists():
        raise UserError(f"there is no backfill {name!r} to drop")
    backfill_log = shadow.backfill_log()
    if backfill_log.promoted is not None:
        raise UserError(f"{name} is promoted: its records count, and its shadow goes by itself 30 days after it")
    if backfill_log.promoted_upto:
        raise UserError(f"{name} is half promoted: promote it again to finish; then its shadow goes by itself")
    shadow.drop()
    print(f"{name} was dropped; none of its records counted")


def _refuse_overtaken(found: Found) -> None:
    if found.comparison.overtaken:
        others = ", ".join(sorted(found.comparison.overtaken))
        raise UserError(
            f"since {found.name} was compared, {others} changed what counts for the same generations (the later "
            f"promotion wins): run `backfill diff {found.name}` again, then promote"
        )


def _quiet(*_: object) -> None:
    """Nothing to report."""
