# SPDX-License-Identifier: GPL-3.0-or-later
"""A random person as numbers: everything that a seed decides, before any geometry exists."""

from dataclasses import asdict, dataclass

import numpy as np

from .assets import SLIDER_GROUPS, Pack

SAMPLER_VERSION = 2
"""Raised whenever a seed would give another person: records and samples of other versions are refused."""
EVALUATION_SEEDS = 1_000_000
"""Seeds from here up are kept for evaluation and never trained on."""

HAIR_COLOURS = {
    "black": (0.022, 0.019, 0.018), "dark brown": (0.06, 0.036, 0.024), "brown": (0.14, 0.078, 0.042),
    "light brown": (0.25, 0.155, 0.088), "blond": (0.66, 0.50, 0.30), "red": (0.42, 0.15, 0.06),
    "auburn": (0.25, 0.085, 0.05), "grey": (0.42, 0.41, 0.40), "white": (0.80, 0.79, 0.77),
}  # fmt: skip
"""Linear albedo of hair."""
HAIR_STYLES = {
    "short01": ("M", 1.0, "short side-swept hair"), "short02": ("M", 1.0, "short curly hair"),
    "short03": ("M", 0.4, "short combed hair"), "short04": ("MF", 0.8, "short straight hair"),
    "bob01": ("F", 0.4, "a chin-length bob"), "bob02": ("F", 1.2, "a chin-length bob with bangs"),
    "braid01": ("F", 1.2, "braided hair"), "long01": ("F", 1.6, "long straight hair"),
    "ponytail01": ("F", 1.5, "a ponytail"), "afro01": ("MF", 0.4, "an afro"),
}  # fmt: skip
"""Who wears a style, how often, and its words. Styles of other packs are worn by anyone, named as their files."""
UNDER_HATS = ("short03", "short04")
"""Styles that a hat covers without being pierced."""
EYE_COLOURS = {
    "brown": "brown", "brownlight": "light brown", "blue": "blue", "lightblue": "light blue", "deepblue": "deep blue",
    "bluegreen": "blue-green", "green": "green", "grey": "grey", "ice": "pale blue",
}  # fmt: skip
SLIDER_SPREAD = dict(zip(SLIDER_GROUPS, (0.16, 0.25, 0.22, 0.2, 0.26, 0.2, 0.3, 0.25, 0.28, 0.12), strict=True))
FACE_SHAPES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
LOGO_TOPS = ("female_casualsuit01", "female_casualsuit02", "male_casualsuit02", "male_casualsuit04",
             "male_casualsuit06")  # fmt: skip
"""Garments that carry a logo: they are only worn in a plain colour."""
EXPRESSIONS = {
    "neutral": {},
    "smile": {"mouth-corner-puller": 1.0, "mouth-part-later": 0.2},
    "surprised": {"eyebrows-left-up": 1.0, "eyebrows-right-up": 1.0, "eye-left-opened-up": 0.6,
                  "eye-right-opened-up": 0.6, "mouth-open": 0.25},
    "sad": {"mouth-depression": 1.0, "eyebrows-left-inner-up": 1.0, "eyebrows-right-inner-up": 1.0},
    "eyes half closed": {"eye-left-closure": 0.6, "eye-right-closure": 0.6},
}  # fmt: skip
"""Expression units of each expression, as shares of its strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonParameters:
    """The whole recipe of a synthetic person."""

    seed: int
    sampler_version: int
    male: bool
    years: float
    gender: float
    """0 female to 1 male, as the body's shape has it."""
    muscle: float
    weight: float
    height: float
    proportions: float
    ethnic: dict[str, float]
    """Shares of the three shape families of the assets; they sum to one."""
    sliders: dict[str, float]
    asymmetry: dict[str, float]
    expression: str
    expression_strength: float
    tone: float
    """Skin from light 0 to dark 1."""
    tint: tuple[float, float, float]
    hair: str | None
    hair_colour: str
    hair_tint: float
    hair_mirrored: bool
    hair_scale: tuple[float, float, float]
    hair_bend: tuple[float, float]
    eyebrows: str
    eyelashes: str
    eye_colour: str
    top: str | None
    top_plain: bool
    top_colour: tuple[float, float, float]
    top_hue: float
    hat: str | None
    hat_colour: tuple[float, float, float]
    glasses: str | None
    """Shape of the frame: round, square or oval."""
    glasses_size: float
    glasses_colour: tuple[float, float, float]
    beard: str | None
    """stubble, moustache, goatee or full."""
    beard_length: float

    @property
    def age(self) -> float:
        """The assets' age axis: 0.1875 is about 10 years, 0.5 is 25, 1 is 90."""
        return self.years / 50 if self.years <= 25 else 0.5 + (self.years - 25) / 130

    def record(self) -> dict[str, object]:
        """As plain JSON."""
        return asdict(self)


