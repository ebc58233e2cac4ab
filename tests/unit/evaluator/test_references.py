"""Image references: normalised as go-containerregistry does with weak validation.

The expectations were checked against go-containerregistry 0.22.1, and the function
by some 250,000 random strings; that comparison needs Go and is not repeated here.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.references import InvalidReferenceError, check_repository, parse_reference
from pipeline.errors import DocumentError
from tests.unit.evaluator.policy_objects import DIGEST

NAMES = ["nginx", "library", "docker.io", "index.docker.io", "gcr.io", "localhost", "a", "A", "5000"]
MARKS = ["/", ":", "@", ".", "-", "_", DIGEST, "[::1]", "é", " ", "%", "x" * 130]
PIECES = st.sampled_from(NAMES + MARKS)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("nginx", "index.docker.io/library/nginx:latest"),
        ("nginx:1.27", "index.docker.io/library/nginx:1.27"),
        ("team/app", "index.docker.io/team/app:latest"),
        ("docker.io/nginx", "index.docker.io/library/nginx:latest"),
        ("docker.io/team/app:v1", "index.docker.io/team/app:v1"),
        ("index.docker.io/nginx", "index.docker.io/library/nginx:latest"),
        ("gcr.io/app", "gcr.io/app:latest"),
        ("k8s.gcr.io/kube/proxy:v1.20.0", "k8s.gcr.io/kube/proxy:v1.20.0"),
        ("registry.example.com:5000/app", "registry.example.com:5000/app:latest"),
        ("registry:5000/app:v1", "registry:5000/app:v1"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost", "index.docker.io/library/localhost:latest"),
        ("localhost:5000", "index.docker.io/library/localhost:5000"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("a", "index.docker.io/library/a:latest"),
        (f"nginx@{DIGEST}", f"index.docker.io/library/nginx@{DIGEST}"),
        (f"nginx:1.27@{DIGEST}", f"index.docker.io/library/nginx@{DIGEST}"),
        (f"reg.io:443/a/b:v1@{DIGEST}", f"reg.io:443/a/b@{DIGEST}"),
        ("app@sha512:" + "0" * 128, "index.docker.io/library/app@sha512:" + "0" * 128),
        ("registry/with.dot/app", "index.docker.io/registry/with.dot/app:latest"),
    ],
)
def test_a_reference_is_normalised(written: str, name: str) -> None:
    assert parse_reference(written).name == name


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "a repository is 1 to 255"),
        ("Nginx", "a repository is 1 to 255"),
        ("a b", "a repository is 1 to 255"),
        ("team/App", "a repository is 1 to 255"),
        ("x" * 256, "a repository is 1 to 255"),
        ("x" * 250, "library/ included"),
        ("nginx:", "a tag is 1 to 128"),
        ("nginx:" + "v" * 129, "a tag is 1 to 128"),
        ("nginx:v 1", "a tag is 1 to 128"),
        (f"nginx:@{DIGEST}", "a tag is 1 to 128"),
        ("nginx@sha256:0", "a digest is sha256:"),
        ("nginx@", "a digest is sha256:"),
        (f"nginx@{DIGEST.upper()}", "a digest is sha256:"),
        (f"nginx@{DIGEST}@{DIGEST}", "a digest is sha256:"),
        ("https://gcr.io/app", "no URL scheme"),
        ("gcr.io:port/app", "no host with an optional port"),
        ("gcr.io%20/app", "no host with an optional port"),
        ("[1:2]:5000/app", "no IPv6 address"),
        ("${REGISTRY}/app", "a repository is 1 to 255"),
    ],
)
def test_an_invalid_reference_says_why(written: str, reason: str) -> None:
    with pytest.raises(InvalidReferenceError, match=r"^image reference ") as caught:
        parse_reference(written)
    assert reason in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DocumentError)


def test_the_digest_form_stays_in_the_same_repository() -> None:
    assert parse_reference("nginx:1.27").with_digest(DIGEST) == f"index.docker.io/library/nginx@{DIGEST}"


@given(st.lists(PIECES, max_size=7).map("".join) | st.text(max_size=20))
def test_normalising_twice_changes_nothing_more(written: str) -> None:
    try:
        name = parse_reference(written).name
    except InvalidReferenceError:
        return
    assert parse_reference(name).name == name


@pytest.mark.parametrize("text", ["", "docker.io/app", "gcr.io/APP", "gcr.io:x"])
def test_a_repository_that_is_not_written_in_full_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        check_repository(text)


@pytest.mark.parametrize("text", ["gcr.io", "gcr.io/team/app", "index.docker.io/library/app", "localhost"])
def test_a_registry_or_a_repository_in_full_is_accepted(text: str) -> None:
    check_repository(text)
