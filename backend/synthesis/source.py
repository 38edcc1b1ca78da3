# SPDX-License-Identifier: GPL-3.0-or-later
"""What a generator must know of an avatar to change it later: small enough to travel in its recipe."""

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MAGIC = b"MQ1\0"
LARGEST = 4_000_000
"""Most bytes a packed source may grow to: larger ones are no avatars."""


class SourceError(ValueError):
    """A packed source cannot be used; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An avatar in the generator's own terms."""

    latent: Float[np.ndarray, "L R W"]
    """Standardised latent planes, float16."""
    embedding: Float[np.ndarray, " E"]
    """Its place in the space that portraits and sentences share, float16."""
    model_hash: str
    """The weights that it belongs to."""
    seed: int = 0
    """The noise that it was made from."""

    def pack(self) -> str:
        """As text for a recipe."""
        header = np.array([*self.latent.shape, len(self.embedding), self.seed], np.int64).tobytes()
        name = self.model_hash.encode("ascii").ljust(32, b"\0")[:32]
        numbers = np.concatenate([self.latent.ravel(), self.embedding]).astype(np.float16)
        return base64.b64encode(zlib.compress(MAGIC + name + header + numbers.tobytes(), 6)).decode("ascii")

    @classmethod
    def unpack(cls, text: str) -> "Source":
        """Read what `pack` wrote.

        Raises SourceError for anything else.
        """
        try:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(base64.b64decode(text, validate=True), LARGEST)
            magic, name, header, numbers = content[:4], content[4:36], content[36:76], content[76:]
            channels, rows, columns, size, seed = (int(value) for value in np.frombuffer(header, np.int64))
            values = np.frombuffer(numbers, np.float16)
        except (ValueError, zlib.error, TypeError) as error:
            raise SourceError("this avatar's latent cannot be read", "Generate the avatar again.") from error
        count = channels * rows * columns
        if magic != MAGIC or min(channels, rows, columns, size) < 1 or len(values) != count + size:
            raise SourceError("this avatar's latent is damaged or of another version", "Generate the avatar again.")
        if not np.isfinite(values).all():
            raise SourceError("this avatar's latent holds numbers that are not finite", "Generate the avatar again.")
        latent = values[:count].reshape(channels, rows, columns)
        return cls(latent, values[count:], name.rstrip(b"\0").decode("ascii", "replace"), seed)
