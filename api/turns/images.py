"""Images of a request: taken from data URLs, checked, and kept in the blob store before the command names them."""

from __future__ import annotations

import binascii
from hashlib import sha256

from api.http.errors import bad_request, unavailable
from infra.blobs.ports import BlobError, BlobStore
from schemas.parts import ContentPart

MAX_IMAGES = 8
"""In one request."""
MAX_IMAGE_BYTES = 5 * 1024 * 1024
"""Of one image, decoded."""
MAX_IMAGES_BYTES = MAX_IMAGES * (MAX_IMAGE_BYTES + 2) // 3 * 4 + MAX_IMAGES * 64
"""Of all images of a request as they stand in its body."""
_DETAILS = ("auto", "low", "high")


class Images:
    """The images of one request, in order. `contents`: their bytes by digest."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.digests: list[str] = []

    def take(self, url: str, detail: str, where: str) -> ContentPart:
        """The part that stands for an image. `where`: the place of its URL in the request.

        Raises ApiError 400 for what is no data URL of an image of ours, is too large, or is one too many.
        """
        if detail not in _DETAILS:
            place = f"{where.rpartition('.')[0]}.detail"
            raise bad_request(f"Invalid value for '{place}': expected 'auto', 'low' or 'high'.", param=place)
        if len(self.digests) == MAX_IMAGES:
            raise bad_request(f"Invalid value for '{where}': a request has at most {MAX_IMAGES} images.", param=where)
        content = _content(url, where)
        media_type = media_type_of(content)
        if media_type is None:
            raise bad_request(
                f"Invalid value for '{where}': its bytes are not an image in PNG, JPEG, WebP or GIF.",
                code="invalid_image_format",
                param=where,
            )
        digest = sha256(content).hexdigest()
        self.contents[digest] = content
        self.digests.append(digest)
        return ContentPart(
            "image",
            sha256=digest,
            media_type=media_type,
            size_bytes=len(content),
            detail="" if detail == "auto" else detail,
        )


async def keep(blobs: BlobStore, images: Images) -> None:
    """Return once all of them are durable. Raises ApiError 503."""
    try:
        for content in images.contents.values():
            await blobs.put(content)
    except BlobError as error:
        raise unavailable(
            "The store for images is not reachable. Nothing was done. Please retry.", code="blobs_unavailable"
        ) from error


def media_type_of(content: bytes) -> str | None:
    """What an image is, by its first bytes; None: none that is taken."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _content(url: str, where: str) -> bytes:
    head, comma, data = url.partition(",")
    if head[:5].lower() != "data:" or not comma:
        raise bad_request(
            f"Invalid value for '{where}': expected a data URL (data:image/png;base64,…). "
            "This server fetches nothing from elsewhere.",
            code="invalid_image_url",
            param=where,
        )
    if not head.lower().endswith(";base64"):
        raise bad_request(
            f"Invalid value for '{where}': expected a data URL in base64.", code="invalid_image_url", param=where
        )
    if len(data) * 3 // 4 > MAX_IMAGE_BYTES + 2:
        raise _too_large(where)
    try:
        content = binascii.a2b_base64(data.encode("ascii", "replace"), strict_mode=True)
    except binascii.Error:
        raise bad_request(
            f"Invalid value for '{where}': it is not base64.", code="invalid_image_url", param=where
        ) from None
    if len(content) > MAX_IMAGE_BYTES:
        raise _too_large(where)
    return content


def _too_large(where: str) -> Exception:
    return bad_request(
        f"Invalid value for '{where}': the image is larger than {MAX_IMAGE_BYTES} bytes.",
        code="image_too_large",
        param=where,
    )
