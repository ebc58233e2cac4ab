"""Rows that a database does not take: nobody else's are lost for them, and a user can ask for them.

Not covered: which error means what (`tests/unit/sink/test_reasons`).
"""

import random
import string
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.bus import Record
from pipeline.events import EventType, ResourceApplied, ResourceRef, SourceFailed, Topic
from sink.queries.errors import ErrorFilter, list_errors
from sink.queries.reader import Reader
from sink.store import Store
from tests.contract.test_store import clear, delivery, failed, gone, opened, record, resource, rows
from tests.unit.sink.histories import CLUSTER, FAIL, PASS, history, logs, told, verdict

LONG = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=6000))  # noqa: S311
"""More than an index of PostgreSQL takes, also compressed."""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


def with_number(number: int) -> Record:
    """A source error; of more than 64 bits, no database has a column for its number."""
    found = failed("numbers.yaml")
    assert found.event is not None
    data = SourceFailed(cluster=CLUSTER, file="numbers.yaml", message="not YAML", document=number)
    return replace(found, event=msgspec.structs.replace(found.event, data=data))


def with_surrogate(message: str = "\ud800") -> Record:
    """A verdict whose message is no Unicode."""
    said = msgspec.structs.replace(verdict(name="odd"), message=message)
    return told(said)


def with_long_name() -> Record:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name=LONG, uid="uid-long")
    data = ResourceApplied(cluster=CLUSTER, resource=ref, digest="d1", object={})
    return record(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"{CLUSTER}/uid-long", data)


async def test_what_is_refused_is_told_and_the_others_are_written(database: str, store: Store) -> None:
    good = [resource(), *history("web", [FAIL, PASS, FAIL]), failed()]
    await store.apply(delivery(good), "of the good")
    expected = await rows(store)
    await clear(store)
    mixed = [with_number(2**70), *good[:2], with_surrogate(), *good[2:]]
    await store.apply(delivery(mixed), "log")
    found = await rows(store)
    refused = [row for row in found["source_errors"] if row["key"].startswith("~refused/")]
    assert {
        **found,
        "source_errors": [row for row in found["source_errors"] if row not in refused],
    } == expected
    assert await store.positions("log") == delivery(mixed).positions
    assert store.refusals == {"tocsin.deadletters": 1, "tocsin.verdicts": 1}
    async with Reader.open(database) as reader:
        messages = [each.message for each in await list_errors(reader, ErrorFilter())]
    assert any(
        said.startswith("dev.tocsin.verdict.failed") and "shop/Pod/odd by no-root" in said
        for said in messages
    )
    assert sum("the database does not take it" in said for said in messages) == 2
    assert await store.known_source_errors(CLUSTER) == {f"{CLUSTER}/a.yaml#2": "a.yaml"}


async def test_a_record_that_is_taken_takes_its_error_back(store: Store) -> None:
    await store.apply(delivery([with_number(2**70), with_surrogate()]), "log")
    assert len((await rows(store))["source_errors"]) == 2
    await store.apply(delivery([with_number(3)], 10), "log")
    assert sorted(row["document"] for row in (await rows(store))["source_errors"]) == [0, 3]
    await store.apply(delivery([gone(with_surrogate())], 20), "log")
    assert [row["document"] for row in (await rows(store))["source_errors"]] == [3]


async def test_names_that_no_index_of_a_server_takes_stop_nobody(store: Store) -> None:
    if store.engine.dialect.name == "sqlite":
        pytest.skip("its indexes take everything")
    long = told(verdict(name="long"))
    long_key = replace(long, key=f"{CLUSTER}/uid/{LONG}")
    sent = [resource(), with_long_name(), long_key, *history("web", [FAIL])]
    await store.apply(delivery(sent), "log")
    found = await rows(store)
    assert [row["name"] for row in found["resources"]] == ["web"]
    assert [row["name"] for row in found["violations"]] == ["web"]
    assert ["index row" in row["message"] for row in found["source_errors"]] == [True, True]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=logs(), places=st.lists(st.integers(0, 20), min_size=1, max_size=4))
async def test_the_others_are_as_if_it_had_never_been_there(
    store: Store, log: list[Record], places: list[int]
) -> None:
    await clear(store)
    await store.apply(delivery(log), "without")
    expected = await rows(store, less=("offsets", "schema_compatibility", "source_errors"))
    await clear(store)
    mixed = list(log)
    for place in places:
        mixed.insert(place, with_number(2**70))
    await store.apply(delivery(mixed), "with")
    assert await rows(store, less=("offsets", "schema_compatibility", "source_errors")) == expected
    assert len((await rows(store))["source_errors"]) == 1
