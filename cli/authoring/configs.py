"""Image configs written into an object: what a registry would say, for tests of policies.

Only those who write policies read them. In a scan or a run an object cannot speak for its images.
"""

from typing import Any

import msgspec

from evaluator.images.media import digest_of
from evaluator.images.port import JudgesStatements, KnowsImages
from evaluator.policies.configs import Found, ImageConfig, Unavailable, Wanted
from evaluator.policies.model_authorities import Signer
from evaluator.policies.signatures import Verification
from pipeline.errors import clip
from pipeline.events import ResourceApplied

IMAGE_CONFIG = "tocsin.dev/image-config"
"""Annotation of an object: the configs of each of its images, as JSON, by platform."""


class AnnotatedConfigs:
    """See KnowsImages. `written`: the object; `otherwise` is asked where it has no annotation."""

    def __init__(self, otherwise: KnowsImages, written: ResourceApplied) -> None:
        self._otherwise = otherwise
        self._text = _annotation(written)

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """What the object says."""
        if self._text is None:
            return await self._otherwise.find(wanted, applied)
        return read_config(self._text)

    async def verify(
        self, wanted: Wanted, authority: Signer, applied: ResourceApplied, judge: JudgesStatements
    ) -> Verification:
        """An object cannot say that its images are signed."""
        return await self._otherwise.verify(wanted, authority, applied, judge)


def read_config(text: str) -> Found:
    """The annotation's value as configs by platform."""
    try:
        platforms = msgspec.json.decode(text, type=dict[str, dict[str, Any]])
    except msgspec.MsgspecError as error:
        return Unavailable(f"annotation {IMAGE_CONFIG}: expected a config by platform: {clip(str(error))}")
    return ImageConfig(digest_of(text.encode()), platforms)


def without_config(applied: ResourceApplied) -> ResourceApplied:
    """The object as a policy shall see it."""
    if _annotation(applied) is None:
        return applied
    metadata = applied.object["metadata"]
    left = {name: text for name, text in metadata["annotations"].items() if name != IMAGE_CONFIG}
    kept = {name: value for name, value in metadata.items() if name != "annotations"}
    body = {**applied.object, "metadata": {**kept, "annotations": left} if left else kept}
    return msgspec.structs.replace(applied, object=body)


def _annotation(applied: ResourceApplied) -> str | None:
    metadata = applied.object.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(IMAGE_CONFIG) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else None
