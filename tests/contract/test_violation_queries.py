"""Questions about violations and policies on every database: filters, orders, pages, ids.

Not covered: how answers are shown (`tests/unit/cli`, `tests/e2e/test_queries`).
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import insert

from pipeline.errors import StoreError, UsageError
from pipeline.events import Mode, Outcome, ResourceRef, Verdict
from sink import schema
from sink.database import connect, parse_url
from sink.queries import orders
from sink.queries.filters import Filter
from sink.queries.groups import list_groups
from sink.queries.model import Owner, Violation
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.terms import terms
from sink.queries.violations import detail, find_violations, list_history, list_violations
from sink.queries.words import By, Sort, State
from sink.rows import resolved, verdict_row, violation_row
from sink.tables import policies, verdicts, violations
from tests.unit.sink.histories import ERROR, PASS, START, Said, told, verdict

ENFORCED = Said(Outcome.FAIL, Mode.ENFORCE)
DEPLOYMENT = ResourceRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="web")


@pytest.fixture
async def reader(database: str) -> AsyncIterator[Reader]:
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
    async with Reader.open(database) as reader:
        yield reader


async def put(reader: Reader, *found: Verdict, resolution: str = "") -> list[dict[str, Any]]:
    """Open a violation for each verdict; with a resolution, end it an hour later."""
    events = [(record.key, record.event) for record in map(told, found)]
    rows = [
        violation_row(key, event, each) for (key, event), each in zip(events, found, strict=True) if event
    ]
    if resolution:
        rows = [resolved(row, resolution, row["opened_at"] + timedelta(hours=1)) for row in rows]
    with reader.engine.begin() as connection:
        connection.execute(insert(violations), rows)
    return rows


async def ask(
    reader: Reader, wanted: Filter, sort: Sort = Sort.RESOURCE, limit: int | None = None, page: int = 500
) -> list[Violation]:
    found, _ = await list_violations(reader, wanted, sort, limit, list, page)
    return found


async def names(reader: Reader, **wanted: Any) -> list[str]:
    return [each.resource.name for each in await ask(reader, narrowed(**wanted))]


def narrowed(**wanted: Any) -> Filter:
    """A filter, its names as users write them."""
    plain = ("state", "modes", "since", "until")
    found: dict[str, Any] = {name: each if name in plain else terms(each) for name, each in wanted.items()}
    return Filter(**found)


async def test_a_violation_is_read_as_it_was_written(reader: Reader) -> None:
    (row,) = await put(reader, verdict(owner=DEPLOYMENT, images=("nginx:1", "busybox")))
    (found,) = await ask(reader, Filter())
    assert (found.id, found.policy, found.policy_title) == (row["id"], "no-root", "No root")
    assert (found.owner, found.images) == (Owner(kind="Deployment", name="web"), ("nginx:1", "busybox"))
    assert (found.opened_at, found.resolved_at, found.file, found.image) == (START, None, None, None)
    assert found.explanation == {"line": 3, "expression": "isCompliant", "decided": 0}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["api", "db", "web"]),
        ({"clusters": ("prod",)}, ["db", "web"]),
        ({"clusters": ("prod", "test")}, ["api", "db", "web"]),
        ({"policies": ("no-root",)}, ["api", "web"]),
        ({"namespaces": ("shop",)}, ["web"]),
        ({"kinds": ("pod",)}, ["api", "web"]),
        ({"kinds": ("STATEFULSET", "job")}, ["db"]),
        ({"modes": ("enforce",)}, ["db"]),
        ({"owners": ("web",)}, []),
        ({"owners": ("api",)}, ["api"]),
        ({"owners": ("deployment/front",)}, ["web"]),
        ({"owners": ("front", "statefulset/db")}, ["db", "web"]),
        ({"owners": ("job/front",)}, []),
        ({"owners": ("f*", "statefulset/?b")}, ["db", "web"]),
        ({"owners": ("*", "!api")}, ["db", "web"]),
        ({"images": ("POSTGRES",)}, ["db"]),
        ({"images": ("nginx", "example.com/")}, ["api", "web"]),
        ({"images": ("ngin_",)}, []),
        ({"images": ("%",)}, []),
        ({"images": ("nginx:*", "!alpine")}, ["web"]),
        ({"images": ("example.com/*@sha256",)}, ["api"]),
        ({"namespaces": ("shop,data",)}, ["db", "web"]),
        ({"namespaces": ("!shop",)}, ["api", "db"]),
        ({"namespaces": ("*a*", "!back")}, ["db"]),
        ({"namespaces": ("%", "sh_p", "Shop", "[s]hop", "SHO*")}, []),
        ({"namespaces": ("s?op", "b??k")}, ["api", "web"]),
        ({"kinds": ("stateful*",)}, ["db"]),
        ({"names": ("w*",)}, ["web"]),
        ({"policies": ("no-*", "!no-root")}, ["db"]),
        ({"until": START + timedelta(hours=1)}, ["api"]),
        ({"severities": ("HIGH",)}, ["db"]),
        ({"severities": ("!high",)}, ["api", "web"]),
        ({"since": START + timedelta(hours=1)}, ["db", "web"]),
        ({"policies": ("no-root",), "namespaces": ("shop", "data")}, ["web"]),
        ({"policies": ("x' OR 1=1 --",)}, []),
    ],
)
async def test_each_filter_narrows(reader: Reader, wanted: dict[str, Any], expected: list[str]) -> None:
    front = ResourceRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="front")
    await put(
        reader,
        verdict(name="web", owner=front, at=START + timedelta(hours=1)),
        verdict(
            ENFORCED, "db", "no-latest", kind="StatefulSet", namespace="data", images=("postgres:16",),
            at=START + timedelta(hours=2),
        ),
        verdict(name="api", cluster="test", namespace="back", images=("example.com/api@sha256:0",)),
    )  # fmt: skip
    with reader.engine.begin() as connection:
        connection.execute(insert(policies), policy_row("no-latest", severity="high"))
        connection.execute(insert(policies), policy_row("no-root", "test", severity="low"))
    assert sorted(await names(reader, **wanted)) == expected


async def test_open_ones_are_listed_unless_resolved_ones_or_all_are_asked_for(reader: Reader) -> None:
    await put(reader, verdict(name="still"))
    await put(reader, verdict(name="over"), resolution="fixed")
    assert await names(reader) == ["still"]
    assert await names(reader, state=State.RESOLVED) == ["over"]
    assert await names(reader, state=State.ALL) == ["over", "still"]
    since_end = START + timedelta(minutes=30)
    assert await names(reader, state=State.RESOLVED, since=since_end) == ["over"]
    assert await names(reader, state=State.ALL, since=since_end) == []


def many() -> list[Verdict]:
    """Violations that are alike in many ways: of the same moment, the same names elsewhere."""
    return [
        verdict(name=f"web-{number % 4}", policy=f"p{number % 3}", namespace=namespace, at=START + shift)
        for number in range(12)
        for namespace in ("shop", "data")
        for shift in [timedelta(seconds=number % 2)]
    ]


ORDERS: dict[Sort, Callable[[Violation], Any]] = {
    Sort.NEWEST: lambda each: -each.opened_at.timestamp(),
    Sort.OLDEST: lambda each: each.opened_at.timestamp(),
    Sort.RESOURCE: lambda each: (each.resource.namespace, each.resource.name, each.policy),
    Sort.POLICY: lambda each: (each.policy, each.resource.namespace, each.resource.name),
}


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("page", [1, 5, 24])
async def test_pages_of_any_size_give_each_violation_once_and_in_order(
    reader: Reader, sort: Sort, page: int
) -> None:
    await put(reader, *many())
    whole = await ask(reader, Filter(), sort)
    assert await ask(reader, Filter(), sort, page=page) == whole
    assert len({each.id for each in whole}) == len(whole) == 24
    key = ORDERS[sort]
    assert all(key(one) <= key(other) for one, other in pairwise(whole))


@pytest.mark.parametrize("limit", [1, 7, 24, 100])
async def test_a_limit_is_the_beginning_of_the_list(reader: Reader, limit: int) -> None:
    await put(reader, *many())
    whole = await ask(reader, Filter(), Sort.NEWEST)
    assert await ask(reader, Filter(), Sort.NEWEST, limit, page=5) == whole[:limit]


async def test_an_id_is_found_by_its_first_characters(reader: Reader) -> None:
    rows = await put(reader, *many())
    identity = min(row["id"] for row in rows)
    assert [each.id for each in await find_violations(reader, identity)] == [identity]
    assert [each.id for each in await find_violations(reader, identity[:8])] == [identity]
    assert len(await find_violations(reader, "")) == 5
    assert await find_violations(reader, "%") == await find_violations(reader, "_" * 16) == []


async def test_a_page_about_a_violation_has_its_policy_and_the_times_before(reader: Reader) -> None:
    for minute in range(7):
        await put(reader, verdict(at=START + timedelta(minutes=minute)), resolution="fixed")
    await put(reader, verdict(at=START + timedelta(hours=1)), verdict(name="other"))
    with reader.engine.begin() as connection:
        row = policy_row("no-root", severity="high", url="https://example.com", description="Root is all.")
        connection.execute(insert(policies), row)
    (policy,) = await list_policies(reader)
    newest, *_ = await ask(reader, Filter(state=State.ALL), Sort.NEWEST)
    found = await detail(reader, newest, policy)
    assert (found.id, found.times) == (newest.id, 8)
    assert (found.severity, found.policy_url, found.policy_description) == (
        "high", "https://example.com", "Root is all.",
    )  # fmt: skip
    assert [(each.opened_at - START).seconds // 60 for each in found.earlier] == [6, 5, 4, 3, 2]
    oldest, *_ = await ask(reader, narrowed(state=State.ALL, names=["web"]), Sort.OLDEST)
    alone = await detail(reader, oldest, None)
    assert (alone.times, alone.earlier, alone.severity) == (8, (), None)


async def test_a_history_counts_the_times_and_how_long_each_lasted(reader: Reader) -> None:
    for minute in range(3):
        await put(reader, verdict(at=START + timedelta(minutes=minute)), resolution="fixed")
    await put(reader, verdict(at=START + timedelta(hours=2)), verdict(name="other"))
    for size in (1, 2, 100):
        found, _ = await list_history(
            reader, narrowed(state=State.ALL, names=["web"]), Sort.NEWEST, None, list, size
        )
        assert [(each.occurrence, each.duration_seconds) for each in found] == [
            (4, None), (3, 3600.0), (2, 3600.0), (1, 3600.0),
        ]  # fmt: skip


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("sort", ORDERS)
async def test_a_list_goes_on_where_it_ended(reader: Reader, sort: Sort, state: State) -> None:
    await put(reader, *many())
    await put(
        reader, *(verdict(name=f"o-{n}", at=START + timedelta(days=1)) for n in range(5)), resolution="fixed"
    )
    await put(reader, *(verdict(name=f"w-{n}") for n in range(5)), resolution="waived")
    wanted = Filter(state=state)
    whole = await ask(reader, wanted, sort)
    assert whole
    found: list[Violation] = []
    token = ""
    while not found or token:
        part, token = await list_violations(reader, wanted, sort, 7, list, 3, start=token)
        found += part
    assert found == whole


@pytest.mark.parametrize("token", ["x", "!", "bm9uZQ", "W10", "é"])
async def test_a_token_of_nothing_is_wrong_usage(reader: Reader, token: str) -> None:
    with pytest.raises(UsageError, match="--continue"):
        await list_violations(reader, Filter(), Sort.NEWEST, None, list, start=token)


async def test_a_token_of_another_list_is_wrong_usage(reader: Reader) -> None:
    await put(reader, *many())
    _, token = await list_violations(reader, Filter(), Sort.NEWEST, 3, list)
    with pytest.raises(UsageError, match="newest open"):
        await list_violations(reader, Filter(), Sort.POLICY, 3, list, start=token)


async def test_a_token_of_groups_without_the_moments_of_its_first_page_is_wrong_usage(reader: Reader) -> None:
    key = (START, "prod", "shop", "Pod", "web", "no-root")  # as earlier releases named it
    old = orders.token((By.WORKLOAD, Sort.NEWEST, State.OPEN), key)
    with pytest.raises(UsageError, match="--continue: expected what an earlier list named"):
        await list_groups(reader, Filter(), By.WORKLOAD, Sort.NEWEST, 1, list, start=old)


def policy_row(name: str, cluster: str = "prod", *, deleted: bool = False, **columns: Any) -> dict[str, Any]:
    return {
        "key": f"{cluster}/{name}", "cluster": cluster, "name": name, "digest": "p1", "applied_at": START,
        "deleted_at": START if deleted else None, "mode": "warn", "refusals": {}, "findings": [], "reads": [],
        **columns,
    }  # fmt: skip


async def test_policies_are_listed_with_what_they_found_and_without_those_that_are_gone(
    reader: Reader,
) -> None:
    await put(reader, verdict(name="a"), verdict(name="b"), verdict(name="c", cluster="test"))
    await put(reader, verdict(name="d"), resolution="fixed")
    with reader.engine.begin() as connection:
        for row in (
            policy_row("no-root", reads=["spec"], refusals={"regorus": "calls x"}),
            policy_row("no-root", "test"),
            policy_row("broken", error="spec.mode: expected warn or enforce"),
            policy_row("gone", deleted=True),
        ):
            connection.execute(insert(policies), row)
        for name, said in (("web", ERROR), ("db", PASS)):
            record = told(verdict(said, name, "broken"))
            assert record.event is not None
            assert isinstance(record.event.data, Verdict)
            row = verdict_row(record.key, record.event, record.event.data)
            connection.execute(insert(verdicts), row)
    found = await list_policies(reader)
    assert [(each.name, each.cluster, each.violations, each.errors) for each in found] == [
        ("broken", "prod", 0, 1),
        ("no-root", "prod", 2, 0),
        ("no-root", "test", 1, 0),
    ]
    (one,) = await list_policies(reader, terms(["pr*"]), "no-root")
    assert (one.reads, one.refusals, one.error) == (("spec",), {"regorus": "calls x"}, None)


async def test_a_database_that_fails_in_the_middle_is_an_error_of_the_store(reader: Reader) -> None:
    with reader.engine.begin() as connection:
        violations.drop(connection)
    with pytest.raises(StoreError):
        await ask(reader, Filter())


async def test_an_error_of_whoever_takes_the_rows_is_theirs(reader: Reader) -> None:
    await put(reader, verdict())

    def full(_: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await list_violations(reader, Filter(), Sort.NEWEST, None, full)
