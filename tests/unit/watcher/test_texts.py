"""What policies lead to, and which of them are due as texts come and go.

Not covered: looking anything up (`tests/integration`).
"""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import TextSettings
from watcher.addresses import is_allowed
from watcher.config_maps import ConfigMap
from watcher.objects import Policy
from watcher.policy_texts import PolicyTexts
from watcher.texts import InConfigMap, Remote, Source, Text, Unusable, references, resolved, sources, text_in

SETTINGS = TextSettings(limit=20)
SHA = "0" * 64
HELD = InConfigMap("rules", "pods.rego")


def of(policy: Any = None, **spec: Any) -> dict[str, Any]:
    return {"spec": {"policy": policy, **spec}}


def in_map(name: Any = "rules", key: Any = "pods.rego", **more: Any) -> dict[str, Any]:
    return {"type": "rego", "configMapRef": {"name": name, "key": key, **more}}


def by_url(url: Any = "https://example.com/p.rego", sha256: Any = SHA) -> dict[str, Any]:
    return {"type": "rego", "remote": {"url": url, "sha256sum": sha256}}


def policy(name: str, *bodies: dict[str, Any], digest: str = "d") -> Policy:
    attestations = [{"policy": body} for body in bodies]
    return Policy(name, digest, {"spec": {"authorities": [{"attestations": attestations}]}})


def test_every_field_that_leads_elsewhere_is_found_with_its_path() -> None:
    attestations = [{"policy": by_url()}, {"name": "none"}, {"policy": in_map("other", "k")}]
    body = of(
        in_map(namespace="ns"), authorities=[{"static": {}}, {"keyless": {}, "attestations": attestations}]
    )
    assert references(body) == {
        "spec.policy.configMapRef": InConfigMap("rules", "pods.rego", "ns"),
        "spec.authorities[1].attestations[0].policy.remote": Remote("https://example.com/p.rego", SHA),
        "spec.authorities[1].attestations[2].policy.configMapRef": InConfigMap("other", "k"),
    }


@pytest.mark.parametrize(
    "text",
    [
        {"data": "x"},
        {**in_map(), "data": "x"},
        {**in_map(), **by_url()},
        in_map(name=""),
        in_map(key=None),
        by_url(7),
    ],
)
def test_what_is_invalid_leads_nowhere(text: dict[str, Any]) -> None:
    assert references(of(text)) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (in_map("a/b"), "no name of a ConfigMap"),
        (in_map("a,metadata.namespace=kube-system"), "no name of a ConfigMap"),
        (in_map("a" * 254), "no name of a ConfigMap"),
        (in_map("rules", "a/b"), "no key of a ConfigMap"),
        (by_url(sha256="abc"), "64 hexadecimal digits"),
    ],
)
def test_what_is_no_name_is_never_asked_for(text: dict[str, Any], said: str) -> None:
    (found,) = references(of(text)).values()
    assert isinstance(found, Unusable)
    assert said in found.problem
    assert sources(of(text)) == frozenset()


_FIELDS = st.sampled_from(
    ["policy", "authorities", "attestations", "configMapRef", "remote", "name", "key", "url", "sha256sum"]
)
_ODD = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_FIELDS, inner, max_size=3),
    max_leaves=12,
)


@given(_ODD)
def test_no_object_is_too_odd_to_be_read(spec: Any) -> None:
    assert sources({"spec": spec}) <= set(references({"spec": spec}).values())


def test_a_policy_that_leads_to_too_much_gets_no_more_than_the_limit() -> None:
    found = references(policy("p", *[in_map(f"m{number}") for number in range(40)]).object)
    assert len([each for each in found.values() if isinstance(each, InConfigMap)]) == 32


@pytest.mark.parametrize(
    ("config_map", "said"),
    [
        (None, "ConfigMap cosign-system/rules: not found"),
        (ConfigMap("rules", "", {}), "key pods.rego not found"),
        (ConfigMap("rules", "", {}, frozenset({"pods.rego"})), "is binary"),
        (ConfigMap("rules", "", {"pods.rego": 1}), "is no text"),
        (ConfigMap("rules", "", {"pods.rego": " \n"}), "is empty"),
        (ConfigMap("rules", "", {"pods.rego": "ä" * 11}), "expected at most 20 bytes, got 22"),
    ],
)
def test_a_text_that_is_not_there_says_why(config_map: ConfigMap | None, said: str) -> None:
    found = text_in(HELD, config_map, SETTINGS)
    assert said in found.problem
    assert found.text == ""


