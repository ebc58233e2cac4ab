"""What is read in objects: images, descriptions; and that they come back as they were kept.

Not covered: digests that run, which verdicts have (`tests/unit/evaluator/test_document`).
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink.objects import described, images, packed, unpacked

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ("spec", "template", "jobTemplate", "containers", "volumes", "image", "metadata", "annotations")
HOSTILE = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)
POD = {
    "initContainers": [{"image": "busybox"}],
    "containers": [{"image": "nginx:1"}, {"image": "busybox"}, {"name": "none"}],
    "ephemeralContainers": [{"image": "debug"}],
    "volumes": [{"image": {"reference": "data:2"}}, {"emptyDir": {}}],
}
NAMES = ["busybox", "nginx:1", "debug", "data:2"]


@given(st.dictionaries(st.text(), JSON))
def test_an_object_comes_back_as_it_was_kept(content: dict[str, Any]) -> None:
    assert unpacked(packed(content)) == content


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("Pod", {"spec": POD}),
        ("Deployment", {"spec": {"template": {"spec": POD}}}),
        ("CronJob", {"spec": {"jobTemplate": {"spec": {"template": {"spec": POD}}}}}),
    ],
)
def test_images_of_every_place_are_found_once(kind: str, content: dict[str, Any]) -> None:
    assert images(kind, content) == NAMES


@given(st.sampled_from(["Pod", "Job", "CronJob"]), st.dictionaries(st.sampled_from(FIELDS), HOSTILE))
def test_an_object_of_any_shape_has_images_or_none(kind: str, content: dict[str, Any]) -> None:
    assert "" not in set(images(kind, content))
    assert isinstance(described(content, "severity"), str)


def test_a_policy_is_described_by_our_annotation_before_the_other() -> None:
    both = {"catalog.chainguard.dev/severity": "low", "tocsin.dev/severity": "high"}
    assert described({"metadata": {"annotations": both}}, "severity") == "high"
    del both["tocsin.dev/severity"]
    assert described({"metadata": {"annotations": both}}, "severity") == "low"
    assert described({"metadata": {"annotations": {"tocsin.dev/severity": 3}}}, "severity") == ""
