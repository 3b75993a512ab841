"""The page and its files: addresses, types, caching, compression, headers, and what is not there."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.page.files import FOLDER, WebFiles, WebFilesMissing, read_folder, without_comments
from api.page.routes import takes_gzip
from tests.unit.api.world import WEB, World

STATIC = f"/static/{WEB.static}"
IMPORTED = re.compile(r"""\b(?:import|export)\b[^;'"()]*["'](\.[^'"]+)["']""")
PAGES = [
    "/",
    "/c/01890a5d-ac96-774b-bcce-b302099a8057",
    "/pulse",
    "/settings",
    "/settings/keys",
    "/admin/users",
    "/signin",
]
VISIT = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(None) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_every_address_of_the_page_is_the_one_page(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert f'src="{STATIC}/js/main.js"' in answer.text
    assert "{{" not in answer.text


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("js/main.js", "text/javascript; charset=utf-8"),
        ("js/tiny.mjs", "text/javascript; charset=utf-8"),
        ("css/app.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("vendor/font.woff2", "font/woff2"),
        ("vendor/LICENSES/lib", "text/plain; charset=utf-8"),
    ],
)
async def test_an_asset_is_there_for_ever(visitor: httpx.AsyncClient, path: str, media_type: str) -> None:
    answer = await visitor.get(f"{STATIC}/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == WEB.assets[path].body


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/",
        STATIC,
        f"{STATIC}/",
        f"{STATIC}/js",
        f"{STATIC}/js/",
        f"{STATIC}/js/main.js/",
        f"{STATIC}/JS/main.js",
        f"{STATIC}//js/main.js",
        f"{STATIC}/index.html",
        f"{STATIC}/../app.py",
        f"{STATIC}/%2e%2e/app.py",
        f"{STATIC}/..%2fapp.py",
        f"{STATIC}/js/..%5c..%5capp.py",
        f"{STATIC}/%2fetc%2fpasswd",
        f"{STATIC}//etc/passwd",
        f"{STATIC}/js/main.js%00.css",
        "/static/0123456789abcdef/js/main.js",
        f"/static/{WEB.static.upper()}x/js/main.js",
        "/static/../js/main.js",
        "/index.html",
        "/c",
        "/c/",
        "/c/0b1c",
        "/c/%3Cscript%3E",
        "/C/01890a5d-ac96-774b-bcce-b302099a8057",
        "/c/a/b",
        "/c/..%2f..%2fetc",
        "/pulse/",
        "/nope",
        "/api/v1/nope",
        "/favicon.png",
    ],
)
async def test_what_is_not_there_is_the_apis_404_and_the_pages_for_who_visits_it(
    visitor: httpx.AsyncClient, path: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = await visitor.request(method, path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        visit = await visitor.request(method, path, headers=VISIT)
        assert visit.status_code == 404
        assert visit.headers["content-type"] == "text/html; charset=utf-8"
        assert visit.headers["cache-control"] == "no-store"
        assert visit.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert visit.text == ("" if method == "HEAD" else WEB.page.body.decode())


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/html", "html"), ("TEXT/HTML ; q=0.1", "html"), ("*/*, text/html", "html"), ("*/*", "json"), ("", "json"),
     ("text/html;q=0", "json"), ("text/*", "json"), ("application/json", "json"), ("text/htmlx", "json")],
)  # fmt: skip
async def test_who_names_html_gets_a_page(visitor: httpx.AsyncClient, accept: str, status: str) -> None:
    answer = await visitor.get("/nope", headers={"accept": accept})
    assert status in answer.headers["content-type"]


async def test_a_change_at_an_unknown_address_is_none_of_the_page(visitor: httpx.AsyncClient) -> None:
    for path in ("/api/v1/session", "/v1/chat/completions"):
        answer = await visitor.put(path, headers=VISIT)
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "media_type", "asset"),
    [
        ("/favicon.ico", "image/vnd.microsoft.icon", "icons/favicon.ico"),
        ("/apple-touch-icon.png", "image/png", "icons/touch-180.png"),
        ("/apple-touch-icon-precomposed.png", "image/png", "icons/touch-180.png"),
        ("/manifest.webmanifest", "application/manifest+json", "manifest.webmanifest"),
        ("/robots.txt", "text/plain; charset=utf-8", "robots.txt"),
        ("/sw.js", "text/javascript; charset=utf-8", "sw.js"),
    ],
)
async def test_what_browsers_look_for_at_the_root_is_there(
    visitor: httpx.AsyncClient, path: str, media_type: str, asset: str
) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.content == WEB.assets[asset].body
    again = await visitor.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_scripts_are_served_without_the_lines_that_are_comments() -> None:
    script = """// What it is for.
import { a } from './a.js'; // stays
/** Says
 *  more. */
export const b = 'https://example.com/**/';
    // within
  /** one line */
const c = a /* stays */ + b;
"""
    served = without_comments(script.encode()).decode()
    assert served.split("\n") == [
        "",
        "import { a } from './a.js'; // stays",
        "",
        "",
        "export const b = 'https://example.com/**/';",
        "",
        "",
        "const c = a /* stays */ + b;",
        "",
    ]
    assert WebFiles.of({"index.html": b"", "a.js": b"// x\n1"}).assets["a.js"].body == b"\n1"
    assert WebFiles.of({"index.html": b"", "a.mjs": b"// x\n1"}).assets["a.mjs"].body == b"// x\n1"


async def test_the_manifest_names_icons_that_are_there(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/manifest.webmanifest")).json() == {"icons": [{"src": f"{STATIC}/icons/icon-192.png"}]}
    shipped = WebFiles.of(read_folder(FOLDER))
    named = json.loads(shipped.assets["manifest.webmanifest"].body)["icons"]
    assert named
    for icon in named:
        file = shipped.assets[icon["src"].removeprefix(f"/static/{shipped.static}/")]
        assert file.media_type == icon["type"]
        if file.media_type == "image/png":
            assert "{0}x{0}".format(int.from_bytes(file.body[16:20], "big")) == icon["sizes"]


@pytest.mark.parametrize("path", ["/", f"{STATIC}/js/main.js"])
async def test_head_is_get_without_a_body(visitor: httpx.AsyncClient, path: str) -> None:
    for coding in ("identity", "gzip"):
        got = await visitor.get(path, headers={"accept-encoding": coding})
        head = await visitor.head(path, headers={"accept-encoding": coding})
        assert (head.status_code, head.content) == (200, b"")
        differs = {"x-request-id"}
        assert {name: value for name, value in head.headers.items() if name not in differs} == {
            name: value for name, value in got.headers.items() if name not in differs
        }


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ("ETAG", 304),
        ('"other", ETAG', 304),
        ("*", 304),
        ("STRONG", 304),
        ('"other"', 200),
        ("", 200),
        (",,,", 200),
        ("x" * 10_000, 200),
    ],
)
@pytest.mark.parametrize("path", [*PAGES[:2], f"{STATIC}/css/app.css"])
async def test_what_the_browser_has_is_not_sent_again(
    visitor: httpx.AsyncClient, path: str, if_none_match: str, status: int
) -> None:
    first = await visitor.get(path)
    tag = first.headers["etag"]
    sent = if_none_match.replace("ETAG", tag).replace("STRONG", tag.removeprefix("W/"))
    answer = await visitor.get(path, headers={"if-none-match": sent})
    assert answer.status_code == status
    assert answer.headers["etag"] == tag
    assert answer.headers["cache-control"] == first.headers["cache-control"]
    assert bool(answer.content) == (status == 200)


async def test_text_is_compressed_for_who_takes_it(visitor: httpx.AsyncClient) -> None:
    path = f"{STATIC}/js/main.js"
    del visitor.headers["accept-encoding"]
    async with visitor.stream("GET", path, headers={"accept-encoding": "br, gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(raw) < len(WEB.assets["js/main.js"].body)
    assert gzip.decompress(raw) == WEB.assets["js/main.js"].body
    plain = await visitor.get(path)
    assert "accept-encoding" not in plain.request.headers
    assert "content-encoding" not in plain.headers
    assert plain.content == WEB.assets["js/main.js"].body
    assert plain.headers["vary"] == answer.headers["vary"] == "accept-encoding"
    font = await visitor.get(f"{STATIC}/vendor/font.woff2", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in font.headers


@pytest.mark.parametrize(
    ("header", "takes"),
    [("gzip", True), ("GZIP", True), ("deflate, gzip;q=0.5", True), ("*", True), ("br, *;q=0.1", True), ("", False),
     ("br", False), ("gzip;q=0", False), ("gzip;q=0.0, *", False), ("*;q=0", False), ("gzip;q=x", False),
     ("gzipped", False), ("identity", False)],
)  # fmt: skip
def test_accept_encoding(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes


@pytest.mark.parametrize("path", ["/", "/signin", f"{STATIC}/js/main.js", f"{STATIC}/favicon.svg"])
async def test_security_headers(visitor: httpx.AsyncClient, path: str) -> None:
    headers = (await visitor.get(path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    for feature in ("camera", "microphone", "geolocation", "payment", "usb"):
        assert f"{feature}=()" in headers["permissions-policy"]
    assert "set-cookie" not in headers


async def test_other_methods_are_none_of_the_page(visitor: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await visitor.request(method, "/")).status_code == 405


def test_any_change_is_another_address() -> None:
    files = {"index.html": b"{{static}}", "a.js": b"1", "b.js": b"2"}
    first = WebFiles.of(files)
    assert WebFiles.of(dict(reversed(files.items()))) == first
    changes: list[dict[str, bytes]] = [
        files | {"a.js": b"2"},
        files | {"c.js": b""},
        {"index.html": b"{{static}}", "a.js": b"1"},
        {"index.html": b"{{static}}", "a.js": b"1b.js", "b.j": b"s2"},
        {"index.html": b"{{static}}", "a.js": b"2", "b.js": b"1"},
    ]
    assert len({first.static, *(WebFiles.of(change).static for change in changes)}) == len(changes) + 1
    assert all(WebFiles.of(change).page.etag != first.page.etag for change in changes)


def test_hidden_files_and_links_are_left_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    web = tmp_path / "web"
    (web / ".git").mkdir(parents=True)
    (web / "js").mkdir()
    for name in ("index.html", ".env", ".git/config", "js/main.js", "js/.main.js.swp"):
        (web / name).write_text("x")
    (web / "link").symlink_to(secret)
    (web / "folder").symlink_to(tmp_path)
    assert sorted(read_folder(web)) == ["index.html", "js/main.js"]


def test_a_folder_without_a_page_is_told(tmp_path: Path) -> None:
    with pytest.raises(WebFilesMissing, match=r"no index\.html in"):
        read_folder(tmp_path / "gone")


def test_the_page_that_is_shipped_can_be_served() -> None:
    shipped = WebFiles.of(read_folder(FOLDER))
    assert b"{{" not in shipped.page.body
    assert all(file.media_type != "application/octet-stream" for file in shipped.assets.values())


def test_the_page_asks_at_once_for_every_module_that_it_needs_at_first() -> None:
    """What is missing in the list is found only once those that import it are there: a round trip later."""
    needed: set[Path] = set()
    left = [FOLDER / "js" / "main.js"]
    while left:
        module = left.pop()
        if module not in needed:
            needed.add(module)
            left += [(module.parent / name).resolve() for name in IMPORTED.findall(module.read_text("utf-8"))]
    asked = re.findall(r'modulepreload" href="{{static}}/([^"]+)"', (FOLDER / "index.html").read_text("utf-8"))
    assert sorted(asked) == sorted(str(module.relative_to(FOLDER)) for module in needed if module.name != "main.js")
