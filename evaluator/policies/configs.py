"""What a policy with `fetchConfigFile` is given of an image, or why there is nothing to give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from pipeline.events import Image


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The configs of one image. `digest` covers them all; `tag_digest` is what the tag points at."""

    digest: str
    platforms: Mapping[str, Any]
    """By platform, such as `linux/arm/v7`: the config as the registry has it."""
    tag_digest: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No config, and why. `retry_after`: seconds until it makes sense to ask again."""

    reason: str
    retry_after: float = 0.0


Found = ImageConfig | Unavailable

Wanted = tuple[str, str]
"""An image's name as written, and the digest that runs, where it is known."""


def wanted(image: Image) -> Wanted:
    """What to ask for to know an image's config."""
    return image.name, image.digest


def each_image(images: Sequence[Image]) -> Iterator[tuple[str, Image]]:
    """Every distinct image with the name of its verdict: its name, and the digest where several run of it.

    Where several containers have one image, its verdict is of none of them alone.
    """
    for name, same in groupby(sorted(images, key=wanted), key=lambda image: image.name):
        by_digest = [list(group) for _, group in groupby(same, key=lambda image: image.digest)]
        for group in by_digest:
            image = group[0] if len(group) == 1 else replace(group[0], container="")
            yield (name if len(by_digest) == 1 else f"{name}@{image.digest}"), image
