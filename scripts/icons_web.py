"""Draws the page's icons, api/web/icons, in the shape of api/web/favicon.svg: for what takes no SVG.

    python scripts/icons_web.py            # draws them
    python scripts/icons_web.py --check    # says whether what is there is what would be drawn

Only the standard library is needed. Pixels are compared, not files: another zlib packs the same picture otherwise.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ICONS = Path(__file__).resolve().parent.parent / "api" / "web" / "icons"
Point = tuple[float, float]
Shape = Sequence[Point]

ACCENT = (0x1F, 0x6F, 0x68)
WHITE = (255, 255, 255)
SIDE = 32.0
"""The drawing's own width and height, those of favicon.svg."""
LEVELS = 32
ROWS_OF_A_PIXEL = 8
STEPS_OF_A_CURVE = 24
# Systems cut a maskable icon to shapes of their own; what is within 80 % of it is always left.
MASKED = 0.8


def _curve(a: Point, b: Point, c: Point, d: Point) -> Iterable[Point]:
    for step in range(1, STEPS_OF_A_CURVE + 1):
        t = step / STEPS_OF_A_CURVE
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
        yield x, y


def _comma(x: float) -> Shape:
    """One of the two marks, by its left side."""
    outer = _curve((x + 6, 17), (x + 6, 20), (x + 4, 22), (x + 1, 23))
    inner = _curve((x + 1, 20), (x + 2.5, 19.5), (x + 3, 18.5), (x + 3, 17))
    return [(x, 10), (x + 6, 10), (x + 6, 17), *outer, (x + 1, 20), *inner, (x, 17)]


def _rounded(radius: float) -> Shape:
    k, s, r = 0.5522848 * radius, SIDE, radius
    corners = (
        ((s - r, 0.0), (s - r + k, 0.0), (s, r - k), (s, r)),
        ((s, s - r), (s, s - r + k), (s - r + k, s), (s - r, s)),
        ((r, s), (r - k, s), (0.0, s - r + k), (0.0, s - r)),
        ((0.0, r), (0.0, r - k), (r - k, 0.0), (r, 0.0)),
    )
    return [point for corner in corners for point in (corner[0], *_curve(*corner))]


MARKS = (_comma(9), _comma(18))


