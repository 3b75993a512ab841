"""The models this installation serves: what models.toml says, checked, in frozen objects.

catalogue = ModelCatalogue.load(settings.models)
spec = catalogue.get("verbatim-local")          # ModelNotFound for an unknown id
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.models.models_file import read_models_file
from infra.models.spec import Deadlines, ModelsFileError, ModelSpec

__all__ = [
    "Deadlines",
    "ModelCatalogue",
    "ModelNotFound",
    "ModelSpec",
    "ModelsFileError",
]

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "models.toml"


class ModelNotFound(Exception):
    """No model of the catalogue has this id."""

    def __init__(self, model_id: str) -> None:
        super().__init__(f"the model {model_id!r} does not exist")
        self.model_id = model_id


class ModelCatalogue:
    """All models, in the order of their files. Immutable."""

    def __init__(self, models: Sequence[ModelSpec], default_model: str | None = None) -> None:
        self._models = {spec.id: spec for spec in models}
        self._default = default_model or next(iter(self._models))

    @classmethod
    def load(cls, paths: Sequence[Path] = (), *, shipped: bool = True) -> ModelCatalogue:
        """Read the shipped file (unless `shipped` is False), then `paths` in their order.

        Raises ModelsFileError at the first wrong entry, also for an id declared twice and for no model at all.
        """
        files = ([SHIPPED_FILE] if shipped else []) + list(paths)
        models: dict[str, ModelSpec] = {}
        default: tuple[str, Path, int] | None = None
        for path in files:
            entries = read_models_file(path)
            for spec in entries.models:
                if spec.id in models:
                    line = int(spec.declared_at.rpartition(":")[2])
                    first = models[spec.id].declared_at
                    problem = f"the model id {spec.id!r} is already declared at {first}, ids must be unique"
                    raise ModelsFileError(path, line, problem)
                models[spec.id] = spec
            if entries.default_model is not None:
                default = (entries.default_model, path, entries.default_line)
        if not models:
            raise ModelsFileError(
                files[-1] if files else SHIPPED_FILE, 1, "no model, at least one [[model]] is expected"
            )
        if default is not None and default[0] not in models:
            raise ModelsFileError(default[1], default[2], f"default_model {default[0]!r} is not the id of a model")
        return cls(tuple(models.values()), default[0] if default else None)

    @property
    def default_model(self) -> ModelSpec:
        """The model of requests that name none: `default_model` of the last file that has it, else the first."""
        return self._models[self._default]

    def get(self, model_id: str) -> ModelSpec:
        """The model with this id. Raises ModelNotFound."""
        try:
            return self._models[model_id]
        except KeyError:
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
