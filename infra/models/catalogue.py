"""The models this installation serves: what models.toml says, checked, in frozen objects.

catalogue = ModelCatalogue.of(settings)
spec = catalogue.get("verbatim-local")          # ModelNotFound for an unknown id
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.models.embedding_spec import EmbeddingSpec
from infra.models.models_file import declared_twice, read_models_file
from infra.models.spec import Deadlines, ModelsFileError, ModelSpec
from infra.settings.errors import SettingsError

if TYPE_CHECKING:
    from infra.settings import Settings

__all__ = [
    "Deadlines",
    "EmbeddingSpec",
    "ModelCatalogue",
    "ModelNotFound",
    "ModelSpec",
    "ModelsFileError",
    "WrongKindOfModel",
]

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "models.toml"


OFF = "off"
TITLES_BY_DEFAULT = "smollm2-135m-instruct"
"""The shipped model that makes titles unasked. It computes here: no other is asked, or paid, without being named."""
SCRIPTED = ("verbatim-local", "verbatim-local-llmapi")
"""The shipped models without weights, by the names that logs and clients know."""


class ModelNotFound(Exception):
    """No model of the catalogue has this id."""

    def __init__(self, model_id: str) -> None:
        super().__init__(f"the model {model_id!r} does not exist")
        self.model_id = model_id


class WrongKindOfModel(ModelNotFound):
    """The model with this id does something else. `embeds`: it makes embeddings; otherwise it answers prompts."""

    def __init__(self, model_id: str, *, embeds: bool) -> None:
        super().__init__(model_id)
        self.embeds = embeds


class ModelCatalogue:
    """All models that answer prompts, in the order of their files; `embeddings` are apart. Immutable."""

    def __init__(
        self,
        models: Sequence[ModelSpec],
        default_model: str | None = None,
        embeddings: Sequence[EmbeddingSpec] = (),
        titles: ModelSpec | None = None,
    ) -> None:
        """`titles`: the model that makes titles for conversations; None: none does."""
        self._models = {spec.id: spec for spec in models}
        self._embeddings = {spec.id: spec for spec in embeddings}
        self._default = default_model or next(iter(self._models), "")
        self.titles = titles

    @classmethod
    def of(cls, settings: Settings) -> ModelCatalogue:
        """The models of an installation. Raises ModelsFileError, SettingsError for a setting that names no model."""
        loaded = cls.load(settings.models, offered=settings.shipped_models)
        shipped = {spec.id for spec in loaded if spec.declared_at.startswith(f"{SHIPPED_FILE}:")}
        if unknown := [name for name in settings.shipped_models if name not in shipped]:
            raise SettingsError(f"shipped_models: {unknown[0]!r} is not the id of a model that comes with Verbatim")
        for name, named in (("default_model", settings.default_model), ("titles", settings.titles)):
            if named and named not in loaded and (name, named) != ("titles", OFF):
                raise SettingsError(f"{name}: {named!r} is not the id of a model that answers prompts")
        default = settings.default_model or loaded.default_model.id
        return cls(tuple(loaded), default, loaded.embeddings, loaded.titles_by(settings.titles))

    def titles_by(self, named: str) -> ModelSpec | None:
        """Who makes titles where the setting says `named`, OFF or nothing. Raises ModelNotFound."""
        if named:
            return None if named == OFF else self.get(named)
        return self._models.get(TITLES_BY_DEFAULT)

    @classmethod
    def load(
        cls, paths: Sequence[Path] = (), *, shipped: bool = True, offered: Sequence[str] = SCRIPTED
    ) -> ModelCatalogue:
        """Read the shipped file (unless `shipped` is False), then `paths` in their order.

        Of the shipped models, `offered` are listed, and the first of them is the default unless a file names one. The
        others can be asked for; those of a GGUF file are left out, since serving one takes memory.

        Raises ModelsFileError at the first wrong entry, also for an id declared twice and for no model at all.
        """
        files = ([SHIPPED_FILE] if shipped else []) + list(paths)
        models: dict[str, ModelSpec] = {}
        embeddings: dict[str, EmbeddingSpec] = {}
        declared: dict[str, str] = {}
        default: tuple[str, Path, int] | None = None
        for path in files:
            entries = read_models_file(path)
            found: tuple[ModelSpec | EmbeddingSpec, ...] = (*entries.models, *entries.embeddings)
            for spec in found:
                if spec.id in declared:
                    line = int(spec.declared_at.rpartition(":")[2])
                    raise declared_twice(path, line, spec.id, declared[spec.id])
                declared[spec.id] = spec.declared_at
            kept = _offered(entries.models, offered) if path == SHIPPED_FILE else entries.models
            models |= {model.id: model for model in kept}
            embeddings |= {model.id: model for model in entries.embeddings}
            if entries.default_model is not None:
                default = (entries.default_model, path, entries.default_line)
        if not models:
            raise ModelsFileError(
                files[-1] if files else SHIPPED_FILE, 1, "no model, at least one [[model]] is expected"
            )
        if default is not None and default[0] not in models:
            raise ModelsFileError(default[1], default[2], f"default_model {default[0]!r} is not the id of a model")
        first = next((model for model in offered if model in models), None) if shipped else None
        return cls(tuple(models.values()), default[0] if default else first, tuple(embeddings.values()))

    @property
    def default_model(self) -> ModelSpec:
        """The model of requests that name none: `default_model` of the last file that has it, else the first.

        Raises ModelNotFound where there is none at all.
        """
        return self.get(self._default)

    def within(self, allows: Callable[[str], bool], most_context: int | None) -> ModelCatalogue:
        """Those whose ids `allows` lets through, with a context of at most so many tokens each (None: all
        that it has). There may be none."""
        models = tuple(spec.within(most_context) for spec in self if allows(spec.id))
        default = self._default if any(spec.id == self._default for spec in models) else None
        embeddings = tuple(spec for spec in self.embeddings if allows(spec.id))
        return ModelCatalogue(models, default, embeddings, self.titles)

    def get(self, model_id: str) -> ModelSpec:
        """The model with this id. Raises ModelNotFound, WrongKindOfModel for one that makes embeddings."""
        try:
            return self._models[model_id]
        except KeyError:
            if model_id in self._embeddings:
                raise WrongKindOfModel(model_id, embeds=True) from None
            raise ModelNotFound(model_id) from None

    @property
    def embeddings(self) -> tuple[EmbeddingSpec, ...]:
        """The models that make embeddings, in the order of their files."""
        return tuple(self._embeddings.values())

    def embedding(self, model_id: str) -> EmbeddingSpec:
        """The embedding model with this id. Raises ModelNotFound, WrongKindOfModel for one that answers prompts."""
        try:
            return self._embeddings[model_id]
        except KeyError:
            if model_id in self._models:
                raise WrongKindOfModel(model_id, embeds=False) from None
            raise ModelNotFound(model_id) from None

    def of_pool(self, pool: str) -> tuple[ModelSpec, ...]:
        """The models that workers of `pool` serve."""
        return tuple(spec for spec in self if spec.pool == pool)

    @property
    def gguf_models(self) -> tuple[ModelSpec, ...]:
        """The models whose files the local Triton serves."""
        return tuple(spec for spec in self if spec.gguf is not None)

    @property
    def pools(self) -> tuple[str, ...]:
        """Every pool that has a model, each once, in file order."""
        return tuple(dict.fromkeys(spec.pool for spec in self))

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._models


def _offered(models: Sequence[ModelSpec], offered: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The shipped models that are served, those that are offered first and in that order."""
    by_id = {model.id: model for model in models}
    first = [by_id[name] for name in offered if name in by_id]
    others = [replace(model, listed=False) for model in models if model.id not in offered and model.gguf is None]
    return (*first, *others)
