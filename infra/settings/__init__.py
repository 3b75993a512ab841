"""All settings, in one frozen object that `__main__` modules read and pass down.

Sources, first wins: arguments to `load`, environment (`VERBATIM_KAFKA__BOOTSTRAP=…`), the TOML file named
by `VERBATIM_CONFIG` (default `verbatim.toml` in the working folder, if there is one), defaults.
A server whose address is set here is external: `./verbatim up` does not start it.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.settings.environment import CONFIG_FILE_VARIABLE, PREFIX, refuse_unknown_names
from infra.settings.errors import SettingsError
from infra.settings.processes import (
    ApiSettings,
    ArchiveSettings,
    BlobSettings,
    LogSettings,
    MetricsSettings,
    WorkerSettings,
)
from infra.settings.section import Section
from infra.settings.servers import (
    DEFAULT_KEYSPACE,
    CassandraSettings,
    InstallationSettings,
    KafkaSettings,
    RedisSettings,
    ServersSettings,
    TritonSettings,
)

DEFAULT_CONFIG_FILE = "verbatim.toml"


class Settings(BaseSettings):
    """All settings. Frozen; unknown names are refused, so that a typing error never goes unnoticed.

    `shipped_models`: which of the models that come with Verbatim are offered. `default_model`: the model of requests
    that name none; empty: what the models files say, else the first that is offered. `titles`: the model that makes
    titles for conversations, "off": none; empty: the language model that comes with Verbatim, where it is offered.

    `join_agents`: whether `up` runs the agents of infra.stack.joining in one process; unset: on a small host.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )

    state: Path = Path(".verbatim")
    models: tuple[Path, ...] = ()
    shipped_models: tuple[str, ...] = ("smollm2-135m-instruct",)
    default_model: str = ""
    titles: str = ""
    policy: Path | None = None
    tiers: Path | None = None
    join_agents: bool | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    installation: InstallationSettings = InstallationSettings()
    kafka: KafkaSettings = KafkaSettings()
    log: LogSettings = LogSettings()
    cassandra: CassandraSettings = CassandraSettings()
    redis: RedisSettings = RedisSettings()
    triton: TritonSettings = TritonSettings()
    servers: ServersSettings = ServersSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    metrics: MetricsSettings = MetricsSettings()
    archive: ArchiveSettings = ArchiveSettings()
    blobs: BlobSettings = BlobSettings()

    @model_validator(mode="after")
    def _name_all_by_the_prefix(self) -> Settings:
        """What is named explicitly keeps its name."""
        prefix = self.installation.prefix
        if not prefix:
            return self
        names: dict[str, dict[str, str]] = {
            "kafka": {"prefix": prefix},
            "redis": {"prefix": prefix},
            "cassandra": {"keyspace": f"{prefix}_{DEFAULT_KEYSPACE}"},
        }
        for section, named in names.items():
            given: Section = getattr(self, section)
            if not named.keys() & given.model_fields_set:
                object.__setattr__(self, section, given.model_copy(update=named))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(CONFIG_FILE_VARIABLE, DEFAULT_CONFIG_FILE)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def load(**overrides: Any) -> Settings:
    """Read the settings.

    Raises SettingsError with one line a mistake: the setting's name and what is expected of it.
    """
    refuse_unknown_names(os.environ, setting_names())
    named = os.environ.get(CONFIG_FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_FILE_VARIABLE} names {named}, which is not a file")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError("wrong settings: " + "; ".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{named or DEFAULT_CONFIG_FILE} is not TOML: {error}") from None


def setting_names() -> frozenset[str]:
    """The names of all settings as environment variables; a section as a whole (JSON) is one too."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        names.add(f"{PREFIX}{name.upper()}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= {f"{PREFIX}{name.upper()}__{inner.upper()}" for inner in field.annotation.model_fields}
    return frozenset(names)
