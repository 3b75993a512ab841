"""The ideal user of responses in the background: begun under a key, followed event by event, read again at the end."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx

from tests.faults.evidence import Acked, GaveUp, Intent, Misread, Transcript, Unknown
from tests.faults.turns import Prompt, digest
from tests.faults.user import KEY, User, blocks

BACKGROUND = "/background"
"""How the names of such readers end."""
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class BackgroundUser(User):
    """A user who also lets responses be made in the background, and comes back for them."""

    async def respond(self, prompt: Prompt, name: str) -> bool:
        """One response in the background, followed to its end and then read once more from the beginning. True once it
        was read to its end; whatever dies meanwhile, it is resumed after the last event that came."""
        response = await self._begun(prompt)
        if response is None:
            return False
        generation = str(UUID(response.removeprefix("resp_")))
        followed: list[str] = []
        async for tried in self._tries():
            before = len(followed)
            if await self._read(response, followed, generation, name):
                break
            if len(followed) > before:
                tried.progressed()
        else:
            self._journal.write(GaveUp(name, generation, f"nothing for {self._patience_s:.0f} s"))
            return False
        async for _ in self._tries():
            again: list[str] = []
            if await self._read(response, again, generation, name):
                if again != followed:
                    self._journal.write(Misread(name, generation, "read again, its events are not the same"))
                break
        events = [json.loads(data) for data in followed]
        text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
        reason = "stop" if events[-1]["type"] == "response.completed" else "error"
        self._journal.write(Transcript(name, generation, text, reason))
        return True

    async def _begun(self, prompt: Prompt) -> str | None:
        """The id of the response; None if nobody took it within the user's patience."""
        body = prompt.response
        async for _ in self._tries():
            self._journal.write(Intent(prompt.key, "", prompt.tag, prompt.count, digest(body)))
            try:
                answer = await self._http.post("/v1/responses", json=body, headers={KEY: prompt.key})
            except httpx.HTTPError as error:
                self._journal.write(Unknown(prompt.key, type(error).__name__))
                continue
            if answer.status_code == 200:
                response = str(answer.json()["id"])
                self._journal.write(Acked(prompt.key, str(UUID(response.removeprefix("resp_"))), ""))
                return response
            # What failed at once is answered with a status too, so no 4xx is a clear no.
            self._journal.write(Unknown(prompt.key, str(answer.status_code)))
        return None

    async def _read(self, response: str, events: list[str], generation: str, name: str) -> bool:
        """Read on behind the last of `events`, and add what comes. True once the last one is there."""
        params: dict[str, Any] = {"stream": "true"}
        if events:
            params["starting_after"] = len(events) - 1
        try:
            async with self._http.stream("GET", f"/v1/responses/{response}", params=params) as answer:
                if answer.status_code != 200:
                    return False
                async for block in blocks(answer):
                    event = json.loads(block["data"])
                    if event["sequence_number"] != len(events):
                        told = f"event {event['sequence_number']}, due was {len(events)}"
                        self._journal.write(Misread(name, generation, told))
                        return False
                    events.append(block["data"])
                    if event["type"] in _ENDS:
                        return True
        except httpx.HTTPError:
            return False
        return False
