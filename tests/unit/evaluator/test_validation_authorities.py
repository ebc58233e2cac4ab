"""`spec.authorities`: every invalid case names its field, every valid one is read.

Not covered: whether a key verifies anything, which no part of Tocsin does yet.
"""

from typing import Any

import pytest
from msgspec import structs

from evaluator.policies.model_authorities import Action, Identity, Key, Keyless, Static, TrustRootRef
from evaluator.policies.validation import parse
from pipeline.events import PolicyText
from tests.unit.evaluator.policy_objects import PUBLIC_KEY, applied_policy, policy_object, problems_of

KEY = {"key": {"data": PUBLIC_KEY}}
IDENTITY = {"issuer": "https://accounts.example.com", "subject": "dev@example.com"}
KEYLESS = {"keyless": {"identities": [IDENTITY]}}
STATIC = {"static": {"action": "pass"}}
ARN = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def problems(authority: Any) -> dict[str, str]:
    """Problems with one authority, their paths shortened."""
    found = problems_of(policy_object(authorities=[authority]))
    return {path.removeprefix("spec.authorities[0]").lstrip("."): why for path, why in found.items()}


def keyless(**fields: Any) -> dict[str, Any]:
    return {"keyless": {"identities": [IDENTITY], **fields}}


@pytest.mark.parametrize("authorities", [None, []])
def test_a_policy_without_authorities_is_invalid(authorities: Any) -> None:
    assert problems_of(policy_object(authorities=authorities)) == {
        "spec.authorities": "expected at least one authority, got none"
    }


@pytest.mark.parametrize("authority", [{}, None, {"name": "a"}, {"rfc3161timestamp": {}}, {"key": None}])
def test_an_authority_of_no_kind_is_invalid(authority: Any) -> None:
    assert problems(authority) == {"": "expected exactly one of key, keyless, static, got none"}


@pytest.mark.parametrize("authority", [KEY | KEYLESS, KEY | STATIC, KEYLESS | STATIC, KEY | KEYLESS | STATIC])
def test_an_authority_of_several_kinds_is_invalid(authority: dict[str, Any]) -> None:
    assert problems(authority) == {
        "": "expected exactly one of key, keyless, static, got " + " and ".join(authority)
    }


@pytest.mark.parametrize("action", ["pass", "fail"])
def test_a_static_authority_passes_or_fails(action: str) -> None:
    body = policy_object(authorities=[{"name": "a", "static": {"action": action, "message": "m"}}])
    assert parse(applied_policy(body)).authorities == (Static("a", Action(action), "m"),)


@pytest.mark.parametrize("static", [{}, {"action": ""}, {"action": "warn"}, {"action": "PASS"}])
def test_another_static_action_is_invalid(static: dict[str, Any]) -> None:
    assert set(problems({"static": static})) == {"static.action"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attestations", [{"name": "a", "predicateType": "vuln"}]),
        ("source", [{"oci": "registry.example.com"}]),
        ("ctlog", {}),
        ("rfc3161timestamp", {}),
    ],
)
def test_static_with_something_to_verify_is_invalid(field: str, value: Any) -> None:
    assert set(problems(STATIC | {field: value})) == {field}


def test_static_with_empty_lists_is_valid() -> None:
    assert not problems(STATIC | {"attestations": [], "source": []})


def test_more_than_one_source_is_invalid_and_told_once() -> None:
    assert problems(KEY | {"source": [{"oci": "!"}, {"oci": "!"}]}) == {
        "source": "expected a single source, got 2"
    }


@pytest.mark.parametrize("oci", ["registry.example.com", "gcr.io/team/signatures", "localhost", ""])
def test_a_source_is_a_registry_or_a_repository(oci: str) -> None:
    assert not problems(KEY | {"source": [{"oci": oci}]})


@pytest.mark.parametrize("oci", ["a/b", "gcr.io/UPPER", "docker.io/app", "a b"])
def test_another_source_is_invalid(oci: str) -> None:
    assert set(problems(KEY | {"source": [{"oci": oci}]})) == {"source[0].oci"}


def test_a_pull_secret_of_a_source_needs_a_name() -> None:
    secrets = [{"name": "a"}, {}]
    assert set(problems(KEY | {"source": [{"signaturePullSecrets": secrets}]})) == {
        "source[0].signaturePullSecrets[1].name"
    }


