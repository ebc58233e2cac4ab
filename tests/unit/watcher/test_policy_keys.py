"""Secrets with public keys: what is kept of them, and what is never.

Not covered: Secrets of a real API server (`tests/integration/kube/test_policy_keys.py`).
"""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import load_settings
from tests.unit.evaluator.policy_objects import PUBLIC_KEY
from watcher.config_maps import SECRET, ConfigMap
from watcher.objects import PassedOver, read
from watcher.policy_keys import secret_of
from watcher.texts import InSecret, Text, Unusable, key_in, references

SETTINGS = load_settings().texts
HELD = InSecret("ours")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ours"}, **fields}


def kept(data: dict[str, str] | None = None, *binary: str) -> ConfigMap:
    return ConfigMap(f"{SECRET}ours", "", data or {}, frozenset(binary))


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"cosign.pub": encoded(PUBLIC_KEY)}},
        {"stringData": {"cosign.pub": PUBLIC_KEY}},
        {"data": {"cosign.pub": encoded("old")}, "stringData": {"cosign.pub": f"\n{PUBLIC_KEY}"}},
    ],
)
def test_the_public_key_of_a_secret_is_kept(fields: dict[str, Any]) -> None:
    (found,) = read(secret(**fields), "default", config_maps=True)
    assert found == PassedOver("Secret", kept({"cosign.pub": PUBLIC_KEY}))
    assert key_in(HELD, kept({"cosign.pub": PUBLIC_KEY}), SETTINGS) == Text(PUBLIC_KEY)
    (unread,) = read(secret(**fields), "default")
    assert unread == PassedOver("Secret")


@given(
    st.dictionaries(st.text(max_size=5), st.text(min_size=9, alphabet="SECRET-abc \n"), max_size=3),
    st.booleans(),
)
def test_nothing_else_of_a_secret_is_kept(entries: dict[str, str], plain: bool) -> None:
    values = {name: f"hidden {text} {PUBLIC_KEY}" for name, text in entries.items()}
    fields = {"stringData": values} if plain else {"data": {k: encoded(v) for k, v in values.items()}}
    found = secret_of(secret(**fields))
    assert found == kept({}, *entries)
    assert b"hidden" not in msgspec.json.encode(found)


def test_what_comes_behind_a_public_key_is_not_kept() -> None:
    found = secret_of(secret(stringData={"k": f"{PUBLIC_KEY}-----BEGIN PRIVATE KEY-----\nhidden"}))
    assert found == kept({"k": PUBLIC_KEY})


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "Secret cosign-system/ours: not found"),
        (kept(), "expected one entry, as policy-controller does, got 0"),
        (
            kept({"a": PUBLIC_KEY}, "cosign.key", "cosign.password"),
            "expected one entry, as policy-controller",
        ),
        (kept({}, "cosign.key"), "expected a public key in PEM (BEGIN PUBLIC KEY), got something else"),
    ],
)
def test_a_key_that_is_not_there_says_why(held: ConfigMap | None, said: str) -> None:
    found = key_in(HELD, held, SETTINGS)
    assert said in found.problem
    assert found.text == ""


def test_a_policy_leads_to_the_secrets_of_its_keys() -> None:
    names = ("ours", "../../secrets/x", "theirs")
    authorities = [{"key": {"secretRef": {"name": name, "namespace": "ns"}}} for name in names]
    found = references({"spec": {"authorities": [{"static": {"action": "pass"}}, *authorities]}})
    assert found == {
        "spec.authorities[1].key.secretRef": InSecret("ours", "ns"),
        "spec.authorities[2].key.secretRef": Unusable("expected the name of a Secret, got something else"),
        "spec.authorities[3].key.secretRef": InSecret("theirs", "ns"),
    }
