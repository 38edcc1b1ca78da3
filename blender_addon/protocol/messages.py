# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message between add-on and backend, one frozen dataclass each; the class name is its kind on the wire."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from .fields import Array, Blob, Flag, Real, Table, Text, Whole

MAX_PORTRAIT_BYTES = 32 << 20
MAX_SOURCES_BYTES = 4 << 20
MAX_CHUNK_BYTES = 1 << 20
MAX_STORED_BYTES = 512 << 20
MAX_SEED = 2**63 - 1
PRIORITIES = ("high", "normal", "low")
"""Of a job among those of its client; "low" also waits until no client has anything more urgent."""

HEAD_ARRAYS = ("vertices", "faces", "polygons", "uv", "image", "image_uv", "mask", "weight")
"""Of a JobRequest that refines a head; the first two always."""
MAX_HEAD_BYTES = 192 << 20
"""Of these arrays together."""

Numbers = np.ndarray[Any, Any]
JobId = Annotated[str, Text(64, r"[A-Za-z0-9_-]{1,64}")]
Word = Annotated[str, Text(64, r"[^\x00-\x1f\x7f\ud800-\udfff]*")]
"""One line: names and stages, fit for a log."""
Sentence = Annotated[str, Text(4000)]
Digest = Annotated[str, Text(64, r"[0-9a-f]{64}")]
JsonTable = Annotated[dict[str, Any], Table()]
Level = Annotated[int, Whole(0, 100)]


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a connection; answered by Welcome or Refused."""

    version: Word
    """Software version of the client, for people; the protocol's own version is in every header."""
    token: Annotated[str, Text(128)] = field(repr=False)
    """The backend's key, from its connection file."""
    client: Word = ""
    """Who calls: "Blender 4.5", "maquette generate"."""
    chunks: Annotated[bool | None, Flag()] = None
    """True: results come as Stored, to be fetched piece by piece, where the backend knows Fetch."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Please make this. Sending the same id again starts nothing new: it replays what is stored and follows on."""

    job_id: JobId
    """Made by the client (a UUID's hex); letters, digits, - and _."""
    kind: Word = "avatar"
    """One of Welcome's capabilities["kinds"]: "avatar" makes a person from portrait, options["sentence"], seed or a mix
    of them; "edit" changes the one avatar of `sources` as options["sentence"] says; "blend" makes the mean of those
    in `sources`, the very same one where there is only one; "refine" makes a better texture for the head that comes
    with it as arrays; "imagine" makes a head of options["sentence"], which may describe what no person looks like, by
    bending a generator to it for this head alone; "adapt" makes a style, a generator that a sentence changed, and the
    head of `seed` with it. Backends without that capability make avatars only."""
    preset: Word = "standard"
    """One of Welcome's capabilities["presets"]."""
    seed: Annotated[int, Whole(0, MAX_SEED)] = 0
    portrait: Annotated[bytes | None, Blob(MAX_PORTRAIT_BYTES)] = field(default=None, repr=False)
    """The image file as it is on disk; None: a person from sentence or seed alone."""
    options: JsonTable = field(default_factory=dict)
    """Differences from the preset: "guidance", "texture_size", "levels" (face counts of coarser levels, falling), ...,
    and "sentence" (what the person is like, or what to change), "weights" (how much {"portrait", "sentence", "seed"}
    count in a mix), "strength" (of an edit), "shares" (of a blend's sources, in order), "invert" (steps by which the
    avatar is fitted to its portrait), "synthesizer" (one of Welcome's capabilities["synthesizers"]), "refiners"
    (some of capabilities["refiners"], in order); unknown ones are refused, and a client sends none that is not in
    Welcome's capabilities["options"]. Of "refine": those in capabilities["refine_options"] instead; of "adapt" those
    in capabilities["adapt_options"]: "sentence", "name" (of the new generator), "synthesizer" (which one is changed, of
    capabilities["adaptable"]), "keep" (one of capabilities["keeps"]), "steps", and so on."""
    label: Annotated[str | None, Text(64, r"[^\x00-\x1f\x7f\ud800-\udfff]*")] = None
    """What the user calls it, for JobsListed; no part of what makes the result."""
    sources: Annotated[bytes | None, Blob(MAX_SOURCES_BYTES)] = field(default=None, repr=False)
    """Avatars that exist, for "edit" and "blend": recipe["source"] of each, ASCII, one per line."""
    priority: Annotated[str | None, Text(8, "|".join(PRIORITIES))] = None
    """One of Welcome's capabilities["priorities"], "normal" where there is none; no part of what makes the result."""
    vertices: Annotated[Numbers | None, Array("float32", ("V", 3), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """Of the head to "refine", in any right-handed frame and unit; split where texture coordinates differ."""
    faces: Annotated[Numbers | None, Array("int32", ("F", 3), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """Its triangles, counter-clockwise seen from outside."""
    polygons: Annotated[Numbers | None, Array("int32", ("F",), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """Number of the polygon that each triangle is part of: new texture coordinates cut none of them."""
    uv: Annotated[Numbers | None, Array("float32", ("V", 2), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """Texture coordinates of the vertices, origin bottom left; none: new ones are made."""
    image: Annotated[Numbers | None, Array("uint8", ("H", "W", 3), 16_384)] = field(
        default=None, repr=False, compare=False
    )
    """The colours that are there, sRGB, top row first."""
    image_uv: Annotated[Numbers | None, Array("float32", ("V", 2), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """Where that picture lies, if not at `uv`."""
    mask: Annotated[Numbers | None, Array("uint8", ("M", "N"), 16_384)] = field(default=None, repr=False, compare=False)
    """Over `uv`, top row first: 255 may change, 0 stays."""
    weight: Annotated[Numbers | None, Array("float32", ("V",), 4_000_000)] = field(
        default=None, repr=False, compare=False
    )
    """1 may change, 0 stays, at each vertex."""

    def problem(self) -> str | None:
        """Why the arrays do not belong together, or None."""
        if (self.vertices is None) != (self.faces is None) or (self.vertices is None) != (self.kind != "refine"):
            return "JobRequest.vertices and .faces must come together, with the kind refine and no other."
        arrays = [getattr(self, name) for name in HEAD_ARRAYS]
        if sum(each.nbytes for each in arrays if each is not None) > MAX_HEAD_BYTES:
            return f"The arrays of a JobRequest may have {MAX_HEAD_BYTES >> 20} MiB together."
        if self.vertices is None or self.faces is None:
            extra = [name for name in HEAD_ARRAYS if getattr(self, name) is not None]
            return f"JobRequest.{extra[0]} belongs to a head, and there is none." if extra else None
        counts = {"uv": self.vertices, "image_uv": self.vertices, "weight": self.vertices, "polygons": self.faces}
        for name, beside in counts.items():
            held = getattr(self, name)
            if held is not None and len(held) != len(beside):
                return f"JobRequest.{name} must have {len(beside)} rows, got {len(held)}."
        if self.faces.size and (self.faces.min() < 0 or self.faces.max() >= len(self.vertices)):
            return f"JobRequest.faces must index {len(self.vertices)} vertices."
        return None


@dataclass(frozen=True, slots=True)
class Follow:
    """Tell me about a job I did not submit over this connection: stored events are replayed, news follow."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this job; answered by Failed with code "cancelled" (or by Finished, if that came first)."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Applied:
    """The texture of this level is in the scene; the next one may come."""

    job_id: JobId
    level: Level


@dataclass(frozen=True, slots=True)
class ListJobs:
    """What is under way, and what is kept? Answered by JobsListed. In capabilities["requests"], as the three below."""

    limit: Annotated[int, Whole(1, 500)] = 100
    """The latest so many."""


@dataclass(frozen=True, slots=True)
class Move:
    """Give a waiting job another place; the followers of all jobs that move hear it by Accepted."""

    job_id: JobId
    place: Annotated[int, Whole(0, 1_000_000)]
    """Among those that wait: 0 begins next. A job passes others of its own client only; it comes as near as that is."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Delete the stored results of a job that is over; answered by JobsListed."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class DiscardStyle:
    """Delete a style, a generator that an "adapt" job made; answered by Welcome, which names it no longer. Avatars that
    were made with it stay."""

    name: Word


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Idle workers give back their device's memory; the next job loads the model again. Welcome tells when."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Send me this piece of what Stored named; answered by Chunk, or Refused if that is not stored any more."""

    job_id: JobId
    digest: Digest
    offset: Annotated[int, Whole(0, MAX_STORED_BYTES)]


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Sent when silent for a while; any other traffic does as well."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """I am leaving. My jobs go on, and their results stay stored."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Answer to Hello; comes again whenever the capabilities change."""

    version: Word
    """Software version of the backend."""
    session: Word
    """New at each start of the backend; also in the connection file, so a stranger on the port is noticed."""
    capabilities: JsonTable
    """{"synthesizers": [name], "synthesizer_inputs": {name: [some of "portrait", "sentence", "seed"]},
    "refiners": [name], "presets": [name],
    "sources": ["portrait", "seed", "sentence"], "kinds": [kinds that JobRequest may have],
    "options": [names that JobRequest.options may have], "refine_options": [the same for the kind "refine"],
    "head_refiners": [names that its option "refiner" may have], "adapt_options": [the same for the kind "adapt"],
    "adaptable": [synthesizers that its option "synthesizer" may name, the usual one first], "keeps": [words that its
    option "keep" may be], "styles": {name of a synthesizer that is one: {"prompt", "model", "keep", "created", ...}},
    "priorities": [words that JobRequest.priority may be],
    "devices": [{"name": "cpu", "state": "starting" | "idle" | "busy" | "failed", "problem": sentence or ""}]}"""
    limits: JsonTable
    """{"portrait_bytes": n, "queue": n, "queue_of_one": n of them, "ping_seconds": s, "silence_seconds": s}"""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job is known; sent again when its place in the queue changes."""

    job_id: JobId
    position: Annotated[int, Whole(0, 1_000_000)]
    """0: at work; n: n jobs are before it."""


@dataclass(frozen=True, slots=True)
class JobsListed:
    """Answer to ListJobs and Discard."""

    jobs: JsonTable
    """{"jobs": [{"job_id", "label", "kind", "preset", "seed", "portrait": bool, "created": seconds since 1970,
    "state": "queued" | "running" | "done" | "failed" | "cancelled", "seconds": it took or null}]}, latest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Progressed:
    """How far the job is; only the latest matters."""

    job_id: JobId
    stage: Word
    fraction: Annotated[float, Real(0, 1)]
    """Of the whole job."""
    remaining_seconds: Annotated[float | None, Real(0, 1e7)] = None
    preview: Annotated[Numbers | None, Array("uint8", ("H", "W", 3), 2048)] = None
    """sRGB, top row first."""


@dataclass(frozen=True, slots=True, eq=False)
class MeshReady:
    """The shape, before any texture. Backend axes: +Y up, face to +Z; UV origin bottom left; seams are split."""

    job_id: JobId
    vertices: Annotated[Numbers, Array("float32", ("V", 3), 4_000_000)]
    faces: Annotated[Numbers, Array("int32", ("F", 3), 4_000_000)]
    """Counter-clockwise seen from outside."""
    uv: Annotated[Numbers, Array("float32", ("V", 2), 4_000_000)]
    coarser: Annotated[Numbers | None, Array("int32", ("G", 3), 8_000_000)] = None
    """Faces of the coarser levels that options["levels"] asked for, one level after the other, over the same vertices
    and the same texture."""
    coarser_sizes: Annotated[Numbers | None, Array("int32", ("L",), 16)] = None
    """How many of those faces each level has."""

    def problem(self) -> str | None:
        """Why the arrays do not belong together, or None. A face beyond the vertices would take Blender down."""
        count = len(self.vertices)
        if len(self.uv) != count:
            return f"MeshReady.uv must have one row per vertex ({count}), got {len(self.uv)}."
        if self.faces.size and (self.faces.min() < 0 or self.faces.max() >= count):
            return f"MeshReady.faces must index {count} vertices, got {self.faces.min()} to {self.faces.max()}."
        if not (np.isfinite(self.vertices).all() and np.isfinite(self.uv).all()):
            return "MeshReady.vertices and .uv must be finite."
        return self._problem_of_levels()

    def levels(self) -> list[Numbers]:
        """The faces of each level, the finest first."""
        if self.coarser is None or self.coarser_sizes is None:
            return [self.faces]
        return [self.faces, *np.split(self.coarser, np.cumsum(self.coarser_sizes)[:-1])]

    def _problem_of_levels(self) -> str | None:
        if (self.coarser is None) != (self.coarser_sizes is None):
            return "MeshReady.coarser and .coarser_sizes must come together."
        if self.coarser is None or self.coarser_sizes is None:
            return None
        if (
            not len(self.coarser_sizes)
            or self.coarser_sizes.min() < 0
            or sum(self.coarser_sizes.tolist()) != len(self.coarser)
        ):
            return f"MeshReady.coarser_sizes must add up to {len(self.coarser)}, got {self.coarser_sizes.tolist()}."
        if self.coarser.size and (self.coarser.min() < 0 or self.coarser.max() >= len(self.vertices)):
            return f"MeshReady.coarser must index {len(self.vertices)} vertices."
        return None


@dataclass(frozen=True, slots=True, eq=False)
class TextureReady:
    """A texture, better than those before. Latest only: the next is sent after Applied; the last one always."""

    job_id: JobId
    level: Level
    albedo: Annotated[Numbers, Array("uint8", ("T", "T", 3), 4096)]
    """sRGB, top row first."""
    final: Annotated[bool, Flag()] = False
    normal: Annotated[Numbers | None, Array("uint8", ("T", "T", 3), 4096)] = None
    """Tangent-space normals, MikkTSpace, green up; no colour space. With the final texture, if at all, as the two
    below; of the albedo's side."""
    occlusion: Annotated[Numbers | None, Array("uint8", ("T", "T"), 4096)] = None
    """Share of ambient light; no colour space."""
    roughness: Annotated[Numbers | None, Array("uint8", ("T", "T"), 4096)] = None
    """Perceptual roughness; no colour space."""

    def problem(self) -> str | None:
        """Why the maps do not lie over one another, or None."""
        for name in ("normal", "occlusion", "roughness"):
            found = getattr(self, name)
            if found is not None and found.shape[:2] != self.albedo.shape[:2]:
                return f"TextureReady.{name} must have {len(self.albedo)} texels a side, got {len(found)}."
        return None


@dataclass(frozen=True, slots=True)
class Stored:
    """In the place of a MeshReady or TextureReady, for who said so in Hello: it can be fetched, also later."""

    job_id: JobId
    kind: Annotated[str, Text(16, "MeshReady|TextureReady")]
    digest: Digest
    """SHA-256 of the message as `pack` makes it."""
    size: Annotated[int, Whole(8, MAX_STORED_BYTES)]
    """Bytes of that."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a stored result; the last one is shorter than limits["chunk_bytes"], or ends at its size."""

    job_id: JobId
    digest: Digest
    offset: Annotated[int, Whole(0, MAX_STORED_BYTES)]
    content: Annotated[bytes, Blob(MAX_CHUNK_BYTES)] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done; nothing follows."""

    job_id: JobId
    recipe: JsonTable
    """All that is needed to make it again, and what it took; "source" is what edits and blends start from, where the
    backend knows of them; of an "adapt" job the first head's recipe, with "style": {"name", "prompt", ...}."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The job is over without a result; nothing follows."""

    job_id: JobId
    code: Word
    """An ErrorCode, or one of a newer backend."""
    message: Sentence
    """What happened, one sentence."""
    hint: Sentence = ""
    """What to do about it, one sentence."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was not acted on. `job_id` names the job it was about, if any; that job itself is untouched."""

    code: Word
    message: Sentence
    hint: Sentence = ""
    job_id: Annotated[str, Text(64, r"[A-Za-z0-9_-]{0,64}")] = ""


Request = (
    Hello
    | JobRequest
    | Follow
    | Cancel
    | Applied
    | ListJobs
    | Move
    | Discard
    | DiscardStyle
    | FreeMemory
    | Fetch
    | Ping
    | Goodbye
)
Event = (
    Welcome
    | Pong
    | Accepted
    | JobsListed
    | Progressed
    | MeshReady
    | TextureReady
    | Stored
    | Chunk
    | Finished
    | Failed
    | Refused
)
