"""Whatever an API server does, in the end what is known downstream is what it says, and it is not flooded.

A scripted server on real sockets (`tests.fakes.api_server`). Not here: what a real one does
(`tests/integration/kube`), what happens to processes (`make faults SUITE=watcher`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.events import Topic
from pipeline.settings import ClusterSettings, load_settings
from tests.fakes.api_server import (
    HOLD,
    Answer,
    FakeApiServer,
    bookmark,
    error,
    event,
    page,
    pod,
    redirect,
    refused,
    stream,
    text,
)
from tests.integration.kube.conftest import NAME, Downstream, following
from tests.kube.cluster import CONTEXT
from watcher.cluster.app import KnownObjects
from watcher.cluster.lines import MAX_LINE

A, B = pod("a", 1), pod("b", 2)
NEWER_A = pod("a", 12, "nginx:2")
C = pod("c", 11)
GONE_B = pod("b", 13)
HELD = stream(HOLD)


def added(body: dict[str, Any]) -> dict[str, Any]:
    return event("ADDED", body)


def modified(body: dict[str, Any]) -> dict[str, Any]:
    return event("MODIFIED", body)


def deleted(body: dict[str, Any]) -> dict[str, Any]:
    return event("DELETED", body)


def padded(name: str, version: int, size: int) -> dict[str, Any]:
    """A Pod of about so many bytes."""
    return pod(name, version, annotations={"note": "x" * size})


@dataclass(frozen=True)
class Case:
    """`names`: what is there in the end, with images; `lists`, `watches`: how often it may be asked."""

    names: dict[str, str]
    list: tuple[Answer, ...] = (page([A, B]),)
    watch: tuple[Answer, ...] = (HELD,)
    stream: tuple[Answer, ...] = (refused(400),)
    lists: int = 1
    watches: int = 1
    streams: int = 1
    changes: dict[str, Any] = field(default_factory=dict)


AB = {"a": "nginx", "b": "nginx"}
ABC = {**AB, "c": "nginx"}
FROM_STREAM = stream(added(A), added(B), bookmark("10", ends_list=True))
PIECES = [b"%c" % byte for byte in b'\n{"type": "BOOKMARK", "object": {}}\r\n']
EMPTY = '{"metadata": {"resourceVersion": "1"}, "items": []}'
THEN_C = stream(added(C), HOLD)
AGAIN = page([A, B, C], "20")
TWICE = (page([A, B]), AGAIN)

CASES = {
    "a streamed list": Case(AB, (refused(500),), stream=(FROM_STREAM,), lists=0),
    "no streamed lists (422)": Case(AB, stream=(refused(422),)),
    "a streamed list refused in the stream": Case(
        {"a": "nginx"}, (page([A]),), stream=(stream(added(B), error(400)),)
    ),
    "a streamed list that ends without its bookmark": Case(
        {"a": "nginx"}, (page([A]),), stream=(stream(added(A), added(B)),)
    ),
    "a streamed list whose bookmark has no version": Case(
        AB, stream=(stream(added(A), bookmark(None, ends_list=True)),)
    ),
    "a streamed list that never ends": Case(
        AB, stream=(stream(added(A), HOLD), FROM_STREAM), lists=0, streams=2, changes={"read_timeout": 0.3}
    ),
    "a streamed list cut by the network": Case(
        AB, stream=(stream(added(A), broken=True), FROM_STREAM), lists=0, streams=2
    ),
    "a page of many chunks": Case(
        {f"p{n}": "nginx" for n in range(40)}, (page([padded(f"p{n}", n, 20_000) for n in range(40)]),)
    ),
    "pages": Case(AB, (page([A], more="1"), page([B])), lists=2),
    "a token that is too old": Case(AB, (page([C], more="1"), refused(410), page([A, B])), lists=3),
    "a token that is too old, and no list of everything": Case(
        AB, (page([C], more="1"), refused(410), refused(410), page([A, B])), lists=4
    ),
    "a page that goes on with itself": Case(
        AB, (page([A], more="1"), page([B], more="1"), page([A, B])), lists=3
    ),
    "a list without items": Case({}, (page(None),)),
    "a list without a version": Case(AB, (page([A], version=""), page([A, B])), lists=2),
    "a page of a proxy": Case(AB, (text("<html>log in</html>", "text/html"), page([A, B])), lists=2),
    "a list that is no object": Case(AB, (text("[]"), text("7"), text(b'"\xff"'), page([A, B])), lists=4),
    "half a list": Case(AB, (text('{"items": [{"metadata"'), page([A, B])), lists=2),
    "a list as text/plain": Case(
        AB, (text(EMPTY, "text/plain"),), (stream(added(pod("a", 2)), added(pod("b", 3)), HOLD),)
    ),
    "throttled": Case(
        AB, (refused(429, Retry_After="0"), refused(503, Retry_After="never"), page([A, B])), lists=3
    ),
    "server errors": Case(AB, (refused(500), refused(502), refused(504), page([A, B])), lists=4),
    "an error that is HTML": Case(AB, (text("<html>", "text/html", 502), page([A, B])), lists=2),
    "redirected elsewhere": Case(AB, (redirect("/elsewhere"), page([A, B])), lists=2),
    "denied for a while": Case(AB, (refused(403), refused(404), page([A, B])), lists=3),
    "no answer at all": Case(AB, (stream(HOLD), page([A, B])), lists=2, changes={"answer_timeout": 0.3}),
    "a watch over which nothing comes": Case(
        ABC, watch=(HELD, THEN_C), watches=2, changes={"read_timeout": 0.3}
    ),
    "a watch that ends": Case(ABC, watch=(stream(), stream(bookmark("10")), THEN_C), watches=3),
    "a watch that is cut in a line": Case(
        ABC, watch=(stream(b'{"type": "ADD', broken=True), stream(b'{"ty'), THEN_C), watches=3
    ),
    "a line that is no JSON": Case(ABC, TWICE, (stream(added(C), b"{]\n"), HELD), lists=2, watches=2),
    "a line that is HTML": Case(ABC, TWICE, (text("<html>\n", "text/html"), HELD), lists=2, watches=2),
    "a line that is no event": Case(ABC, TWICE, (stream(b"[]\n"), stream(b"{}\n"), HELD), lists=3, watches=3),
    "lines in small pieces": Case(ABC, watch=(stream(*PIECES, added(C), HOLD),)),
    "410 in the stream": Case(ABC, TWICE, (stream(error(410)), HELD), lists=2, watches=2),
    "410 as the answer": Case(ABC, TWICE, (refused(410), HELD), lists=2, watches=2),
    "410 after an event": Case(
        {"a": "nginx", "c": "nginx"},
        (page([A, B]), page([A, C], "20")),
        (stream(added(C), error(410)), HELD),
        lists=2,
        watches=2,
    ),
    "a version from the future": Case(
        ABC,
        TWICE,
        (stream(error(504, "Too large resource version: 10, current: 5")), HELD),
        lists=2,
        watches=2,
    ),
    "500 in the stream": Case(ABC, watch=(stream(error(500)), THEN_C), watches=2),
    "an error without a code": Case(ABC, watch=(stream(event("ERROR", {})), THEN_C), watches=2),
    "bookmarks without a version": Case(ABC, watch=(stream(bookmark(None), added(C), HOLD),)),
    "an unknown type of event": Case(ABC, TWICE, (stream(event("RENAMED", C)), HELD), lists=2, watches=2),
    "a deletion of nobody knows what": Case(
        {"a": "nginx"},
        (page([A, B]), page([A], "20")),
        (stream(deleted({"metadata": {}})), HELD),
        lists=2,
        watches=2,
    ),
    "objects without a uid, or without metadata": Case(
        ABC,
        (page([A, {"metadata": {}}, {}, {"metadata": []}, B]),),
        (stream(added({}), added({"metadata": "x"}), added({"metadata": {"uid": 7}}), added(C), HOLD),),
    ),
    "a deletion of something unknown": Case(ABC, watch=(stream(deleted(pod("z", 11)), added(C), HOLD),)),
    "a stale event after a newer one": Case(
        {"a": "nginx:2", "b": "nginx"},
        (page([A, B]), page([NEWER_A, B], "20")),
        (stream(modified(NEWER_A), modified(pod("a", 11, "nginx:old"))), HELD),
        lists=2,
        watches=2,
    ),
    "a stale event that would bring back what is gone": Case(
        {"a": "nginx"},
        (page([A, B]), page([A], "20")),
        (stream(deleted(GONE_B), added(pod("b", 11))), HELD),
        lists=2,
        watches=2,
    ),
    "a history that begins again, after a restore": Case(
        {"a": "nginx:old"},
        (page([NEWER_A, B], "900"), page([pod("a", 3, "nginx:old")], "5")),
        (stream(bookmark("4")), HELD),
        lists=2,
        watches=2,
    ),
    "versions that are no numbers": Case(
        {**AB, "d": "nginx"},
        (page([A, B], "x-9"),),
        (stream(added(pod("d", 0, resourceVersion="x-1")), HOLD),),
    ),
    "an object just below the limit of a line": Case(
        ABC, watch=(stream(added(padded("c", 11, MAX_LINE - 1000)), HOLD),)
    ),
    "an object above the limit of a line": Case(
        ABC,
        (page([A, B]), page([A, B, padded("c", 11, MAX_LINE)], "20")),
        (stream(added(padded("c", 11, MAX_LINE))), HELD),
        lists=2,
        watches=2,
    ),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer(tmp_path).running() as server:
        yield server


def settings(server: FakeApiServer, **changes: Any) -> ClusterSettings:
    quick = {"backoff_first": 0.01, "backoff_most": 0.05, "denied_retry": 0.01, "kinds": ["Pod"]}
    return load_settings(
        kubeconfig=str(server.kubeconfig), context=CONTEXT, **{**quick, **changes}
    ).api_server


@asynccontextmanager
async def watching(server: FakeApiServer, **changes: Any) -> AsyncIterator[Downstream]:
    async with following(settings(server, **changes), policies=False) as downstream:
        yield downstream


def images(downstream: Downstream) -> dict[str, str]:
    return {
        applied.resource.name: applied.object["spec"]["containers"][0]["image"]
        for applied in downstream.resources.values()
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_in_the_end_what_is_known_is_what_the_server_says(server: FakeApiServer, case: Case) -> None:
    server.scripts = {"list": [*case.list], "watch": [*case.watch], "stream": [*case.stream]}
    async with watching(server, **case.changes) as downstream:
        if not case.names:
            await asyncio.wait_for(downstream.listed, 30)
        await downstream.until(lambda d: images(d) == case.names)
        await server.until(lambda: server.count("watch") >= case.watches)
        assert images(downstream) == case.names
    if "read_timeout" not in case.changes:  # there, silence itself makes the next request
        assert (server.count("list"), server.count("watch")) == (case.lists, case.watches)
    keys = [(topic, key) for topic, key, there in downstream.seen if not there]
    assert len(keys) == len(set(keys)), "a deletion was told twice"


async def test_a_watch_that_ends_at_once_is_asked_for_ever_more_slowly(server: FakeApiServer) -> None:
    server.scripts.update(list=[page([A])], watch=[stream(bookmark("10"))])
    clock = asyncio.get_running_loop().time
    async with watching(server, backoff_first=0.02, backoff_most=10.0):
        await server.until(lambda: server.count("watch") >= 1)
        began = clock()
        await server.until(lambda: server.count("watch") >= 6)
    assert clock() - began >= 0.5 * 0.02 * (1 + 2 + 4 + 8 + 16)
    assert server.count("list") == 1


async def test_a_server_that_always_forgets_is_listed_ever_more_slowly(server: FakeApiServer) -> None:
    server.scripts.update(list=[page([A])], watch=[stream(error(410))])
    clock = asyncio.get_running_loop().time
    async with watching(server, backoff_first=0.02, backoff_most=10.0) as downstream:
        await server.until(lambda: server.count("list") >= 1)
        began = clock()
        await server.until(lambda: server.count("list") >= 6)
        await downstream.until(lambda d: images(d) == {"a": "nginx"})
    assert clock() - began >= 0.5 * 0.02 * (1 + 2 + 4 + 8 + 16)
    assert len(downstream.seen) == 1


async def test_it_waits_as_long_as_the_server_asks_for(server: FakeApiServer) -> None:
    server.scripts.update(list=[refused(429, Retry_After="1"), page([A])])
    clock = asyncio.get_running_loop().time
    began = clock()
    async with watching(server) as downstream:
        await downstream.until(lambda d: images(d) == {"a": "nginx"})
    assert clock() - began >= 1.0


async def test_credentials_are_read_again_when_they_are_refused(server: FakeApiServer) -> None:
    server.scripts.update(list=[page([A])], watch=[stream(bookmark("11")), refused(401), THEN_C])
    async with watching(server) as downstream:
        await downstream.until(lambda d: bool(d.resources))
        server.write_kubeconfig("second")
        await downstream.until(lambda d: "c" in images(d))
    assert server.tokens[-1] == "second"
    assert server.count("list") == 1


@pytest.mark.parametrize("broken", [False, True])
async def test_credentials_that_stay_bad_are_trouble_that_can_end(
    server: FakeApiServer, broken: bool
) -> None:
    async def for_the_good(request: Any) -> Any:
        good = request.headers["Authorization"] == "Bearer good"
        return await (THEN_C if good else refused(401))(request)

    server.scripts.update(list=[page([A])], watch=[for_the_good])
    async with watching(server) as downstream:
        await downstream.until(lambda d: bool(d.resources))
        if broken:  # somebody is just writing it
            server.kubeconfig.write_text("{", encoding="utf-8")
        await server.until(lambda: server.count("watch") >= 6)
        server.write_kubeconfig("good")
        await downstream.until(lambda d: "c" in images(d))


async def test_fresh_credentials_cut_no_stream_of_another_kind(server: FakeApiServer) -> None:
    kinds = ["Pod", "Deployment", "Job"]
    server.scripts.update(list=[page(None)], watch=[HELD, refused(401), HELD])
    async with watching(server, kinds=kinds) as downstream:
        await asyncio.wait_for(downstream.listed, 30)
        await server.until(lambda: server.count("watch") >= 4)
    assert server.count("watch") == 4


async def test_policies_that_the_server_fails_to_list_keep_nobody_waiting(server: FakeApiServer) -> None:
    async def by_kind(request: Any) -> Any:
        failing = "clusterimagepolicies" in request.path
        return await (refused(500, "conversion webhook failed") if failing else page([A]))(request)

    server.scripts["list"] = [by_kind]
    async with following(settings(server)) as downstream:
        await downstream.until(lambda d: images(d) == {"a": "nginx"})
        listing = await asyncio.wait_for(downstream.listed, 30)
    assert "conversion webhook" in listing.troubles["clusterimagepolicies"]


async def test_a_policy_made_again_in_a_gap_is_not_withdrawn(server: FakeApiServer) -> None:
    def policy(uid: str, version: int) -> dict[str, Any]:
        spec = {"images": [{"glob": "**"}], "authorities": [{"static": {"action": "pass"}}]}
        metadata = {"name": "p", "uid": uid, "resourceVersion": str(version)}
        return {
            "apiVersion": "policy.sigstore.dev/v1beta1",
            "kind": "ClusterImagePolicy",
            "metadata": metadata,
            "spec": spec,
        }

    server.scripts.update(list=[page([policy("1", 1)]), page([policy("2", 15)], "20")])
    server.scripts["watch"] = [stream(error(410)), HELD]
    known = KnownObjects(policies=frozenset({f"{NAME}/p", f"{NAME}/old"}))
    async with following(settings(server, kinds=[]), known) as downstream:
        await server.until(lambda: server.count("watch") >= 2)
        await downstream.until(lambda d: bool(d.events) and bool(d.gone))
    assert [key for _, key in downstream.events] == [f"{NAME}/p"]
    assert downstream.gone == {f"{NAME}/old"}


async def test_each_namespace_withdraws_only_its_own(server: FakeApiServer) -> None:
    async def by_namespace(request: Any) -> Any:
        name = request.path.split("/")[4]
        return await page([pod(name, 1, namespace=name)])(request)

    server.scripts["list"] = [by_namespace]
    known = {
        f"{NAME}/uid-east": ("Pod", "east"),
        f"{NAME}/uid-west": ("Pod", "west"),
        f"{NAME}/uid-lost": ("Pod", "west"),
        f"{NAME}/uid-north": ("Pod", "north"),
    }
    wanted = settings(server, namespaces=["east", "west"])
    async with following(wanted, KnownObjects(known), policies=False) as downstream:
        await asyncio.wait_for(downstream.listed, 30)
        await downstream.until(lambda d: len(d.seen) >= 3)
    assert set(images(downstream)) == {"east", "west"}
    assert downstream.gone == {f"{NAME}/uid-lost"}


async def test_what_an_earlier_run_could_not_read_is_mended_when_it_is_read_or_gone(
    server: FakeApiServer,
) -> None:
    still = {**pod("still", 1), "spec": {"containers": 5}}
    server.scripts["list"] = [page([A, still], "10")]
    failing = frozenset(f"pods/{A['metadata']['namespace']}/{uid}" for uid in ("uid-a", "uid-still", "lost"))
    known = KnownObjects(failures=failing | {"pods/elsewhere/other", "jobs/shop/other"})
    wanted = settings(server, namespaces=[A["metadata"]["namespace"]])
    async with following(wanted, known, policies=False) as downstream:
        await asyncio.wait_for(downstream.listed, 30)
        await downstream.until(lambda d: bool(d.failures) and len(d.gone) >= 3)
    of_pods = f"{NAME}/pods/{A['metadata']['namespace']}"
    assert downstream.failures == {f"pods/{A['metadata']['namespace']}/uid-still"}
    assert {key for topic, key, there in downstream.seen if topic is Topic.DEADLETTERS and not there} == {
        f"{of_pods}/uid-a#0",
        f"{of_pods}/lost#0",
    }
