"""Globs: against a matcher written independently, and on the names an image goes by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.globs import compile_glob, is_legal, matches_any
from tests.unit.evaluator.policy_objects import DIGEST

GLOB_TEXT = st.text(alphabet="ab./:*", min_size=1, max_size=7)
NAME_TEXT = st.text(alphabet="ab./:\n", max_size=7)


def matches(glob: str, name: str) -> bool:
    """Brute force: every way to split the name between the tokens of the glob."""
    if not glob:
        return not name
    if glob.startswith("**"):
        return any(matches(glob[2:], name[taken:]) for taken in range(len(name) + 1))
    if glob.startswith("*"):
        return any(
            matches(glob[1:], name[taken:]) for taken in range(len(name) + 1) if "/" not in name[:taken]
        )
    return name[:1] == glob[0] and matches(glob[1:], name[1:])


@given(GLOB_TEXT, NAME_TEXT)
def test_a_glob_means_what_brute_force_finds(glob: str, name: str) -> None:
    meant = {"*": "index.docker.io/library/*", "*/*": "index.docker.io/*/*"}.get(glob, glob)
    assert (compile_glob(glob).fullmatch(name) is not None) is matches(meant, name)


@given(GLOB_TEXT, st.sampled_from(["nginx", "ab/ab", "a.b/a:b", "A", "a.b/a/b"]))
def test_any_text_of_legal_characters_is_a_glob(glob: str, image: str) -> None:
    assert is_legal(glob)
    matches_any((glob,), image, DIGEST)


@pytest.mark.parametrize(
    ("glob", "image", "expected"),
    [
        ("**", "nginx", True),
        ("*", "nginx", True),
        ("*", "docker.io/library/nginx:1.27", True),
        ("*", "team/app", False),
        ("*", "gcr.io/app", False),
        ("*/*", "team/app", True),
        ("*/*", "nginx", True),
        ("*/*", "gcr.io/app", False),
        ("*/*/*", "gcr.io/team/app", True),
        ("index.docker.io/library/nginx", "nginx", False),
        ("index.docker.io/library/nginx:latest", "nginx", True),
        ("index.docker.io/library/nginx:*", "nginx:1.27", True),
        ("index.docker.io/library/ngin*", "nginx:1.27", True),
        ("index.docker.io/**", "team/app:v1", True),
        ("index.docker.io/*", "team/app:v1", False),
        ("docker.io/**", "nginx", False),
        ("docker.io/**", "docker.io/nginx", True),
        ("nginx", "nginx", True),
        ("nginx*", "nginx:1.27", True),
        ("k8s.gcr.io/**", "k8s.gcr.io/pause:3.9", True),
        ("k8s.gcr.io/**", "k8s-gcr.io/pause:3.9", False),
        ("k8s.gcr.io/**", "registry.example.com/k8s.gcr.io/pause", False),
        ("k8sXgcr.io/**", "k8s.gcr.io/pause", False),
        ("*.gcr.io/pause:*", "k8s.gcr.io/pause:3.9", True),
        ("localhost:5000/*", "localhost:5000/app", True),
        ("***", "a/b/c", True),
    ],
)
def test_a_glob_is_tried_on_the_normalised_and_the_written_name(
    glob: str, image: str, expected: bool
) -> None:
    assert matches_any((glob,), image) is expected


def test_one_matching_glob_is_enough() -> None:
    assert matches_any(("gcr.io/**", "quay.io/**"), "quay.io/app")
    assert not matches_any(("gcr.io/**", "quay.io/**"), "ghcr.io/app")
    assert not matches_any((), "nginx")


def test_a_glob_is_tried_on_the_running_digest_where_it_is_known() -> None:
    glob = "index.docker.io/library/nginx@sha256:*"
    assert matches_any((glob,), "nginx:1.27", DIGEST)
    assert not matches_any((glob,), "nginx:1.27")
    assert matches_any((glob,), f"nginx@{DIGEST}")


@pytest.mark.parametrize("image", ["Not A Reference", "${IMAGE}", "nginx:", "a\nb"])
def test_an_invalid_reference_is_tried_as_it_is_written(image: str) -> None:
    assert matches_any(("**",), image)
    assert not matches_any(("index.docker.io/**",), image)


@pytest.mark.parametrize("glob", ["", "a b", "a\n", "[a]", "a?", "é"])
def test_other_characters_are_not_legal(glob: str) -> None:
    assert not is_legal(glob)
