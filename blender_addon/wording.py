# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says: job states, times and remedies in words. Plain values in, plain values out."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from .client import State
from .jobs import JobState, Phase
from .launcher import NO_PROGRAM
from .protocol import ErrorCode, Welcome


@dataclass(frozen=True, slots=True)
class Remedy:
    """A button that mends what went wrong."""

    operator: str
    label: str
    icon: str
    preset: str = ""
    """Set on the button's operator, where it takes one."""


RETRY = "maquette.retry"
"""The operator that asks again for the very job that failed."""
_START = Remedy("maquette.start_backend", "Start the backend", "PLAY")
_CONNECT = Remedy("maquette.connect", "Connect again", "LINKED")
_AGAIN = Remedy("maquette.generate", "Generate again", "FILE_REFRESH")
_DRAFT = Remedy("maquette.generate", "Try as a draft", "FILE_REFRESH", "draft")
_STANDARD = Remedy("maquette.generate", "Try at standard quality", "FILE_REFRESH", "standard")
_SMALLER = {"high": _STANDARD, "standard": _DRAFT, "draft": _AGAIN}
"""Quality that was too much -> the next smaller one."""
_SETTINGS = Remedy("maquette.show_preferences", "Open the add-on's settings", "PREFERENCES")
_LOG = Remedy("maquette.show_log", "Show the log", "TEXT")
_LIST = Remedy("maquette.list_stored", "Refresh the library", "FILE_REFRESH")
_PICK = Remedy("maquette.pick_portrait", "Choose another portrait", "FILEBROWSER")

REMEDIES: dict[str, Remedy] = {
    ErrorCode.WRONG_KEY: _CONNECT,
    ErrorCode.HELLO_FIRST: _CONNECT,
    ErrorCode.UNKNOWN_JOB: _AGAIN,
    ErrorCode.QUEUE_FULL: _AGAIN,
    ErrorCode.BAD_PORTRAIT: _PICK,
    ErrorCode.CANCELLED: _AGAIN,
    ErrorCode.WORKER_DIED: _AGAIN,
    ErrorCode.NOT_READY: _START,
    ErrorCode.NOT_ALLOWED: _SETTINGS,
    ErrorCode.OUT_OF_MEMORY: _DRAFT,
    ErrorCode.INTERNAL: _AGAIN,
    ErrorCode.WRONG_VERSION: _SETTINGS,
    ErrorCode.NOT_STORED: _LIST,
    ErrorCode.BAD_REQUEST: _LOG,
    ErrorCode.BAD_MESSAGE: _LOG,
    ErrorCode.UNKNOWN_KIND: _LOG,
    NO_PROGRAM: _SETTINGS,
}
"""Error code -> what helps; where nothing does, the hint has to."""


def remedy(code: str, ready: bool, may_retry: bool = False, preset: str = "") -> Remedy | None:
    """The button for an error; with a backend that is there, starting one is no remedy.

    `may_retry`: the job's own request is still at hand, and no setting of the panel has to be as it was; `preset`: its
    quality, where it is known.
    """
    found = REMEDIES.get(code)
    if found is _DRAFT:
        found = _SMALLER.get(preset, _DRAFT)
    if found is _START and ready:
        found = _AGAIN
    if may_retry and found in (_AGAIN, _DRAFT, _STANDARD):
        return replace(found, operator=RETRY, label="Try again" if found is _AGAIN else found.label)
    return found


def backend(starting: bool, state: State | None, welcome: Welcome | None) -> tuple[str, str]:
    """Where the backend stands, and an icon for it; `state` is None without a connection."""
    if starting:
        return "Starting", "SORTTIME"
    match state:
        case None | State.CLOSED:
            return "Not connected", "UNLINKED"
        case State.CONNECTING:
            return "Connecting", "SORTTIME"
        case State.REFUSED:
            return "Refused", "ERROR"
        case State.LOST:
            return "No answer", "ERROR"
    devices = welcome.capabilities.get("devices", []) if welcome else []
    states = [each.get("state", "") for each in devices]
    if "idle" in states:
        return "Ready", "CHECKMARK"
    if "busy" in states:
        return "Working", "CHECKMARK"
    if "starting" in states:
        return "Loading model", "SORTTIME"
    if "asleep" in states:
        return "Ready, memory freed", "CHECKMARK"
    if "failed" in states:
        return "Cannot work", "ERROR"
    return "Connected", "CHECKMARK"


DEVICES = {"auto": "Best available", "cpu": "Processor", "cuda": "Graphics card"}
"""What a backend calls its device -> what the preferences call it."""


def devices(welcome: Welcome | None) -> list[str]:
    """Each device with its free memory, as far as the backend tells: "Processor, 12.3 of 16.0 GB free"."""
    said = []
    for each in welcome.capabilities.get("devices", []) if welcome else []:
        memory = each.get("memory") or {}
        free, total = memory.get("free"), memory.get("total")
        words = ""
        if isinstance(free, int) and isinstance(total, int):
            words = f", {free / (1 << 30):.1f} of {total / (1 << 30):.1f} GB free"
        name = str(each.get("name", "Device"))
        said.append(f"{DEVICES.get(name, name)}{words}")
    return said


