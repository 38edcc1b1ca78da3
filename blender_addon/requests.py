# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user set -> a JobRequest, or one sentence that says what to change."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .protocol import MAX_PORTRAIT_BYTES, MAX_SEED, JobRequest, Welcome

IMAGE_STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"GIF8",
    b"\x00\x00\x00",
)
"""JPEG, PNG, WebP, BMP, TIFF twice, GIF, HEIF and AVIF: a text file or an archive never gets on its way."""


class Settings(Protocol):
    """What is read; the add-on's property group has these, and so does any small dataclass."""

    @property
    def source(self) -> str:
        """PORTRAIT or SEED."""

    @property
    def portrait(self) -> str:
        """Absolute path of an image file."""

    @property
    def seed(self) -> int: ...

    @property
    def preset(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same as plain values."""

    source: str
    portrait: str
    seed: int
    preset: str


def job_request(
    settings: Settings,
    welcome: Welcome | None = None,
    options: Mapping[str, Any] | None = None,
    job_id: str = "",
    label: str | None = None,
) -> JobRequest | str:
    """The request with a new id, or a sentence for the user. `welcome` tells what this backend can do."""
    capabilities = welcome.capabilities if welcome else {}
    presets = capabilities.get("presets") or [settings.preset]
    if settings.preset not in presets:
        return f"This backend has no preset {settings.preset!r}; choose one of {', '.join(map(str, presets))}."
    if not 0 <= settings.seed <= MAX_SEED:
        return f"The seed must be from 0 to {MAX_SEED}, got {settings.seed}."
    portrait: bytes | None = None
    if settings.source == "PORTRAIT":
        limit = int(welcome.limits.get("portrait_bytes", MAX_PORTRAIT_BYTES)) if welcome else MAX_PORTRAIT_BYTES
        found = _portrait(settings.portrait, min(limit, MAX_PORTRAIT_BYTES))
        if isinstance(found, str):
            return found
        portrait = found
    elif settings.source != "SEED":
        return f"An avatar comes from a PORTRAIT or a SEED, got {settings.source!r}."
    return JobRequest(
        job_id=job_id or uuid.uuid4().hex,
        preset=settings.preset,
        seed=settings.seed,
        portrait=portrait,
        options=dict(options or {}),
        label=fit_label(label) if label else None,
    )


def fit_label(text: str) -> str:
    """The text as a label may be: one line, at most 64 characters, nothing that does not survive UTF-8."""
    plain = text.encode("utf-8", "ignore").decode()
    return "".join(each for each in plain if each.isprintable())[:64]


def _portrait(path: str, limit: int) -> bytes | str:
    if not path:
        return "Choose a portrait photograph first, or generate from a seed."
    file = Path(path)
    try:
        if not file.is_file():
            return f"There is no image file at {path}; choose another portrait."
        if (size := file.stat().st_size) > limit:
            return f"The portrait has {size / 1e6:.0f} MB and may have {limit / 1e6:.0f}; save it smaller."
        content = file.read_bytes()
    except OSError as error:
        return f"The portrait cannot be read: {error.strerror or error}."
    if not content.startswith(IMAGE_STARTS):
        return f"{file.name} is no JPEG, PNG, WebP, TIFF or BMP image; choose another portrait."
    return content
