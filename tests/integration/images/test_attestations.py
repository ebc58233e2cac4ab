"""Attestations made by cosign, in a real registry, verified and judged by Tocsin.

Not covered: attestations with certificates (`keyless`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from evaluator.asking import informed
from evaluator.evaluation import Finding, conclude, inquire
from evaluator.images.on_demand import ImagesOnDemand
from evaluator.loading import LoadedPolicy, load
from evaluator.rego.memo import Memo
from evaluator.rego.pool import WorkerPool
from pipeline.events import Outcome, PolicyChecked
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice, UnmatchedImages
from tests.images import config, image, push
from tests.integration.images.conftest import image_settings
from tests.registry import RunningRegistry
from tests.signing import Cosign
from tests.unit.evaluator.policy_objects import applied_policy, applied_resource, policy_object

CUSTOM = "https://cosign.sigstore.dev/attestation/v1"
SCANNED = """package sigstore
isCompliant[r] {
  input.predicate.high == 0
  input.predicateType == "https://scans.example.com/v1"
  input.subject[_].digest.sha256
  r := {"result": true, "error": "", "warning": input.predicate.warning}
}
isCompliant[{"result": false, "error": sprintf("%d high", [input.predicate.high])}] {
  input.predicate.high > 0
}
"""
SCAN = "https://scans.example.com/v1"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("attest") / "ours")


@dataclass
class Judge:
    """Judges an image by one policy, with engines and a registry client of its own."""

    pool: WorkerPool
    images: ImagesOnDemand

    async def load(
        self, *authorities: dict[str, Any], rego: str = ""
    ) -> tuple[LoadedPolicy | None, PolicyChecked]:
        policy = {"type": "rego", "data": rego} if rego else None
        body = policy_object(authorities=list(authorities), policy=policy)
        return await load(applied_policy(body), self.pool, EngineChoice.AUTO)

    async def judge(self, name: str, *authorities: dict[str, Any], rego: str = "") -> Finding:
        loaded, checked = await self.load(*authorities, rego=rego)
        assert loaded is not None, checked.error
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
        applied = applied_resource({**pod, "spec": {"containers": [{"name": "a", "image": name}]}})
        inquiry = inquire(applied, [loaded], UnmatchedImages.IGNORE)
        inquiry = await informed(inquiry, applied, self.images, self.pool)
        answers = await Memo(self.pool).evaluate(inquiry.queries) if inquiry.queries else []
        (finding,) = conclude(inquiry, answers)
        return finding


@asynccontextmanager
async def judging(folder: Path, *hosts: str, **changes: Any) -> AsyncIterator[Judge]:
    settings = replace(load_settings().evaluator, workers=1)
    async with (
        WorkerPool(settings) as pool,
        ImagesOnDemand(image_settings(folder, *hosts, **changes)) as images,
    ):
        yield Judge(pool, images)


def authority(key: str, *wanted: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "ours", "key": {"data": key}, "attestations": list(wanted), **more}


def scan(text: str = SCANNED, kind: str = SCAN) -> dict[str, Any]:
    return {"name": "scan", "predicateType": kind, "policy": {"type": "rego", "data": text}}


def pushed(registry: RunningRegistry, repository: str, user: str) -> str:
    digest = push(registry.host, repository, "1", image(config(user=user)))
    return f"{registry.host}/{repository}@{digest}"


@pytest.mark.parametrize("more", [(), ("--new-bundle-format",)], ids=["tag", "referrer"])
async def test_an_attestation_is_judged_by_the_policy_on_it(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path, more: tuple[str, ...]
) -> None:
    good, bad, warned = (pushed(registry, f"attested/scan{len(more)}", user) for user in ("1", "2", "3"))
    ours.attest(good, SCAN, {"high": 0, "warning": ""}, *more)
    ours.attest(bad, SCAN, {"high": 7, "warning": ""}, *more)
    ours.attest(warned, SCAN, {"high": 0, "warning": "old"}, *more)
    async with judging(tmp_path, registry.host) as judge:
        key = authority(ours.public_key, scan())
        finding = await judge.judge(good, key)
        assert finding.judgement.outcome is Outcome.PASS
        finding = await judge.judge(bad, key)
        assert finding.judgement.outcome is Outcome.FAIL
        assert finding.judgement.message == "ours: attestation scan: 7 high"
        finding = await judge.judge(warned, key)
        assert (finding.judgement.outcome, finding.judgement.message) == (
            Outcome.FAIL,
            "ours: attestation scan: old",
        )


async def test_the_policy_of_the_whole_sees_the_attestations_by_their_names(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    name = pushed(registry, "attested/seen", "1")
    ours.attest(name, SCAN, {"high": 0, "warning": ""})
    ours.attest(name, "custom", {"built": "here"})
    text = """package sigstore
