"""`errors list` on every database: what could not be read or evaluated, and that it goes when it is mended.

Not covered: which things cannot be read (`tests/unit/watcher`), the table's look (the guide's test).
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from pipeline.events import Outcome
from sink import schema
from sink.database import connect, parse_url
from sink.queries.errors import ErrorFilter, list_errors
from sink.queries.model import Failure, FailureKind
from sink.queries.reader import Reader
from sink.queries.terms import terms
from sink.tables import resources, verdicts
from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, write
from tests.unit.sink.histories import START

BROKEN = "isCompliant { nosuch(1) }"


@pytest.fixture
def audited(database: str, tmp_path: Path) -> str:
    """A database with its tables."""
    assert tocsin(tmp_path, "db", "upgrade", "--db", database).code == 0
    return database


def _folder(folder: Path) -> None:
    replicas = [pod(f"replica-{number}") for number in (1, 2)]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "replica", "uid": "1", "controller": True}
    for each in replicas:
        each["metadata"]["ownerReferences"] = [owner]
    write(folder / "deploy" / "good.yaml", pod("good"), *replicas)
    (folder / "deploy" / "bad.yaml").write_text("kind: Pod\n---\nmetadata: [\n", encoding="utf-8")
    write(folder / "policies" / "works.yaml", policy("works", NOT_PRIVILEGED))
    write(folder / "policies" / "broken.yaml", policy("broken", BROKEN))


def _scan(folder: Path, database: str) -> Ran:
    return tocsin(folder, "scan", "deploy", "-p", "policies", "--db", database)


def _errors(folder: Path, database: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tocsin(
        folder, "errors", "list", "-o", "json", "--db", database, *words
    ).report
    return found


def test_what_could_not_be_read_or_evaluated_is_listed_until_it_is_mended(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path)
    assert _scan(tmp_path, audited).code == 3
    found = _errors(tmp_path, audited)
    assert [each["kind"] for each in found] == ["source", "source", "policy", "resource", "resource"]
    assert {each["file"] for each in found[:2]} == {"deploy/bad.yaml"}
    assert (found[2]["policy"], "nosuch" in found[2]["message"]) == ("broken", True)
    rolled = [(each["workload"]["name"], each["policy"], each["resources"]) for each in found[3:]]
    assert rolled == [("good", "broken", 1), ("replica", "broken", 2)]
    (tmp_path / "deploy" / "bad.yaml").unlink()
    write(tmp_path / "policies" / "broken.yaml", policy("broken", NOT_PRIVILEGED))
    assert _scan(tmp_path, audited).code == 0
    assert _errors(tmp_path, audited) == []


def test_errors_can_be_narrowed_and_are_an_exit_code_for_scripts(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path)
    _scan(tmp_path, audited)
    kinds = [each["kind"] for each in _errors(tmp_path, audited, "--policy", "bro*")]
    assert kinds == ["policy", "resource", "resource"], "what has no policy is not of this one"
    assert [each["kind"] for each in _errors(tmp_path, audited, "-n", "default")] == ["resource"] * 2
    assert _errors(tmp_path, audited, "--cluster", "else*") == []
    words = ("errors", "list", "--exit-code", "--db", audited)
    assert tocsin(tmp_path, *words).code == 1
    ran = tocsin(tmp_path, *words, "--policy", "works")
    assert (ran.code, ran.out, ran.err) == (0, "", "No errors.\n")


CLUSTERS, NAMESPACES, POLICIES = ("east", "west"), ("shop", ""), ("no-root", "signed")
OWNERS = ("", "web", "db")


@st.composite
def judged(draw: st.DrawFn) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Rows of `verdicts`, each with that of its resource, which may be missing."""
    found = []
    for number in range(draw(st.integers(0, 8))):
        cluster, namespace, policy_ = (draw(st.sampled_from(n)) for n in (CLUSTERS, NAMESPACES, POLICIES))
        owner = draw(st.sampled_from(OWNERS))
        outcome = draw(st.sampled_from([Outcome.ERROR, Outcome.ERROR, Outcome.FAIL, Outcome.WITHDRAWN]))
        key = f"{cluster}/uid-{number}"
        verdict = {
            "key": f"{key}/{policy_}", "event_id": "1", "cluster": cluster, "resource_key": key,
            "policy": policy_, "policy_digest": "1", "mode": "warn", "outcome": outcome.value,
            "namespace": namespace, "kind": "Pod", "name": f"pod-{number}",
            "message": draw(st.sampled_from(["no config", "timeout"])), "evaluated_at": START, "data": "",
        }  # fmt: skip
        resource = {
            "key": key, "cluster": cluster, "uid": f"uid-{number}", "api_version": "v1", "kind": "Pod",
            "namespace": namespace, "name": f"pod-{number}", "resource_version": "1",
            "owner_kind": "ReplicaSet" if owner else "", "owner_name": owner, "digest": "1", "file": "",
            "first_seen_at": START, "last_seen_at": START,
        }  # fmt: skip
        found.append((verdict, resource if draw(st.booleans()) else None))
    return found


_some = st.sampled_from(["", "e*", "!east", "shop", "!shop", "no-*", "signed"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(judged(), _some, _some, _some)
async def test_workloads_that_could_not_be_judged_are_those_of_plain_python(
    database: str,
    found: list[tuple[dict[str, Any], dict[str, Any] | None]],
    cluster: str,
    namespace: str,
    policy_: str,
) -> None:
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            for table, rows in (
                (verdicts, [verdict for verdict, _ in found]),
                (resources, [resource for _, resource in found if resource]),
            ):
                await connection.execute(delete(table))
                if rows:
                    await connection.execute(insert(table), rows)
    groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for verdict, resource in found:
        asked = ((cluster, "cluster"), (namespace, "namespace"), (policy_, "policy"))
        if verdict["outcome"] == "error" and all(_said(term, verdict[name]) for term, name in asked):
            owned = resource and resource["owner_name"]
            root = ("ReplicaSet", owned) if owned else ("Pod", verdict["name"])
            groups[verdict["cluster"], verdict["namespace"], *root, verdict["policy"]].append(verdict)
    async with Reader.open(database) as reader:
        wanted = ErrorFilter(
            clusters=terms([cluster]), namespaces=terms([namespace]), policies=terms([policy_])
        )
        listed = [each for each in await list_errors(reader, wanted) if each.kind is FailureKind.RESOURCE]
    assert list(map(_plain, listed)) == [
        (*heading, len(members), min(each["message"] for each in members))
        for heading, members in sorted(groups.items())
    ]  # fmt: skip


def _plain(each: Failure) -> tuple[Any, ...]:
    workload = (each.workload.kind, each.workload.name) if each.workload else ()
    return (each.cluster, each.namespace, *workload, each.policy, each.resources, each.message)


def _said(term: str, name: str) -> bool:
    plain = {"": True, "e*": name.startswith("e"), "no-*": name.startswith("no-")}
    if term in plain:
        return plain[term]
    return (name != term[1:]) if term.startswith("!") else name == term