@dataclass(frozen=True, slots=True)
class Icon:
    """`radius`: of its corners, 0 for none. `scale`: of the marks, about the middle."""

    pixels: int
    radius: float
    scale: float = 1.0

    def rows(self) -> list[bytes]:
        """Its pixels as places in the palette."""
        corners = _covered([_rounded(self.radius)], self.pixels) if self.radius else None
        middle = SIDE / 2
        marks = _covered(
            [[(middle + self.scale * (x - middle), middle + self.scale * (y - middle)) for x, y in m] for m in MARKS],
            self.pixels,
        )
        whole = bytes([LEVELS]) * self.pixels
        grounds = corners or [whole] * self.pixels
        return [
            bytes(LEVELS + mark if mark else ground for ground, mark in zip(*row, strict=True))
            for row in zip(grounds, marks, strict=True)
        ]

    def png(self) -> bytes:
        header = struct.pack(">IIBBBBB", self.pixels, self.pixels, 8, 3, 0, 0, 0)
        packed = zlib.compress(b"".join(b"\0" + row for row in self.rows()), 9)
        colours, opacities = _palette()
        parts = ((b"IHDR", header), (b"PLTE", colours), (b"tRNS", opacities), (b"IDAT", packed), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def _palette() -> tuple[bytes, bytes]:
    """The ground by how opaque it is, then the ground with more and more of a mark."""
    marked = [
        round(ground + (mark - ground) * level / LEVELS)
        for level in range(1, LEVELS + 1)
        for ground, mark in zip(ACCENT, WHITE, strict=True)
    ]
    return bytes(ACCENT) * (LEVELS + 1) + bytes(marked), bytes(round(255 * n / LEVELS) for n in range(LEVELS + 1))


def _chunk(part: tuple[bytes, bytes]) -> bytes:
    name, body = part
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _covered(shapes: Sequence[Shape], pixels: int) -> list[bytes]:
    """How much of each pixel the shapes cover, in levels. They do not overlap."""
    unit = SIDE / pixels
    found = []
    for row in range(pixels):
        # By how much what is covered changes from one pixel to the next, and what the ends of a span cover in part.
        changes, parts = [0] * (pixels + 1), [0.0] * pixels
        for part in range(ROWS_OF_A_PIXEL):
            y = (row + (part + 0.5) / ROWS_OF_A_PIXEL) * unit
            for shape in shapes:
                crossings = sorted(_crossings(shape, y))
                for start, end in zip(crossings[::2], crossings[1::2], strict=True):
                    _span(start / unit, end / unit, changes, parts)
        sums, total = [], 0
        for change in changes[:pixels]:
            total += change
            sums.append(total)
        found.append(
            bytes(round(LEVELS * (full + part) / ROWS_OF_A_PIXEL) for full, part in zip(sums, parts, strict=True))
        )
    return found


def _crossings(shape: Shape, y: float) -> Iterable[float]:
    for (ax, ay), (bx, by) in pairwise([*shape, shape[0]]):
        if (ay <= y) != (by <= y):
            yield ax + (y - ay) / (by - ay) * (bx - ax)


def _span(start: float, end: float, changes: list[int], parts: list[float]) -> None:
    first, last = int(start), int(end)
    if first == last:
        parts[first] += end - start
        return
    parts[first] += first + 1 - start
    if last < len(parts):
        parts[last] += end - last
    changes[first + 1] += 1
    changes[last] -= 1


ALL = {
    "icon-192.png": Icon(192, radius=9),
    "icon-512.png": Icon(512, radius=9),
    "maskable-512.png": Icon(512, radius=0, scale=MASKED),
    "touch-180.png": Icon(180, radius=0),
}
FAVICON = "favicon.ico"
FAVICON_SIZES = (16, 32, 48)


def favicon() -> bytes:
    pictures = [Icon(pixels, radius=9).png() for pixels in FAVICON_SIZES]
    at = 6 + 16 * len(pictures)
    heads = b""
    for pixels, picture in zip(FAVICON_SIZES, pictures, strict=True):
        heads += struct.pack("<BBBBHHII", pixels, pixels, 0, 0, 1, 8, len(picture), at)
        at += len(picture)
    return struct.pack("<HHH", 0, 1, len(pictures)) + heads + b"".join(pictures)


def drawn() -> dict[str, bytes]:
    """All of them, by name."""
    return {**{name: icon.png() for name, icon in ALL.items()}, FAVICON: favicon()}


def pixels_of(file: bytes) -> list[bytes]:
    """What the pictures in a PNG or ICO file show: each one's parts, unpacked."""
    if not file.startswith(b"\x89PNG"):
        count = struct.unpack_from("<H", file, 4)[0]
        places = [struct.unpack_from("<II", file, 6 + 16 * n + 8) for n in range(count)]
        return [part for length, at in places for part in pixels_of(file[at : at + length])]
    found, at = [], 8
    while at < len(file):
        length, name = struct.unpack_from(">I4s", file, at)
        body = file[at + 8 : at + 8 + length]
        found.append(name + (zlib.decompress(body) if name == b"IDAT" else body))
        at += 12 + length
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a picture is another one")
    check = parser.parse_args(arguments).check
    wrong = []
    for name, file in drawn().items():
        there = ICONS / name
        if not there.exists() or pixels_of(there.read_bytes()) != pixels_of(file):
            wrong.append(name)
            if not check:
                ICONS.mkdir(exist_ok=True)
                there.write_bytes(file)
    if check and wrong:
        print(f"error: {', '.join(wrong)}: not as drawn; run scripts/icons_web.py", file=sys.stderr)
        return 1
    print(f"{len(wrong)} icons drawn" if wrong else "the icons are right")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