def test_a_namespace_that_is_not_looked_into_is_said_where_nothing_is_found() -> None:
    elsewhere = InConfigMap("rules", "pods.rego", "shop")
    assert "the namespace shop is not looked into" in text_in(elsewhere, None, SETTINGS).problem
    there = ConfigMap("rules", "cosign-system", {"pods.rego": "x"})
    assert text_in(elsewhere, there, SETTINGS) == Text("x")


def test_the_digest_covers_text_and_problem_where_something_is_elsewhere() -> None:
    plain = Policy("p", "d", of({"data": "x"}))
    assert resolved(plain, {}) is plain
    found = [Text("a"), Text("b"), Text(problem="a"), Text(problem="b")]
    digests = {resolved(policy("p", in_map()), {HELD: text}).digest for text in found}
    assert len(digests) == len(found)
    assert resolved(policy("p", in_map(), digest="other"), {HELD: Text("a")}).digest not in digests


def test_a_policy_waits_for_its_texts_and_stays_as_it_was_while_a_new_one_is_looked_for() -> None:
    texts = PolicyTexts()
    texts.put(policy("p", in_map(), by_url()))
    texts.learn(HELD, Text("a"))
    assert not any(texts.take())
    assert [texts.settled] == [False]
    texts.learn(Remote("https://example.com/p.rego", SHA), Text(problem="no"))
    ((told,), _) = texts.take()
    assert [(each.text, each.problem) for each in told.texts] == [("a", ""), ("", "no")]
    assert texts.settled
    texts.put(policy("p", in_map("later")))
    assert not any(texts.take())
    texts.drop("p")
    assert texts.take() == ([], ["p"])
    assert texts.found == {}


_SOURCES: Mapping[str, Source] = {name: InConfigMap(name, "k") for name in ("a", "b")}
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("pq"), st.sets(st.sampled_from("ab")).map(sorted)),
        st.tuples(st.just("drop"), st.sampled_from("pq"), st.just([])),
        st.tuples(st.just("learn"), st.sampled_from("ab"), st.sampled_from(["1", "2"])),
        st.tuples(st.just("take"), st.just(""), st.just([])),
    ),
    max_size=20,
)


@given(_STEPS)
def test_whatever_happens_in_whatever_order_the_log_ends_with_what_is_there(
    steps: list[tuple[str, str, Any]],
) -> None:
    texts, there, known, log = (
        PolicyTexts(),
        dict[str, list[str]](),
        dict[str, str](),
        dict[str, tuple[str, ...]](),
    )

    def take() -> None:
        due, gone = texts.take()
        log.update({each.name: tuple(text.text for text in each.texts) for each in due})
        for name in gone:
            log.pop(name, None)

    for what, name, value in steps:
        match what:
            case "put":
                texts.put(policy(name, *[in_map(each, "k") for each in value]))
                there[name] = value
            case "drop":
                texts.drop(name)
                there.pop(name, None)
            case "learn":
                texts.learn(_SOURCES[name], Text(value))
                known[name] = value
            case _:
                take()
    for name in "ab":  # what was not kept is looked up again
        texts.learn(_SOURCES[name], Text(known.setdefault(name, "1")))
    take()
    assert log == {name: tuple(known[each] for each in needs) for name, needs in there.items()}
    assert texts.settled
    assert texts.take() == ([], [])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_no_address_that_is_not_public_may_be_asked(address: str) -> None:
    assert not is_allowed(address, ())


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_public_addresses_may_be_asked(address: str) -> None:
    assert is_allowed(address, ())


def test_a_network_that_is_named_may_be_asked_and_no_other() -> None:
    assert is_allowed("10.1.2.3", ["10.1.0.0/16"])
    assert is_allowed("::ffff:10.1.2.3", ["10.1.0.0/16"])
    assert not is_allowed("10.2.0.1", ["10.1.0.0/16", "fd00::/8"])