def device_problems(welcome: Welcome | None) -> list[str]:
    """What keeps the backend's devices from working, one sentence each."""
    devices = welcome.capabilities.get("devices", []) if welcome else []
    return [f"{each.get('name', 'Device')}: {each['problem']}" for each in devices if each.get("problem")]


def why_not(ready: bool, uses: Collection[str], portrait: str, sentence: str = "") -> str:
    """Why nothing can be generated now, or an empty text; `uses` as `requests.Wanted` has it."""
    if not ready:
        return "Start or connect to a backend first"
    if "portrait" in uses and not portrait:
        return "Choose a portrait first"
    if "sentence" in uses and not sentence.strip():
        return "Describe the person first"
    return "" if uses else "Give something in the mix a weight"


def progress(job: JobState, ready: bool = True) -> str:
    """One line for the progress bar; `ready` says whether there is a backend."""
    if not ready and not job.phase.over:
        return "Waiting for the backend"
    match job.phase:
        case Phase.SENT:
            return "Waiting for the backend"
        case Phase.QUEUED:
            return "Next in the queue" if job.position == 1 else f"{job.position} jobs before this one"
        case Phase.RUNNING:
            stage = capitalised(job.stage) or "Starting"
            left = remaining(job.remaining_seconds)
            return f"{stage}, {left}" if left else stage
        case Phase.CANCELLING:
            return "Stopping"
        case Phase.DONE:
            return "Done"
        case Phase.CANCELLED:
            return "Cancelled"
        case _:
            return "Failed"


def remaining(seconds: float | None) -> str:
    """A duration in round words, empty if unknown: nobody needs to know 83 seconds from 84."""
    if seconds is None or seconds <= 0:
        return ""
    if seconds < 55:
        return f"{5 * max(round(seconds / 5), 1)} s left"
    if seconds < 3000:
        return f"{max(round(seconds / 60), 1)} min left"
    return f"{seconds / 3600:.1f} h left"


def duration(seconds: float) -> str:
    """How long something took of late, in round words."""
    words = remaining(max(seconds, 1.0)).removesuffix(" left")
    return f"about {words}"


def more(count: int) -> str:
    """That a list goes on."""
    return f"and {count} more"


def took(recipe: dict) -> str:
    """The recipe's time in words, empty if it tells none."""
    total = recipe.get("seconds", {}).get("total")
    return f"{total:.0f} s" if isinstance(total, (int, float)) else ""


def made_from(recipe: dict) -> str:
    """What an avatar was made from, in a few words."""
    kind, seed, said = recipe.get("kind", "avatar"), recipe.get("seed", "?"), sentence_of(recipe)
    if kind == "edit":
        return f"Edit: {said}"
    if kind == "blend":
        return "Blend"
    if kind == "imagine":
        return f"Beyond people: “{said}”, seed {seed}"
    portrait = bool(recipe.get("portrait") or recipe.get("portrait_sha256"))
    if portrait or said:
        parts = ["Portrait"] * portrait + [f"“{said}”"] * bool(said)
        return f"{', '.join(parts)}, seed {seed}"
    return f"Seed {seed}"


def is_changed(recipe: dict) -> bool:
    """Whether it was made from avatars, by an edit or a blend."""
    return recipe.get("kind", "avatar") in ("edit", "blend")


def sentence_of(recipe: dict) -> str:
    """The description or change in a recipe, empty where there is none."""
    options = recipe.get("options")
    return str(options.get("sentence", "")) if isinstance(options, dict) else ""


def source_of(recipe: dict) -> str:
    """Which of the panel's sources a recipe was made from."""
    options = recipe.get("options")
    portrait, said = bool(recipe.get("portrait")), bool(sentence_of(recipe))
    if (portrait and said) or (isinstance(options, dict) and options.get("weights")):
        return "MIX"
    return "PORTRAIT" if portrait else "SENTENCE" if said else "SEED"


def notes_of(recipe: dict) -> list[str]:
    """What the backend wants the user to know: what limits the likeness, which words were not understood."""
    notes = recipe.get("notes")
    return [capitalised(str(note)) for note in notes] if isinstance(notes, list) else []


def shortened(sentence: str, limit: int = 30) -> str:
    """The beginning of a sentence, up to a word's end, for names."""
    if len(sentence) <= limit:
        return sentence
    return sentence[: limit + 1].rpartition(" ")[0] or sentence[:limit]


def named(sentence: str) -> str:
    """What an avatar that was made from a sentence is called."""
    return capitalised(shortened(sentence.strip(), 40)) or "Avatar"


def lines(sentence: str, width: int) -> list[str]:
    """The sentence broken into lines of at most `width` characters: Blender's labels do not wrap.

    A word that is longer, a path say, goes on in the next line.
    """
    found: list[str] = []
    for word in sentence.split():
        if found and len(found[-1]) + 1 + len(word) <= width:
            found[-1] += f" {word}"
        else:
            found += [word[start : start + width] for start in range(0, len(word), width)]
    return found


def capitalised(text: str) -> str:
    """The text with a capital first letter; the rest stays (unlike str.capitalize)."""
    return text[:1].upper() + text[1:]
