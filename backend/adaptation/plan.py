# SPDX-License-Identifier: GPL-3.0-or-later
"""What an adaptation is told: the sentence, and every number that decides the result. Light: no torch."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from .errors import AdaptationError

Form = Literal["distil", "classifier", "noise-free", "likelihood"]
"""What is descended: see `distillation`."""
Weight = Literal["variance", "even", "signal"]
"""w(t): 1 - alpha_t (DreamFusion), 1, or sqrt(alpha_t) (1 - alpha_t)."""
Keep = Literal["people", "rest"]
"""people: everybody stays different from everybody; rest: what the sentence does not speak of stays, too."""
LONGEST_PROMPT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """How a prior's opinion becomes a gradient."""

    form: Form = "distil"
    weight: Weight = "variance"
    guidance: float = 6.0
    """Of the sentence against none. A small prior of our own is sure of its words: at 10 zombies become lava, and the
    100 that StyleGAN-Fusion needs of Stable Diffusion drives all colours into corners."""
    times: tuple[float, float] = (0.3, 0.95)
    """Shares of the prior's times that noise is drawn at. At 64 pixels what a thing is made of is decided where hardly
    more than its outline is left; with less noise a prior repeats the colours that it sees."""
    late: float = 0.7
    """The upper end of `times` falls to this by the end of the run: first what a picture is of, then its detail."""
    passes: int = 3
    """Denoising steps from the noise to the picture that the gradient points to; 1 is plain score distillation."""
    rescale: float = 0.5
    """How far a guided prediction is brought back to the deviation of the plain one (Lin et al. 2024, eqs. 15-16):
    guidance would otherwise saturate colours."""
    clamp: float | None = 1.0
    """Greatest absolute value of a gradient's number, noise being of deviation 1; None: any."""
    normalise: bool = False
    """Whether each picture's gradient is scaled to root mean square 1 (StyleGAN-Fusion): late and early times then
    count the same."""

    def __post_init__(self) -> None:
        low, high = self.times
        if not 0 <= low < high <= 1 or not low < self.late <= 1:
            raise AdaptationError(
                f"noise is drawn between two shares of the prior's times, got {self.times} that end at {self.late}",
                "Give for instance 0.3 0.95, and let the end stay above the beginning.",
            )
        if self.passes < 1:
            raise AdaptationError(f"a picture takes at least one denoising step, got {self.passes}", "Give 1 to 8.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptPlan:
    """One adaptation of one generator."""

    prompt: str
    """What all its people shall look like: "a marble statue"; of a local edit what the changed ones do: "a person with
    green hair"."""
    negative: str = ""
    """What they shall not look like; it takes the place of "no sentence" in the guidance."""
    model: str = "heads"
    """The generator's name in the library."""
    prior: str = "studio"
    """Who knows what the sentence looks like: a key of `prior.PRIORS`."""
    painted: bool = True
    """Whether what the prior knows exactly is shown (`painted.Painter`) in place of its opinion."""
    painted_weight: float = 4.0
    """Of the mean absolute error beside that."""
    keep: Keep = "people"
    steps: int = 200
    batch: int = 2
    """People in a step."""
    side: int = 48
    """Of the renders, pixels."""
    samples: int = 16
    """Of a ray, in each of two passes; those that show nothing are not learned through."""
    learning_rate: float = 8e-3
    """Of the synthesis network, whose weights are scaled at run time; heads learn at a share of it."""
    average: float = 0.95
    """Decay of the averaged weights, which are the result."""
    truncation: float = 0.8
    """Of the people that are learned from."""
    yaw: float = 0.9
    """Greatest azimuth that half of the pictures are taken from, radians; the other half come from anywhere."""
    pitch: float = 0.25
    diversity_weight: float = 1.0
    """Of the relative distance loss; 0: none."""
    rest_weight: float = 20.0
    """Of the diffusion-guided reconstruction loss, where the rest is kept."""
    shape_weight: float = 0.5
    """Of the squared change of the silhouette: no sentence of the default prior moves where a head is."""
    surface_weight: float = 10.0
    """Of the mean change of distances along rays, box units, where a look is painted: paint dents nothing."""
    case_rate: float = 0.0
    """Learning rate of planes that are added to everybody's, over `learning_rate`; 0: there are none."""
    smooth_weight: float = 0.1
    """Of the total variation of those planes at several scales."""
    distillation: Distillation = field(default_factory=Distillation)
    save_every: int = 20
    sheet_every: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        text = " ".join(self.prompt.split())
        if not text or len(self.prompt) > LONGEST_PROMPT or not self.prompt.isprintable():
            raise AdaptationError(
                f"a sentence is one line of 1 to {LONGEST_PROMPT} characters, got {self.prompt[:60]!r}",
                'Say what people shall look like: "a marble statue".',
            )
        if self.keep not in get_args(Keep):
            raise AdaptationError(f"there is nothing called {self.keep!r} to keep", "Choose people or rest.")
        for name, least, most in (("steps", 1, 100_000), ("batch", 1, 64), ("side", 16, 1024), ("samples", 4, 256)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise AdaptationError(
                    f"{name} is a whole number from {least} to {most}, got {value!r}", "Change it, or leave it out."
                )
        if self.diversity_weight and self.batch < 2:
            raise AdaptationError("people can only stay different from each other where a step sees two of them",
                                  "Give a batch of at least 2.")  # fmt: skip
        if not (math.isfinite(self.learning_rate) and 0 < self.learning_rate < 1):
            raise AdaptationError(f"the learning rate is above 0 and below 1, got {self.learning_rate!r}",
                                  "Give for instance 0.002.")  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for checkpoints and recipes."""
        inner = asdict(self.distillation) | {"times": list(self.distillation.times)}
        return asdict(self) | {"distillation": inner}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "AdaptPlan":
        """Rebuild from what `to_json` gave."""
        inner = dict(stored["distillation"])
        inner["times"] = tuple(inner["times"])
        return cls(**stored | {"distillation": Distillation(**inner)})
