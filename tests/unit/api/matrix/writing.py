"""Writes one text wherever there is room for text, rightly and wrongly."""

from __future__ import annotations

import httpx

MODEL = "verbatim-local"
JSON = {"Content-Type": "application/json"}
MARK = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}


async def acted(client: httpx.AsyncClient, canary: str) -> list[httpx.Response]:
    """Writes the canary wherever there is room for text, rightly and wrongly."""
    ask = {"model": MODEL, "metadata": {"of": canary}}
    said = {"role": "user", "content": canary}
    imported = {"source": {"product": "chatgpt", "id": canary}, "title": canary, "system_prompt": canary}
    return [
        await client.post("/v1/responses", json={**ask, "instructions": canary, "input": canary}),
        await client.post("/v1/responses", json={**ask, "input": canary, "stream": True}),
        await client.post("/v1/chat/completions", json={**ask, "messages": [said], "stream": True, "user": canary}),
        await client.post("/v1/completions", json={"model": MODEL, "prompt": canary}),
        await client.post("/v1/conversations", json={"items": [said], "metadata": {"of": canary}}),
        await client.post(
            "/api/v1/conversations/import",
            json={**imported, "messages": [{"id": canary, "role": "user", "content": canary}]},
        ),
        await client.get("/api/v1/search", params={"q": canary}),
        # What is refused is not told to others, or to the logs, either.
        await client.post("/v1/chat/completions", json={"model": canary, "messages": [said]}),
        await client.post("/v1/chat/completions", json={**ask, "messages": [{**said, "role": canary}]}),
        await client.post("/v1/chat/completions", content=f'{{"{canary}":', headers=JSON),
        await client.get(f"/api/v1/conversations/{canary}"),
        await client.get(f"/{canary}", headers={"User-Agent": canary, "Referer": canary, "Idempotency-Key": canary}),
        await client.post("/api/v1/session", json={"name": canary, "password": canary}, headers=MARK),
        await client.get("/v1/models", headers={"Authorization": f"Bearer vk_{canary}"}),
    ]


WROTE = [200] * 5 + [201, 200, 404, 400, 400, 404, 404, 401, 401]
"""The statuses of what `acted` asks for."""
