"""Why a verdict is over.

Not covered: which verdicts are, and what is told of it (`tests/integration/evaluator`, `.../images`).
"""

from dataclasses import replace
from typing import Any

import pytest

from evaluator.endings import Ending, ending
from evaluator.evaluation import Finding
from evaluator.last_verdicts import LastVerdict
from evaluator.loading import LoadedPolicy
from evaluator.policies.judge import Judgement
from evaluator.policies.validation import parse
from pipeline.events import Image, Mode, Outcome, PolicyApplied, PolicyRef, ResourceRef, Withdrawal
from tests.unit.evaluator.policy_objects import policy_object

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
REMOVED = Ending(Withdrawal.OUT_OF_SCOPE, image_removed=True)
OUT_OF_SCOPE, POLICY_CHANGED = Ending(Withdrawal.OUT_OF_SCOPE), Ending(Withdrawal.POLICY_CHANGED)


def policy(digest: str = "p1", **spec: Any) -> LoadedPolicy:
    body = policy_object(**spec)
    body["metadata"]["name"] = "p"
    return LoadedPolicy(parse(PolicyApplied(cluster="c", name="p", digest=digest, object=body)))


def last(image: Image | None = None) -> LastVerdict:
    return LastVerdict(
        event_id="",
        outcome=Outcome.FAIL,
        fingerprint=b"",
        cluster="c",
        resource=ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web", uid="u"),
        owner=None,
        policy=PolicyRef(name="p", digest="p1", mode=Mode.WARN),
        image=image,
        file="",
        waiver="",
    )


def found(*images: Image | None, of: str = "p") -> list[Finding]:
    ref = PolicyRef(name=of, digest="p1", mode=Mode.WARN)
    return [Finding(ref, (), Judgement(Outcome.PASS), image) for image in images]


def test_what_a_policy_covers_no_more_was_changed_by_whoever_changed_since() -> None:
    assert ending(last(), policy(), []) == OUT_OF_SCOPE
    assert ending(last(), policy("p2"), []) == POLICY_CHANGED
    assert ending(last(), None, []) == OUT_OF_SCOPE


@pytest.mark.parametrize("digest", ["p1", "p2"])
def test_an_image_that_the_resource_has_no_more_was_removed_whether_or_not_the_policy_changed(
    digest: str,
) -> None:
    assert ending(last(Image(name="web:1")), policy(digest), found(Image(name="web:2"))) == REMOVED


def test_an_image_that_a_changed_policy_does_not_name_any_more_was_not_removed() -> None:
    narrowed = policy("p2", images=[{"glob": "index.docker.io/library/side*"}])
    assert ending(last(Image(name="web:1")), narrowed, found(Image(name="side:1"))) == POLICY_CHANGED


def test_a_resource_of_which_a_policy_covers_no_image_is_out_of_its_scope() -> None:
    assert ending(last(Image(name="web:1")), policy(), found(Image(name="web:2"), of="other")) == OUT_OF_SCOPE


def test_a_policy_that_is_about_the_resource_and_not_its_images_any_more_was_changed() -> None:
    assert ending(last(Image(name="web:1")), policy("p2"), found(None)) == POLICY_CHANGED
    assert ending(last(), policy("p2"), found(Image(name="web:1"))) == POLICY_CHANGED


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("", [ONE, OTHER], OUT_OF_SCOPE),
        (ONE, [""], OUT_OF_SCOPE),
        (ONE, [ONE, OTHER], OUT_OF_SCOPE),
        (ONE, [OTHER], REMOVED),
    ],
)
def test_an_image_whose_name_is_there_was_removed_where_other_bytes_run(
    was: str, now: list[str], expected: Ending
) -> None:
    images = [Image(name="web:1", digest=digest) for digest in now]
    assert ending(last(Image(name="web:1", digest=was)), policy(), found(*images)) == expected


def test_an_image_by_its_digest_is_the_same_in_another_container() -> None:
    moved = [Image(name="web:1", container="b", digest=ONE), Image(name="side:1", digest=OTHER)]
    was = replace(last(Image(name="web:1", container="a", digest=ONE)))
    assert ending(was, policy(), found(*moved)) == OUT_OF_SCOPE
