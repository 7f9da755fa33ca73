"""The built-in embedder of texts: the same numbers as flywheel.embed() in the database."""

import math
import re
from collections import Counter

DIMENSIONS = 256
READ_CHARACTERS = 2000
_SPACE = re.compile("[\x01-/:-@\\[-`{-\u00a9\u2000-\u206f\u3000-\u3003]+")
_PRIME = 2**31 - 1


def embed(text: str) -> list[float] | None:
    """None for a text without letters or digits."""
    codes = [_folded(ord(letter)) for letter in f" {_SPACE.sub(' ', text[:READ_CHARACTERS]).strip(' ')} "]
    buckets: Counter[int] = Counter()
    for a, b, c in zip(codes, codes[1:], codes[2:], strict=False):
        mixed = ((a * 48271 + b) * 48271 + c) % _PRIME * 16807 % _PRIME >> 8
        buckets[mixed & 255] += 1 - (mixed >> 7 & 2)
    total = sum(map(abs, buckets.values()))
    if not total:
        return None
    return [math.copysign(math.sqrt(abs(buckets[i]) / total), buckets[i]) for i in range(DIMENSIONS)]


def _folded(code: int) -> int:
    """Lower case by code point, the same wherever it runs: Latin, Greek, Cyrillic."""
    if 65 <= code <= 90 or (192 <= code <= 222 and code != 215) or 913 <= code <= 939 or 1040 <= code <= 1071:
        return code + 32
    return code + 80 if 1024 <= code <= 1039 else code
