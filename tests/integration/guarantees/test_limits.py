"""An hour's limit holds while Redis is away, and after it has forgotten everything: the log tells what was sent."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from infra.ids import draw_id
from tests.eventually import eventually
from tests.integration.api_process import make_key
from tests.integration.guarantees.reading import asked, begun
from tests.integration.guarantees.test_turns import kill_redis
from tests.integration.guarantees.world import Whole
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
LIMITED, METERING = "api-limited", "metering"
TIERS = """
[[tier]]
id = "default"
messages_per_hour = 2
"""


async def new_key(whole: Whole) -> str:
    log = LogProducer(whole.settings.kafka.client_properties(), whole.topics, timeout_s=20, client_id="limits")
    await log.start()
    try:
        return await make_key(log, f"limited {draw_id()}")
    finally:
        await log.aclose()


@pytest.mark.slow("two processes begin, and Redis is killed and comes back")
async def test_nobody_has_a_fresh_hour_without_redis_or_after_it_was_killed(whole: Whole) -> None:
    (whole.folder / "tiers.toml").write_text(TIERS)
    whole.start(LIMITED, VERBATIM_TIERS=str(whole.folder / "tiers.toml"))
    began_metering = METERING not in whole.running
    if began_metering:
        whole.start(METERING)
    await asyncio.to_thread(whole.ready, LIMITED, METERING)
    headers = {"Authorization": f"Bearer {await new_key(whole)}"}
    async with httpx.AsyncClient(base_url=whole.url(LIMITED), headers=headers, timeout=60) as client:
        conversation = await begun(client)

        async def one_more() -> tuple[int, str]:
            answer = await asked(whole, client, conversation, "how many")
            return answer.status_code, answer.headers["x-ratelimit-remaining-requests"]

        assert [await one_more() for _ in range(3)] == [(200, "1"), (200, "0"), (429, "0")]

        async def billed() -> bool:
            days: list[dict[str, int]] = (await client.get("/api/v1/usage/daily")).json()["data"]
            return [day["generations"] for day in days] == [2]

        there: bool = await eventually(billed, timeout_s=30)
        assert there
        with whole.frozen("redis"):
            assert (await one_more())[0] == 429, "the process goes by the log"
            told = (await client.get("/api/v1/limits")).json()
            assert (told["shared"], told["limits"][0]["left"]) == (False, 0)
        await asyncio.to_thread(kill_redis, whole)

        async def shared_again() -> bool:
            shared: bool = (await client.get("/api/v1/limits")).json()["shared"]
            return shared

        back: bool = await eventually(shared_again, timeout_s=30)
        assert back
        assert (await one_more())[0] == 429, "a Redis that forgot everything was filled from the log"
    for name in [LIMITED] + [METERING] * began_metering:
        await asyncio.to_thread(whole.running.pop(name).stop)
