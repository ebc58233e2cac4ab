"""Objects for the tests of `evaluator.policies`: the smallest valid ones, with what a test changes."""

from typing import Any

from hypothesis import strategies as st

from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse
from pipeline.events import PolicyApplied, ResourceApplied, ResourceRef

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7Uu7DrIhHoJMLpJUKSWTTSHSGpyb
2rBGXnW2NTPXCfKgmZyhVjfZS4a0jYQJrLrUpvyQ2MPfwGZPb6gL/8s2Gw==
-----END PUBLIC KEY-----
"""
DIGEST = "sha256:" + "0123456789abcdef" * 4

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def policy_object(**spec: Any) -> dict[str, Any]:
    """A ClusterImagePolicy that passes everything; a field of the spec given as None is left out."""
    fields = {
        "images": [{"glob": "**"}],
        "authorities": [{"static": {"action": "pass"}}],
        **spec,
    }
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "under-test"},
        "spec": {name: value for name, value in fields.items() if value is not None},
    }


def applied_policy(body: dict[str, Any]) -> PolicyApplied:
    """The event of a policy."""
    return PolicyApplied(cluster="test", name="under-test", digest="sha256:policy", object=body)


def problems_of(body: dict[str, Any]) -> dict[str, str]:
    """Path -> reason of everything wrong with a policy; empty when it is valid."""
    try:
        parse(applied_policy(body))
    except InvalidPolicyError as error:
        return {problem.path: problem.reason for problem in error.problems}
    return {}


def applied_resource(body: dict[str, Any]) -> ResourceApplied:
    """The event of a resource."""
    metadata = body.get("metadata") or {}
    ref = ResourceRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace="shop",
        name=metadata.get("name", "cart") if isinstance(metadata, dict) else "cart",
    )
    return ResourceApplied(cluster="test", resource=ref, digest="sha256:resource", object=body)


def pod(*images: str, **metadata: Any) -> dict[str, Any]:
    """A Pod with one container for each image."""
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cart", **metadata},
        "spec": {"containers": containers},
    }