def test_authorities_are_named_by_their_index_unless_they_have_a_name() -> None:
    body = policy_object(authorities=[STATIC, {"name": "ours", **STATIC}, KEY])
    authorities = parse(applied_policy(body)).authorities
    assert [authority.name for authority in authorities] == ["authority-0", "ours", "authority-2"]


def test_two_authorities_of_one_name_are_valid_as_upstream() -> None:
    named = STATIC | {"name": "same"}
    assert not problems_of(policy_object(authorities=[named, named]))


@pytest.mark.parametrize(
    "key",
    [
        {"data": PUBLIC_KEY},
        {"kms": "gcpkms://projects/p/key"},
        {"kms": f"awskms:///{ARN}"},
        {"kms": f"awskms://localhost:4566/{ARN}"},
        {"kms": "awskms:///arn:aws:kms:us-east-2:111122223333:alias/ours"},
        {"secretRef": {"name": "cosign", "namespace": "cosign-system"}},
        {"data": PUBLIC_KEY, "hashAlgorithm": " SHA512 "},
    ],
)
def test_a_key_of_one_source_is_valid_and_named_where_it_is_not_verified(key: dict[str, Any]) -> None:
    policy = parse(applied_policy(policy_object(authorities=[{"key": key}])))
    assert isinstance(policy.authorities[0], Key)
    verified = "data" in key  # what a Secret holds comes with the policy, and did not
    assert (policy.unsupported == "") is verified
    assert policy.unsupported.startswith("" if verified else "spec.authorities[0].key.")


@pytest.mark.parametrize(
    "key",
    [{}, {"data": PUBLIC_KEY, "kms": "gcpkms://k"}, {"kms": "gcpkms://k", "secretRef": {}}, {"data": ""}],
)
def test_a_key_of_no_or_several_sources_is_invalid(key: dict[str, Any]) -> None:
    assert problems({"key": key})["key"].startswith("expected exactly one of data, kms, secretRef, got ")


@pytest.mark.parametrize(
    "data",
    [
        "---some key---",
        PUBLIC_KEY.replace("PUBLIC", "PRIVATE"),
        PUBLIC_KEY.replace("MFkw", "!!!!"),
        PUBLIC_KEY.replace("MFkw", "AAAA"),
    ],
)
def test_a_key_that_is_no_public_key_is_invalid_and_not_repeated(data: str) -> None:
    found = problems({"key": {"data": data}})
    assert set(found) == {"key.data"}
    assert "key---" not in found["key.data"]


@pytest.mark.parametrize(
    "kms",
    [
        "kms://k",
        "awskms://k",
        "awskms:///alias/a",
        f"awskms://{ARN}",
        f"awskms://host/{ARN}",
        "awskms:///arn:x",
    ],
)
def test_another_kms_url_is_invalid(kms: str) -> None:
    assert set(problems({"key": {"kms": kms}})) == {"key.kms"}


def test_another_hash_algorithm_is_invalid() -> None:
    assert set(problems({"key": {"data": PUBLIC_KEY, "hashAlgorithm": "md5"}})) == {"key.hashAlgorithm"}


def test_keyless_without_a_url_means_the_public_fulcio() -> None:
    policy = parse(applied_policy(policy_object(authorities=[KEYLESS])))
    assert policy.authorities == (
        Keyless(
            name="authority-0",
            path="spec.authorities[0].keyless",
            url="https://fulcio.sigstore.dev",
            identities=(Identity(issuer=IDENTITY["issuer"], subject=IDENTITY["subject"]),),
        ),
    )
    assert not policy.unsupported


def test_keyless_with_url_and_ca_cert_is_invalid() -> None:
    authority = keyless(**{"url": "https://fulcio.example.com", "ca-cert": {"data": PUBLIC_KEY}})
    assert set(problems(authority)) == {"keyless"}


def test_what_a_ca_cert_alone_means_is_said() -> None:
    authority = keyless(**{"ca-cert": {"data": PUBLIC_KEY}})
    policy = parse(applied_policy(policy_object(authorities=[authority])))
    assert policy.unsupported.startswith("spec.authorities[0].keyless.ca-cert: ")