isCompliant {
  matches := input.authorityMatches.ours.attestations
  [a] := matches.scan
  a.predicateType == "https://scans.example.com/v1"
  regex.match("^[0-9a-f]{64}$", a.id)
  [b] := matches.build
  b.predicateType == "custom"
  count(matches) == 2
  not input.authorityMatches.ours.signatures
}"""
    wanted = (scan(), {"name": "build", "predicateType": "custom"})
    async with judging(tmp_path, registry.host) as judge:
        finding = await judge.judge(name, authority(ours.public_key, *wanted), rego=text)
    assert (finding.judgement.outcome, finding.judgement.message) == (Outcome.PASS, "")


@pytest.mark.parametrize(
    "kind",
    [
        "slsaprovenance",
        "slsaprovenance02",
        "slsaprovenance1",
        "spdxjson",
        "cyclonedx",
        "vuln",
        "openvex",
        "link",
    ],
)
async def test_short_names_stand_for_what_cosign_writes(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path, kind: str
) -> None:
    name = pushed(registry, f"attested/{kind}", "1")
    predicates: dict[str, Any] = {
        "vuln": {
            "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
            "scanner": {"uri": "s", "version": "1", "db": {"uri": "", "version": ""}, "result": {}},
            "metadata": {
                "scanStartedOn": "2026-11-01T00:00:00Z",
                "scanFinishedOn": "2026-11-01T00:00:00Z",
            },
        },
        "link": {
            "_type": "link",
            "name": "build",
            "command": [],
            "materials": {},
            "products": {},
            "byproducts": {},
            "environment": {},
        },
        "slsaprovenance1": {"buildDefinition": {"buildType": "b"}, "runDetails": {"builder": {"id": "x"}}},
        "slsaprovenance": {"builder": {"id": "x"}, "buildType": "b"},
        "slsaprovenance02": {"builder": {"id": "x"}, "buildType": "b"},
    }
    ours.attest(name, kind, predicates.get(kind, {"a": 1}))
    async with judging(tmp_path, registry.host) as judge:
        found = await judge.judge(name, authority(ours.public_key, {"name": "it", "predicateType": kind}))
        other = await judge.judge(name, authority(ours.public_key, {"name": "it", "predicateType": "custom"}))
    assert (found.judgement.outcome, found.judgement.message) == (Outcome.PASS, "")
    assert other.judgement.outcome is Outcome.FAIL
    assert other.judgement.message.startswith("ours: no attestation of ") or CUSTOM in other.judgement.message


async def test_an_attestation_by_another_key_or_of_another_image_is_none(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    theirs = Cosign(tmp_path / "theirs")
    name, bare = pushed(registry, "attested/theirs", "1"), pushed(registry, "attested/theirs", "2")
    theirs.attest(name, SCAN, {"high": 0, "warning": ""})
    ours.attest(bare, SCAN, {"high": 0, "warning": ""})
    third = pushed(registry, "attested/theirs", "3")
    repository = f"{registry.host}/attested/theirs"
    source, target = (each.partition("@")[2].replace(":", "-") for each in (bare, third))
    ours.run("copy", "--allow-http-registry", f"{repository}:{source}.att", f"{repository}:{target}.att")
    async with judging(tmp_path, registry.host) as judge:
        by_them = await judge.judge(name, authority(ours.public_key, scan()))
        of_another = await judge.judge(third, authority(ours.public_key, scan()))
    assert by_them.judgement.message == f"ours: no attestation of {name} verifies: not by this key (1)"
    assert of_another.judgement.message == f"ours: no attestation of {third} verifies: not of this image (1)"


async def test_a_signature_is_no_attestation_and_an_attestation_no_signature(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    signed, attested = (pushed(registry, "attested/either", user) for user in ("1", "2"))
    ours.sign(signed)
    ours.attest(attested, SCAN, {"high": 0, "warning": ""})
    async with judging(tmp_path, registry.host) as judge:
        first = await judge.judge(signed, authority(ours.public_key, scan()))
        second = await judge.judge(attested, {"name": "ours", "key": {"data": ours.public_key}})
    assert first.judgement.message == f"ours: no attestation of {signed}"
    assert second.judgement.message == f"ours: no signature of {attested}"


async def test_a_policy_on_attestations_that_does_not_compile_is_an_error_that_names_it(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    async with judging(tmp_path, registry.host) as judge:
        broken = authority(ours.public_key, scan("package sigstore\nisCompliant {"))
        _, checked = await judge.load(broken)
        assert checked.error.startswith("spec.authorities[0].attestations[0].policy.data:2")
        finding = await judge.judge(f"{registry.host}/attested/nowhere:1", broken)
        assert finding.judgement.outcome is Outcome.ERROR
        beside = await judge.judge("nginx", broken, {"static": {"action": "pass"}})
        assert beside.judgement.outcome is Outcome.PASS


async def test_attestations_larger_than_the_limit_are_an_error(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    name = pushed(registry, "attested/large", "1")
    ours.attest(name, SCAN, {"high": 0, "warning": "", "filler": "x" * 20_000})
    async with judging(tmp_path, registry.host, attestation_bytes=10_000) as judge:
        finding = await judge.judge(name, authority(ours.public_key, scan()))
    assert finding.judgement.outcome is Outcome.ERROR
    assert "attestations of more than 10000 bytes" in finding.judgement.message


async def test_an_attestation_is_asked_for_once_and_judged_once(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    name = pushed(registry, "attested/once", "1")
    ours.attest(name, SCAN, {"high": 0, "warning": ""})
    before = len(registry.asked())
    async with judging(tmp_path, registry.host) as judge:
        for _ in range(3):
            finding = await judge.judge(name, authority(ours.public_key, scan()))
            assert finding.judgement.outcome is Outcome.PASS
    asked = [path for _, path in registry.asked()[before:] if "/attested/once/" in path]
    assert len(asked) == 2, asked
