"""Laws of reading policies: total on any JSON, and blind to the order of maps.

Also the published tutorial policies, where they are at hand. Not covered: their verdicts.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.model import Policy
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse, policy_ref
from tests.unit.evaluator.policy_objects import JSON_VALUES, PUBLIC_KEY, applied_policy, policy_object

TUTORIAL = Path(__file__).parents[4] / "shared" / "policies" / "tutorial"
RICH = policy_object(
    mode="warn",
    match=[
        {
            "group": "apps",
            "version": "v1",
            "resource": "deployments",
            "selector": {
                "matchLabels": {"app": "cart"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}],
            },
        }
    ],
    authorities=[
        {"name": "a", "static": {"action": "fail", "message": "m"}},
        {
            "key": {"data": PUBLIC_KEY, "hashAlgorithm": "sha256"},
            "source": [{"oci": "gcr.io/a/b", "signaturePullSecrets": [{"name": "s"}]}],
            "ctlog": {"url": "https://rekor.example.com"},
            "rfc3161timestamp": {"trustRootRef": "t"},
            "attestations": [{"name": "a", "predicateType": "vuln", "policy": {"type": "cue", "data": "x"}}],
        },
        {
            "keyless": {
                "url": "https://fulcio.example.com",
                "identities": [{"issuer": "i", "subjectRegExp": "s"}],
            }
        },
    ],
    policy={
        "type": "rego",
        "configMapRef": {"name": "n", "key": "k"},
        "includeSpec": True,
        "fetchConfigFile": True,
    },
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON value, the value itself left out."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    found = []
    for key, item in items:
        found += [(*path, key), *places(item, (*path, key))]
    return found


def outcome(body: dict[str, Any]) -> Policy | str:
    """The policy, or what is wrong with it; any other exception is a failure of the test."""
    try:
        return parse(applied_policy(body))
    except InvalidPolicyError as error:
        return str(error) or "invalid, and nobody says why"


def test_the_rich_policy_is_valid() -> None:
    assert isinstance(outcome(RICH), Policy)


@given(place=st.sampled_from(places(RICH)), value=JSON_VALUES)
def test_any_json_in_any_place_gives_a_policy_or_its_problems(place: tuple[Any, ...], value: Any) -> None:
    body = copy.deepcopy(RICH)
    target: Any = body
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    assert outcome(body) != "invalid, and nobody says why"
    policy_ref(applied_policy(body))


@given(body=st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec"]), JSON_VALUES))
def test_any_object_gives_a_policy_or_its_problems(body: dict[str, Any]) -> None:
    assert outcome(body) != "invalid, and nobody says why"
    policy_ref(applied_policy(body))


@given(st.lists(st.sampled_from(places(RICH)), max_size=3), st.randoms(use_true_random=False))
def test_a_policy_does_not_depend_on_map_order(dropped: list[tuple[Any, ...]], random: Any) -> None:
    body = copy.deepcopy(RICH)
    for place in dropped:
        target: Any = body
        for key in place[:-1]:
            target = target.get(key, {}) if isinstance(target, dict) else target[key]
        if isinstance(target, dict):
            target.pop(place[-1], None)

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert outcome(shuffled(body)) == outcome(body)


@pytest.mark.skipif(not TUTORIAL.is_dir(), reason="the tutorial's policies are not beside this checkout")
def test_the_tutorial_policies_are_valid_and_supported() -> None:
    policies = {
        path.stem: parse(applied_policy(yaml.safe_load(path.read_text(encoding="utf-8"))))
        for path in sorted(TUTORIAL.glob("*.yaml"))
    }
    assert len(policies) == 7
    assert not any(policy.unsupported for policy in policies.values())
    assert {policy.ref.mode for policy in policies.values()} == {"warn"}
    assert not any(policy.unknown_fields for policy in policies.values())