def sample_parameters(seed: int, pack: Pack) -> PersonParameters:
    """A random person; the same seed and pack always give the same one."""
    random = np.random.default_rng([SAMPLER_VERSION, seed])
    male = bool(random.random() < 0.5)
    years = float(random.choice([random.uniform(16, 30), random.uniform(25, 50), random.uniform(45, 85)],
                                p=[0.4, 0.35, 0.25]))  # fmt: skip
    ethnic = random.dirichlet([0.35] * 3)
    darkness = [random.uniform(0.7, 1.05), random.uniform(0.05, 0.35), random.uniform(0, 0.2)]
    tone = float(np.clip(ethnic @ darkness, 0, 1))
    dark = tone > 0.4 or ethnic[1] > 0.6
    colours = list(HAIR_COLOURS)
    hair_colour = random.choice(colours[:7], p=[0.7, 0.25, 0.05, 0, 0, 0, 0] if dark
                                else [0.14, 0.22, 0.2, 0.14, 0.16, 0.06, 0.08])  # fmt: skip
    if years > 50 and random.random() < (years - 45) / 40:
        hair_colour = random.choice(colours[7:], p=[0.65, 0.35])
    expression = str(random.choice(list(EXPRESSIONS), p=[0.5, 0.3, 0.07, 0.08, 0.05]))
    hat = _choose(random, [name for name in pack.names("clothes") if name.startswith("fedora")], 0.05)
    tops = [name for name in pack.names("clothes") if name.startswith("male" if male else "female")]
    top = str(random.choice(tops)) if tops else None
    beards = ["stubble", "moustache", "goatee", "full"]
    bearded = male and years > 19 and random.random() < 0.42
    return PersonParameters(
        seed=seed,
        sampler_version=SAMPLER_VERSION,
        male=male,
        years=years,
        gender=float(np.clip((1 if male else 0) + (-1 if male else 1) * abs(random.normal(0, 0.12)), 0, 1)),
        muscle=float(np.clip(random.normal(0.55 if male else 0.38, 0.12), 0.1, 0.95)),
        weight=float(np.clip(random.normal(0.5, 0.17), 0.1, 0.98)),
        height=float(np.clip(random.normal(0.5, 0.12), 0, 1)),
        proportions=float(np.clip(random.normal(0.6, 0.15), 0, 1)),
        ethnic=dict(zip(("african", "asian", "caucasian"), map(float, ethnic), strict=True)),
        sliders=_sample_sliders(random, pack),
        asymmetry=_sample_asymmetry(random, pack),
        expression=expression,
        expression_strength=float(random.uniform(0.35, 0.8)),
        tone=tone,
        tint=_floats(np.exp(random.normal(0, 0.04, 3) + random.normal(0, 0.06))),
        hair=_choose_hair(random, pack, male, tone, hat is not None),
        hair_colour=str(hair_colour),
        hair_tint=float(np.exp(random.normal(0, 0.15))),
        hair_mirrored=bool(random.random() < 0.5),
        hair_scale=_floats(random.uniform(0.98, 1.14, 3)),
        hair_bend=_floats(random.normal(0, 0.06, 2)),
        eyebrows=str(random.choice(pack.names("eyebrows"))),
        eyelashes=str(random.choice(pack.names("eyelashes"))),
        eye_colour=str(random.choice(list(EYE_COLOURS), p=[0.75, 0.25, 0, 0, 0, 0, 0, 0, 0] if dark
                                     else [0.25, 0.2, 0.13, 0.1, 0.07, 0.07, 0.09, 0.06, 0.03])),
        top=top,
        top_plain=bool(top in LOGO_TOPS or random.random() < 0.35),
        top_colour=_floats(_cloth_colour(random)),
        top_hue=float(random.uniform(-np.pi, np.pi)),
        hat=hat,
        hat_colour=_floats(_cloth_colour(random)),
        glasses=_choose(random, ["round", "square", "oval"], 0.14 if years < 45 else 0.28),
        glasses_size=float(random.uniform(0.9, 1.15)),
        glasses_colour=_floats(random.choice([0.02, 0.03, 0.12, 0.45]) * np.exp(random.normal(0, 0.25, 3))),
        beard=str(random.choice(beards, p=[0.3, 0.2, 0.2, 0.3])) if bearded else None,
        beard_length=float(random.uniform(0.3, 1.0)),
    )  # fmt: skip


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _choose(random: np.random.Generator, names: list[str], probability: float) -> str | None:
    worn, name = random.random() < probability, str(random.choice(names)) if names else None
    return name if worn else None


