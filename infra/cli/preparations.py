"""The composition root of `up`: what the stack needs from rooms that infra itself may not know.

Everything is imported inside the steps: `up` shows its first line before any driver is loaded.
"""

from __future__ import annotations

from infra.settings import Settings
from infra.stack.errors import StackError
from infra.stack.prepare import Preparation, Preparations


def preparations() -> Preparations:
    """Topics and tables before our processes start; the first user and key once they run; then what an older release
    left behind."""
    behind: list[str] = []

    async def make_tables(settings: Settings) -> None:
        behind[:] = await _make_tables(settings)

    return Preparations(
        before=(
            Preparation("making topics", _make_topics),
            Preparation("making tables", make_tables),
            Preparation("preparing embeddings", fetch_vectors),
        ),
        first_key=_first_key,
        is_behind=lambda: bool(behind),
    )


def check_models(settings: Settings) -> None:
    """Read every models file, and the heads of the model files it names. Raises StackError naming file and line."""
    from infra.embeddings.gguf_files import check_files
    from infra.models.catalogue import ModelCatalogue
    from infra.models.spec import ModelsFileError
    from infra.settings.errors import SettingsError
    from infra.stack.gguf_models import check_gguf, packaged
    from infra.stack.memory import memory_available

    try:
        catalogue = ModelCatalogue.of(settings)
        check_files(catalogue.embeddings, memory_available())
    except (ModelsFileError, SettingsError) as error:
        raise StackError(str(error)) from None
    models = catalogue.gguf_models
    if settings.triton.grpc and (own := [spec for spec in models if spec not in packaged(models)]):
        raise StackError(
            f"{own[0].declared_at}: model {own[0].id!r}: a gguf needs the local Triton, and triton.grpc is set"
        )
    for spec in models:
        if spec not in packaged(models):
            check_gguf(spec)


def fetch_vectors(settings: Settings) -> None:
    """The files of embedding models that come with Verbatim. Without them the rest works, so a failure is a warning."""
    from infra.cache import cache_dir
    from infra.logging import get_logger
    from infra.models.catalogue import ModelCatalogue
    from infra.stack.local_models import fetch_packages
    from infra.stack.word_vectors import WORD_VECTORS

    log = get_logger(__name__)
    fetches = {"static": WORD_VECTORS.fetch, "gguf": fetch_packages}
    for engine in {spec.engine for spec in ModelCatalogue.of(settings).embeddings} & fetches.keys():
        try:
            fetches[engine](cache_dir(), lambda doing: log.info(doing))
        except StackError as error:
            log.warning("there are no embeddings until the next start", engine=engine, reason=str(error))


def _make_topics(settings: Settings) -> None:
    from infra.models.catalogue import ModelCatalogue
    from topics.admin import create_topics
    from topics.counts import configured
    from topics.errors import LogError

    kafka = settings.kafka
    topics = configured(kafka, ModelCatalogue.of(settings).pools)
    try:
        create_topics(kafka.client_properties(), topics, kafka.replication_factor)
    except LogError as error:
        raise StackError(str(error)) from None


async def _make_tables(settings: Settings) -> tuple[str, ...]:
    import projections

    try:
        return await projections.migrate(settings)
    except projections.OtherRelease as error:
        raise StackError(str(error)) from None


async def _first_key(settings: Settings, known: str | None) -> str:
    from infra.cli.first_key import ensure_first_key

    return await ensure_first_key(settings, known)
