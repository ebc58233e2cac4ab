"""TrustRoots that policies name: as policy-controller keeps them, and in files beside the policies."""

import json
from typing import Any

import pytest

from pipeline.settings import TextSettings
from watcher.config_maps import SIGSTORE_KEYS, ConfigMap
from watcher.file_texts import with_texts
from watcher.objects import PassedOver, Policy, read
from watcher.texts import InConfigMap, Unusable, references, text_in

SETTINGS = TextSettings()
SPEC: dict[str, Any] = {"sigstoreKeys": {"certificateAuthorities": []}}


def trust_root(name: Any, spec: Any = SPEC) -> dict[str, Any]:
    return {
        "apiVersion": "policy.sigstore.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": name},
        "spec": spec,
    }


def held(body: dict[str, Any]) -> ConfigMap | None:
    (found,) = read(body, "default", config_maps=True)
    assert isinstance(found, PassedOver)
    assert found.kind == "TrustRoot"
    return found.config_map


def policy(*authorities: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"authorities": list(authorities)}}


def test_every_field_that_names_a_trust_root_is_found_with_its_path() -> None:
    body = policy(
        {"static": {}},
        {
            "keyless": {"trustRootRef": "ours"},
            "ctlog": {"trustRootRef": "ours"},
            "rfc3161timestamp": {"trustRootRef": "theirs"},
        },
    )
    assert references(body) == {
        "spec.authorities[1].keyless.trustRootRef": InConfigMap(SIGSTORE_KEYS, "ours"),
        "spec.authorities[1].ctlog.trustRootRef": InConfigMap(SIGSTORE_KEYS, "ours"),
        "spec.authorities[1].rfc3161timestamp.trustRootRef": InConfigMap(SIGSTORE_KEYS, "theirs"),
    }


@pytest.mark.parametrize("ref", [None, "", 5, ["a"], {"name": "a"}])
def test_what_is_no_name_leads_nowhere(ref: Any) -> None:
    assert references(policy({"keyless": {"trustRootRef": ref}})) == {}


def test_a_name_that_no_key_can_have_is_never_asked_for() -> None:
    (found,) = references(policy({"keyless": {"trustRootRef": "a/b"}})).values()
    assert isinstance(found, Unusable)


def test_a_trust_root_in_a_manifest_stands_for_its_entry() -> None:
    found = held(trust_root("ours"))
    assert found == ConfigMap(SIGSTORE_KEYS, "", {"ours": json.dumps(SPEC, separators=(",", ":"))})


@pytest.mark.parametrize(
    "body", [trust_root(""), trust_root(None), trust_root("a", None), trust_root("a", [])]
)
def test_a_trust_root_without_a_name_or_content_is_none(body: dict[str, Any]) -> None:
    assert held(body) is None


def test_several_trust_roots_are_found_by_their_names_and_the_first_of_a_name_counts() -> None:
    maps = [held(trust_root("a")), held(trust_root("b", {"x": 1})), held(trust_root("a", {"y": 2}))]
    named = Policy("p", "d", policy(*({"keyless": {"trustRootRef": name}} for name in ("a", "b", "c"))))
    (found,) = with_texts([named], [each for each in maps if each], {}, SETTINGS)
    texts = {text.path: text for text in found.texts}
    assert json.loads(texts["spec.authorities[0].keyless.trustRootRef"].text) == SPEC
    assert json.loads(texts["spec.authorities[1].keyless.trustRootRef"].text) == {"x": 1}
    assert texts["spec.authorities[2].keyless.trustRootRef"].problem.startswith("not found: ")
    assert found.digest != named.digest


def test_one_that_is_not_there_says_where_it_was_looked_for() -> None:
    text = text_in(InConfigMap(SIGSTORE_KEYS, "ours"), None, SETTINGS)
    assert "ConfigMap cosign-system/config-sigstore-keys" in text.problem
