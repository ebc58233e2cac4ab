"""Pull secrets of workloads, by a reader of objects that answers from memory, and a registry that wants them.

Not covered here: reading them from an API server (`tests/integration/kube/test_pull_secrets.py`).
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evaluator.asking import StatementJudge
from evaluator.images.opening import Images
from evaluator.policies.configs import Found, ImageConfig, Unavailable
from evaluator.policies.model_authorities import Key, KeyRef, Source
from evaluator.policies.signatures import Signed, Unverified
from pipeline.events import ResourceApplied, ResourceRef
from tests.fakes.registry import FakeRegistry, only_with
from tests.images import image
from tests.integration.images.conftest import image_settings
from tests.signing import NOTHING, signature_manifest, simple_signing, tag_of

BASIC = "Basic " + base64.b64encode(b"anna:correct-horse").decode()
AUTH = {"auth": BASIC.removeprefix("Basic ")}
BUILT = image()


class Objects:
    """Objects by plural, namespace and name; `read` is what was asked for."""

    def __init__(self, **objects: Mapping[str, Any]) -> None:
        self._objects = objects
        self.asked: list[str] = []

    async def read(self, plural: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        self.asked.append(f"{plural}/{namespace}/{name}")
        return self._objects.get(f"{plural}_{namespace}_{name}")


def secret(host: str, key: str = ".dockerconfigjson") -> dict[str, Any]:
    content = {host: AUTH} if key == ".dockercfg" else {"auths": {host: AUTH}}
    return {"data": {key: base64.b64encode(json.dumps(content).encode()).decode()}}


def workload(namespace: str = "shop", *secrets: str, kind: str = "Pod") -> ResourceApplied:
    pod: dict[str, Any] = {"containers": [], "imagePullSecrets": [{"name": name} for name in secrets]}
    body = {"spec": pod if kind == "Pod" else {"template": {"spec": pod}}}
    ref = ResourceRef(api_version="v1", kind=kind, namespace=namespace, name="web")
    return ResourceApplied(cluster="test", resource=ref, digest="", object=body)


async def ask(fake: FakeRegistry, folder: Path, objects: Objects, *workloads: ResourceApplied) -> list[Found]:
    fake.serve("shop/web", "1", BUILT)
    for path, (answer,) in list(fake.scripts.items()):
        fake.scripts[path] = [only_with(BASIC, answer, 'Basic realm="here"')]
    settings = image_settings(folder, fake.host)
    async with Images.start(settings, objects=objects) as images:
        return [await images.find((f"{fake.host}/shop/web:1", ""), each) for each in workloads]


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
@pytest.mark.parametrize("key", [".dockerconfigjson", ".dockercfg"])
async def test_the_secrets_that_a_workload_names_are_used(
    fake: FakeRegistry, tmp_path: Path, kind: str, key: str
) -> None:
    objects = Objects(secrets_shop_b=secret(fake.host, key))
    (found,) = await ask(fake, tmp_path, objects, workload("shop", "absent", "b", kind=kind))
    assert isinstance(found, ImageConfig)
    assert objects.asked == ["secrets/shop/absent", "secrets/shop/b"]


async def test_those_of_its_service_account_are_used_where_it_names_none(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    objects = Objects(
        serviceaccounts_shop_default={"imagePullSecrets": [{"name": "b"}]}, secrets_shop_b=secret(fake.host)
    )
    (found,) = await ask(fake, tmp_path, objects, workload())
    assert isinstance(found, ImageConfig)
    assert objects.asked == ["serviceaccounts/shop/default", "secrets/shop/b"]


async def test_what_one_namespace_may_not_have_is_no_answer_for_another(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    objects = Objects(secrets_shop_b=secret(fake.host))
    without, having = await ask(fake, tmp_path, objects, workload("other", "b"), workload("shop", "b"))
    assert isinstance(without, Unavailable)
    assert isinstance(having, ImageConfig)


async def test_a_secret_that_makes_no_sense_is_named_and_not_quoted(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    objects = Objects(secrets_shop_b={"data": {".dockerconfigjson": base64.b64encode(b"hunter2").decode()}})
    (found,) = await ask(fake, tmp_path, objects, workload("shop", "b"))
    assert isinstance(found, Unavailable)
    assert found.reason == "pull secret shop/b: .dockerconfigjson is no docker config"


async def test_secrets_for_signatures_are_those_that_the_policy_names_in_the_namespace_of_the_workload(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    digest = BUILT.digest
    key = ec.generate_private_key(ec.SECP256R1())
    payload = simple_signing(digest)
    signature = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
    fake.serve("signatures/web", tag_of(digest), signature_manifest(payload, signature))
    for path, (answer,) in list(fake.scripts.items()):
        fake.scripts[path] = [only_with(BASIC, answer, 'Basic realm="here"')]
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    source = Source(oci=f"{fake.host}/signatures/web", pull_secrets=("absent", "b"))
    signer = Key(name="ours", path="spec.authorities[0].key", key=KeyRef(data=pem), source=source)
    wanted, judge = (f"{fake.host}/shop/web@{digest}", ""), StatementJudge(NOTHING, {})
    objects = Objects(secrets_shop_b=secret(fake.host))
    async with Images.start(image_settings(tmp_path, fake.host), objects=objects) as images:
        found = await images.verify(wanted, signer, workload("shop"), judge)
        assert isinstance(found, Signed)
        assert objects.asked == ["secrets/shop/absent", "secrets/shop/b"]
    async with Images.start(image_settings(tmp_path / "other", fake.host), objects=objects) as images:
        elsewhere = await images.verify(wanted, signer, workload("other"), judge)
    assert isinstance(elsewhere, Unverified)
    async with Images.start(image_settings(tmp_path / "none", fake.host)) as images:
        unread = await images.verify(wanted, signer, workload("shop"), judge)
    assert isinstance(unread, Unverified)
    assert "signaturePullSecrets" in unread.reason
