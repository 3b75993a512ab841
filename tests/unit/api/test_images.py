"""Images: from data URLs into the blob store, before the command that names them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

from api.consistency.upgrading import PARTS_FROM_LEVEL
from api.http import bodies
from api.turns import images
from api.turns.images import MAX_IMAGE_BYTES, MAX_IMAGES, media_type_of
from infra.models.tokenizers import TokenCounter
from schemas.codec import set_write_level
from schemas.conversation import ChatMessage, PromptSubmitted
from schemas.parts import ContentPart
from schemas.registry import WRITE_LEVEL
from tests.eventually import eventually
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
OTHERS = {
    "image/jpeg": b"\xff\xd8\xff\xe0 a picture",
    "image/gif": b"GIF89a a picture",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 a picture",
}
SEEING = able(*ALL, image_tokens=100)


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


@pytest.fixture
def world() -> World:
    return World(script=saying("A cat."), models=catalogue_of(SEEING, able("streaming", id="blind")))


def url_of(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def picture(url: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or url_of(PNG), **fields}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def body(*parts: dict[str, Any], role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"model": SEEING.id, "messages": [{"role": role, "content": list(parts)}], **fields}


def image(content: bytes = PNG, media_type: str = "image/png", detail: str = "") -> ContentPart:
    digest = sha256(content).hexdigest()
    return ContentPart("image", sha256=digest, media_type=media_type, size_bytes=len(content), detail=detail)


def command(world: World) -> PromptSubmitted:
    (found,) = (event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted))
    return found


async def test_the_record_names_what_the_store_has(world: World, alice: httpx.AsyncClient) -> None:
    there: list[bool] = []
    world.log.tail(CONVERSATION_EVENTS, lambda _: there.append(image().sha256 in world.blobs.blobs))
    said = body(text("What"), text("is"), picture(), text("this?"), picture(detail="low"), picture(detail="auto"))
    answer = await alice.post(CHAT, json=said)
    assert answer.status_code == 200, answer.text
    parts = (ContentPart("text", "What\nis"), image(), ContentPart("text", "this?"), image(detail="low"), image())
    assert command(world).messages == (ChatMessage("user", "", None, parts),)
    assert world.blobs.blobs == {image().sha256: PNG}
    assert there == [True]  # before the command was appended
    counter = TokenCounter.of(SEEING)
    assert command(world).prompt_tokens == counter.count_messages(command(world).messages) > 300


@pytest.mark.parametrize(("media_type", "content"), OTHERS.items())
@pytest.mark.parametrize("told", ["image/png", "IMAGE/JPEG", "application/octet-stream"])
async def test_the_bytes_say_what_it_is(
    world: World, alice: httpx.AsyncClient, media_type: str, content: bytes, told: str
) -> None:
    assert (await alice.post(CHAT, json=body(picture(url_of(content, told))))).status_code == 200
    assert command(world).messages[0].parts == (image(content, media_type),)


def test_looking_for_images_takes_a_bounded_number_of_steps() -> None:
    assert bodies._images_bytes(b'{"a": "data:image/png;base64,AAAA", "b": "text"}') == len(
        "data:image/png;base64,AAAA"
    )
    assert bodies._images_bytes(b'"' * 1_000) == 0
    assert bodies._images_bytes(b'"data:image') == 0
    many = bodies._images_bytes(b'["data:image"' + b',"data:image"' * 1_000 + b"]")
    assert many == bodies.MAX_IMAGES_SEEN * len("data:image")


def test_what_is_no_image_of_ours() -> None:
    for content in (b"", b"RIFF\x00\x00\x00\x00WAVE", b"BM", b"%PDF-1.7", b"<svg/>", b"\x89PNG", b"\x00" * 20):
        assert media_type_of(content) is None


@pytest.mark.parametrize(
    ("said", "param", "why"),
    [
        (body(picture("https://example.org/cat.png")), "[0].content[0].image_url.url", "fetches nothing"),
        (body(picture("file:///etc/passwd")), "[0].content[0].image_url.url", "fetches nothing"),
        (body(text("x"), picture("cat.png")), "[0].content[1].image_url.url", "expected a data URL"),
        (body(picture("data:image/png,abc")), "[0].content[0].image_url.url", "in base64"),
        (body(picture("data:image/png;base64,@@@")), "[0].content[0].image_url.url", "not base64"),
        (body(picture("data:image/png;base64,é")), "[0].content[0].image_url.url", "not base64"),
        (body(picture(url_of(b"%PDF-1.7"))), "[0].content[0].image_url.url", "PNG, JPEG, WebP or GIF"),
        (body(picture(url_of(b""))), "[0].content[0].image_url.url", "PNG, JPEG, WebP or GIF"),
        (body(*[picture()] * (MAX_IMAGES + 1)), f"[0].content[{MAX_IMAGES}].image_url.url", f"at most {MAX_IMAGES}"),
        (body(picture(detail="huge")), "[0].content[0].image_url.detail", "'auto', 'low' or 'high'"),
        (body({"type": "image_url"}), "[0].content[0].image_url", "Missing"),
        (body({"type": "image_url", "image_url": url_of(PNG)}), "[0].content[0].image_url", "expected an object"),
        (body({"type": "image_url", "image_url": {}}), "[0].content[0].image_url.url", "Missing"),
        (body(picture(), role="system"), "[0].content[0].type", "only a user message"),
        (body(picture(), role="assistant"), "[0].content[0].type", "only a user message"),
        (body({"type": "input_audio", "input_audio": {}}), "[0].content[0].type", "'text', 'refusal' or 'image_url'"),
        (body(picture(), model="blind"), "[0].content", "not supported by the model 'blind'"),
    ],
)
async def test_mistakes_name_their_place(
    world: World, alice: httpx.AsyncClient, said: dict[str, Any], param: str, why: str
) -> None:
    answer = await alice.post(CHAT, json=said)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, f"messages{param}"), error
    assert why in error["message"]
    assert world.log.all_of(CONVERSATION_EVENTS) == [] and world.blobs.blobs == {}


async def test_sizes(world: World, alice: httpx.AsyncClient) -> None:
    largest = PNG.ljust(MAX_IMAGE_BYTES, b"\0")
    answer = await alice.post(CHAT, json=body(picture(url_of(largest))))
    assert answer.status_code == 200, answer.text
    assert command(world).messages[0].parts == (image(largest),)
    for more in (1, 2, 3, 1_000):
        answer = await alice.post(CHAT, json=body(picture(url_of(PNG.ljust(MAX_IMAGE_BYTES + more, b"\0")))))
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "image_too_large")
        assert str(MAX_IMAGE_BYTES) in error["message"]


async def test_only_images_make_a_body_longer(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = world.settings.max_body_bytes
    assert (await alice.post(CHAT, json=body(text("x" * most)))).status_code == 413
    answer = await alice.post(CHAT, json=body(text("x" * most), picture()))
    assert (answer.status_code, "without its images" in answer.text) == (413, True)
    all_of_them = [picture(url_of(PNG.ljust(MAX_IMAGE_BYTES, bytes([n])))) for n in range(MAX_IMAGES)]
    answer = await alice.post(CHAT, json=body(text("What are these?"), *all_of_them))
    assert answer.status_code == 200, answer.text
    assert len(world.blobs.blobs) == MAX_IMAGES
    monkeypatch.setattr(world.adapters.models, "_models", {"blind": able("streaming", id="blind")})
    assert (await alice.post(CHAT, json=body(picture(url_of(b"x" * most)), model="blind"))).status_code == 413


async def test_long_bodies_wait_for_their_turn(world: World, alice: httpx.AsyncClient) -> None:
    most, arrived = world.settings.max_body_bytes, 0
    go_on = asyncio.Event()

    async def slowly() -> Any:
        nonlocal arrived
        yield b" " * (most + 1)
        arrived += 1
        await go_on.wait()
        yield b"{}"

    headers = {"content-type": "application/json"}
    async with asyncio.TaskGroup() as tasks:
        many = bodies.MAX_WITH_IMAGES_AT_ONCE + 3
        sent = [tasks.create_task(alice.post(CHAT, content=slowly(), headers=headers)) for _ in range(many)]
        await eventually(lambda: arrived == bodies.MAX_WITH_IMAGES_AT_ONCE)
        for _ in range(100):
            await asyncio.sleep(0)
        assert arrived == bodies.MAX_WITH_IMAGES_AT_ONCE
        assert (await alice.post(CHAT, json=body(text("hi")))).status_code == 200  # others do not wait
        go_on.set()
    assert [task.result().status_code for task in sent] == [413] * many


async def test_nothing_is_asked_while_the_store_is_away(world: World, alice: httpx.AsyncClient) -> None:
    world.blobs.away = True
    answer = await alice.post(CHAT, json=body(picture()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "blobs_unavailable")
    assert "Retry-After" in answer.headers
    assert world.log.all_of(CONVERSATION_EVENTS) == []
    assert (await alice.post(CHAT, json=body(text("hi")))).status_code == 200


async def test_another_picture_is_another_request(world: World, alice: httpx.AsyncClient) -> None:
    async def status(*parts: dict[str, Any]) -> int:
        answer = await alice.post(CHAT, json=body(*parts), headers={"idempotency-key": "k"})
        return answer.status_code

    assert await status(text("What?"), picture()) == 200
    assert await status(text("What?"), picture()) == 200
    assert await status(text("What?"), picture(url_of(PNG + b"!"))) == 422
    assert await status(text("What?"), picture(detail="low")) == 422


async def test_images_wait_for_the_end_of_the_upgrade(world: World, alice: httpx.AsyncClient) -> None:
    set_write_level(PARTS_FROM_LEVEL - 1)
    answer = await alice.post(CHAT, json=body(picture()))
    assert (answer.status_code, "until the upgrade is finished" in answer.text) == (400, True)
    assert world.blobs.blobs == {}


def test_the_limit_of_a_body_has_room_for_all_images() -> None:
    assert len(url_of(bytes(MAX_IMAGE_BYTES), "image/jpeg")) * MAX_IMAGES <= images.MAX_IMAGES_BYTES