def test_a_trust_root_is_known_by_its_name_and_comes_with_what_it_holds() -> None:
    body = policy_object(
        authorities=[
            {
                **keyless(trustRootRef="ours", insecureIgnoreSCT=True),
                "ctlog": {"url": "https://rekor.example.com", "trustRootRef": "ours"},
                "rfc3161timestamp": {"trustRootRef": "theirs"},
                "signatureFormat": "bundle",
            }
        ]
    )
    text = PolicyText(path="spec.authorities[0].keyless.trustRootRef", text="{}")
    applied = structs.replace(applied_policy(body), texts=(text,))
    (authority,) = parse(applied).authorities
    assert isinstance(authority, Keyless)
    assert authority.trust_root == TrustRootRef("ours", "{}")
    assert authority.ignores_sct
    assert authority.bundles_only
    assert authority.log is not None
    assert authority.log.url == "https://rekor.example.com"
    assert authority.log.trust_root is not None
    assert "not looked up" in authority.log.trust_root.problem
    assert authority.timestamps is not None
    assert authority.timestamps.name == "theirs"


def test_a_ca_cert_is_validated_as_a_key() -> None:
    assert not problems(keyless(**{"ca-cert": {"data": PUBLIC_KEY}}))
    assert set(problems(keyless(**{"ca-cert": {}}))) == {"keyless.ca-cert"}


@pytest.mark.parametrize("url", ["https://[", 5])
def test_a_keyless_url_that_is_none_is_invalid(url: Any) -> None:
    assert set(problems(keyless(url=url))) == {"keyless.url"}


@pytest.mark.parametrize("fields", [{}, {"identities": []}])
def test_keyless_without_identities_is_invalid(fields: dict[str, Any]) -> None:
    assert set(problems({"keyless": fields})) == {"keyless.identities"}


@pytest.mark.parametrize(
    "identity",
    [
        {"issuer": "i"},
        {"subject": "s"},
        {"issuer": "i", "issuerRegExp": "i", "subject": "s"},
        {"issuer": "i", "subject": "s", "subjectRegExp": "s"},
    ],
)
def test_an_identity_needs_one_issuer_and_one_subject(identity: dict[str, str]) -> None:
    assert set(problems(keyless(identities=[identity]))) == {"keyless.identities[0]"}


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "*.example.com", "a\\", "[z-a]", "(" * 3000])
def test_an_identity_with_a_broken_expression_is_invalid(pattern: str) -> None:
    found = problems(keyless(identities=[{"issuerRegExp": pattern, "subjectRegExp": ".*"}]))
    assert set(found) == {"keyless.identities[0].issuerRegExp"}


@pytest.mark.parametrize("pattern", ["^https://.*$", r"\pL+\z", "[[:alpha:]]", "(?i)a", "a(?i)b", r"\Q(\E"])
def test_an_expression_that_go_accepts_is_valid(pattern: str) -> None:
    assert not problems(keyless(identities=[{"issuerRegExp": pattern, "subject": "s"}]))


def test_an_attestation_needs_a_name_and_a_predicate_type() -> None:
    assert set(problems(KEY | {"attestations": [{}]})) == {
        "attestations[0].name",
        "attestations[0].predicateType",
    }


def test_an_old_predicate_type_is_valid_but_warned_of() -> None:
    attestations = [
        {"name": "a", "predicateType": "vuln"},
        {"name": "b", "predicateType": "https://example.com/v1"},
    ]
    policy = parse(applied_policy(policy_object(authorities=[KEY | {"attestations": attestations}])))
    assert [warning.path for warning in policy.warnings] == [
        "spec.authorities[0].attestations[0].predicateType"
    ]


@pytest.mark.parametrize("field", ["fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta"])
@pytest.mark.parametrize("value", [True, False])
def test_an_attestation_policy_may_not_ask_for_the_resource(field: str, value: bool) -> None:
    policy = {"type": "rego", "data": "x", field: value}
    found = problems(KEY | {"attestations": [{"name": "a", "predicateType": "vuln", "policy": policy}]})
    assert set(found) == {f"attestations[0].policy.{field}"}


def test_an_attestation_policy_is_validated_as_any_policy() -> None:
    attestation = {"name": "a", "predicateType": "vuln", "policy": {"type": "x"}}
    assert set(problems(KEY | {"attestations": [attestation]})) == {
        "attestations[0].policy.type",
        "attestations[0].policy",
    }
