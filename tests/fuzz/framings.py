"""How a request's body goes over the wire: right, unclear, broken, and cut off. Pure."""

from __future__ import annotations

from collections.abc import Callable


def _head(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass")


def _chunked(body: bytes, size: int = 1000) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


FRAMINGS: dict[str, Callable[[list[str], bytes], list[bytes]]] = {
    "length": lambda lines, body: [_head([*lines, f"Content-Length: {len(body)}"]) + body],
    "pieces": lambda lines, body: [
        _head([*lines, f"Content-Length: {len(body)}"]),
        *(body[at : at + 7] for at in range(0, min(len(body), 700), 7)),
        body[700:],
    ],
    "chunked": lambda lines, body: [_head([*lines, "Transfer-Encoding: chunked"]), _chunked(body), b"0\r\n\r\n"],
    "trailers": lambda lines, body: [
        _head([*lines, "Transfer-Encoding: chunked"]),
        _chunked(body),
        b"0\r\nX-After: 1\r\n\r\n",
    ],
    "no_length": lambda lines, body: [_head(lines)],
    "bad_chunk": lambda lines, body: [_head([*lines, "Transfer-Encoding: chunked"]), b"ZZ\r\n" + body],
    "long_chunk": lambda lines, body: [
        _head([*lines, "Transfer-Encoding: chunked"]),
        b"3\r\n" + body + b"more\r\n0\r\n\r\n",
    ],
    "huge_chunk": lambda lines, body: [_head([*lines, "Transfer-Encoding: chunked"]), b"ffffffffffffffffff\r\n" + body],
    "bad_length": lambda lines, body: [_head([*lines, "Content-Length: many"]) + body],
    "negative_length": lambda lines, body: [_head([*lines, "Content-Length: -5"]) + body],
    "two_lengths": lambda lines, body: [
        _head([*lines, f"Content-Length: {len(body)}", f"Content-Length: {len(body) + 7}"]) + body
    ],
    "both": lambda lines, body: [
        _head([*lines, f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"]),
        _chunked(body),
        b"0\r\n\r\n",
    ],
    "te_gzip": lambda lines, body: [_head([*lines, "Transfer-Encoding: gzip"]) + body],
    "short": lambda lines, body: [_head([*lines, f"Content-Length: {len(body) + 10}"]) + body],
    "cut_chunks": lambda lines, body: [_head([*lines, "Transfer-Encoding: chunked"]), _chunked(body)],
    "expect": lambda lines, body: [_head([*lines, f"Content-Length: {len(body)}", "Expect: 100-continue"]) + body],
    "garbage": lambda lines, body: [b"\x16\x03\x01\x02\x00\x01\x00" + body[:50] + b"\r\n\r\n"],
    "http2": lambda lines, body: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    "no_version": lambda lines, body: [
        _head([lines[0].rpartition(" ")[0], *lines[1:], f"Content-Length: {len(body)}"]) + body
    ],
    "bad_header": lambda lines, body: [_head([*lines, "no colon here", f"Content-Length: {len(body)}"]) + body],
    "folded": lambda lines, body: [_head([*lines, "X-Long: a", " b", f"Content-Length: {len(body)}"]) + body],
}
RIGHT_FRAMINGS = ("length", "length", "length", "pieces", "chunked", "trailers", "expect")
BROKEN_FRAMINGS = (
    "bad_chunk",
    "long_chunk",
    "huge_chunk",
    "bad_length",
    "negative_length",
    "garbage",
    "http2",
    "bad_header",
)
UNCLEAR_FRAMINGS = ("no_length", "two_lengths", "both", "te_gzip", "no_version", "folded")
CUT_FRAMINGS = ("short", "cut_chunks")
IN_PIECES = ("pieces", "chunked", "trailers")
