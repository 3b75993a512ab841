"""How an answer is asked for: what a prompt may say of it beside its words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.consistency.upgrading import check_written
from api.http.bodies import CommandBody
from api.http.errors import bad_request
from api.turns.alternatives import Alternatives
from schemas.conversation import Request, Sampling
from schemas.limits import MAX_TOKENS

MAX_SYSTEM_PROMPT_CHARACTERS = 100_000

Temperature = Annotated[float | None, Field(ge=0, le=2)]
TopP = Annotated[float | None, Field(ge=0, le=1)]
MaxTokens = Annotated[int | None, Field(ge=1, le=MAX_TOKENS)]


class SampledBody(CommandBody):
    """`instructions`: how to answer, put before the messages of this answer alone. `models`: those that may answer
    instead, where the model's own queue is too long. The others: as the model's engine takes them; left out: its
    defaults."""

    instructions: str | None = Field(default=None, min_length=1, max_length=MAX_SYSTEM_PROMPT_CHARACTERS)
    temperature: Temperature = None
    top_p: TopP = None
    max_tokens: MaxTokens = None
    models: Alternatives | None = None

    def asked(self) -> dict[str, Any]:
        """As in every release for a request that says nothing of this: its repeat may come after an upgrade."""
        said = super().asked()
        return {name: value for name, value in said.items() if value is not None or name not in _NEW}

    @property
    def sampling(self) -> Sampling:
        return Sampling(max_tokens=self.max_tokens, temperature=self.temperature, top_p=self.top_p)

    def request(self) -> Request | None:
        """What the command's record says beside the sampling. Raises ApiError 400 before the upgrade is finished."""
        if self.instructions is None:
            return None
        if not self.instructions.strip():
            raise bad_request("Invalid value for 'instructions': it is empty.", param="instructions")
        check_written("instructions")
        return Request(instructions=self.instructions)


_NEW = frozenset(SampledBody.model_fields) - frozenset(CommandBody.model_fields)