def _cloth_colour(random: np.random.Generator) -> np.ndarray:
    """A linear colour of cloth: mostly muted, from near black to near white."""
    value = random.uniform(0.03, 0.8) ** 1.3
    hue = random.uniform(0, 2 * np.pi)
    saturation = random.beta(1.3, 2.2)
    wave = 0.5 + 0.5 * np.cos(hue + np.array([0, 2.1, 4.2]))
    return value * (1 - saturation + saturation * wave)


def _choose_hair(random: np.random.Generator, pack: Pack, male: bool, tone: float, hatted: bool) -> str | None:
    styles, weights = [], []
    for name in pack.names("hair"):
        who, often, _ = HAIR_STYLES.get(name, ("MF", 1.0, ""))
        if ("M" if male else "F") in who:
            often = (1.5 if tone > 0.5 else 0.15) if name == "afro01" else often
            styles.append(name)
            weights.append(0.0 if hatted and name not in UNDER_HATS else often)
    styles.append(None)
    weights.append(0.5 if male else 0.03)
    return styles[random.choice(len(styles), p=np.array(weights) / sum(weights))]


def _sample_sliders(random: np.random.Generator, pack: Pack) -> dict[str, float]:
    """One value per left-right pair plus a little difference: wider spreads turn faces into caricatures."""
    values: dict[str, float] = {}
    shared: dict[str, float] = {}
    for group, name, negative, _ in pack.sliders:
        if ("trans" in name and group in ("head", "neck")) or name.startswith("head-angle"):
            continue  # these move the head as a whole
        if group == "head" and negative is None:
            continue  # face shapes, mixed below
        key = name[2:] if name.startswith(("l-", "r-")) else name
        if key not in shared:
            shared[key] = random.normal(0, SLIDER_SPREAD[group])
        value = shared[key] + (random.normal(0, 0.05) if key != name else 0.0)
        values[name] = float(np.clip(value, -0.9 if negative else 0.0, 0.9))
    known = {name for _, name, _, _ in pack.sliders}
    for shape, share in zip(FACE_SHAPES, random.dirichlet([0.5] * len(FACE_SHAPES)), strict=True):
        if f"head-{shape}" in known:
            values[f"head-{shape}"] = float(share * random.uniform(0, 0.6))
    return values


def _sample_asymmetry(random: np.random.Generator, pack: Pack) -> dict[str, float]:
    names = ("asym-brown-1-l", "asym-eye-3-r", "asym-jaw-1-l", "asym-mouth-1-r", "asym-nose-1-l", "asym-cheek-1-r",
             "asym-temple-1-l")  # fmt: skip
    drawn = {name: float(abs(random.normal(0, 0.12))) for name in names if random.random() < 0.6}
    return {name: weight for name, weight in drawn.items() if pack.has_target(f"asym/{name}")}
