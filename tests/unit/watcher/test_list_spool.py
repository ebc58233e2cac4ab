"""The items of a List while they wait for its kind. Cutting a text into items is in `test_splitting`."""

import tracemalloc
from collections.abc import Iterator

import pytest

from watcher.documents import BrokenDocument, Document, ListKind, Part, Syntax
from watcher.list_spool import ListSpool

CAP = 100


@pytest.fixture
def spool() -> Iterator[ListSpool]:
    spool = ListSpool(CAP, Syntax.YAML)
    yield spool
    spool.close()


def _items(spool: ListSpool, *texts: bytes) -> None:
    for line, text in enumerate(texts, start=2):
        spool.start_item(line)
        spool.write(text)


def _finish(spool: ListSpool, after: bytes = b"kind: List\n") -> list[Part]:
    return list(spool.finish(3, 1, b"items:\n", after))


def _texts(parts: list[Part]) -> list[bytes]:
    return [part.text for part in parts if isinstance(part, Document)]


def test_the_lists_own_fields_come_first_with_lines_where_the_items_were(spool: ListSpool) -> None:
    _items(spool, b"- a\n", b"- b:\n    c\n")
    own, first, second = _finish(spool)
    assert _texts([own]) == [b"items:\n\n\n\nkind: List\n"]
    assert _texts([first, second]) == [b"- a\n", b"- b:\n    c\n"]
    assert [(part.place.number, part.place.line, part.place.item) for part in (own, first, second)] == [
        (3, 1, None), (3, 2, 0), (3, 3, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (b"kind: List\n", ListKind("", "List")),
        (b'apiVersion: apps/v1\nkind: "DeploymentList" # c\r\n', ListKind("apps/v1", "DeploymentList")),
        (b"kind: Menu\n", None),
        (b"  kind: List\n", None),
        (b"kinds: List\n", None),
        (b"", None),
    ],
)
def test_it_is_a_list_when_its_kind_says_so_in_so_many_words(
    spool: ListSpool, after: bytes, kind: ListKind | None
) -> None:
    _items(spool, b"- a\n", b"- b\n")
    parts = _finish(spool, after)
    if kind is None:
        assert _texts(parts) == [b"items:\n- a\n- b\n" + after]
    else:
        assert [part.list_kind for part in parts if isinstance(part, Document)] == [None, kind, kind]


def test_an_item_written_in_pieces_is_one(spool: ListSpool) -> None:
    spool.start_item(2)
    spool.write(b"- a:\n")
    spool.write(b"    b\n")
    assert _texts(_finish(spool))[1:] == [b"- a:\n    b\n"]


def test_an_item_beyond_the_cap_costs_itself_and_the_lines_stay_right(spool: ListSpool) -> None:
    _items(spool, b"- a\n", b"- b\n" + b"  x\n" * CAP, b"- c\n")
    own, first, second, third = _finish(spool)
    assert isinstance(second, BrokenDocument)
    assert second.place.item == 1
    assert _texts([first, third]) == [b"- a\n", b"- c\n"]
    assert _texts([own])[0].count(b"\n") == 1 + 1 + CAP + 1 + 1 + 1


def test_what_is_no_list_and_beyond_the_cap_is_one_broken_document(spool: ListSpool) -> None:
    _items(spool, *[b"- aaaaaaaaaa\n"] * 20)
    (part,) = _finish(spool, b"kind: Menu\n")
    assert isinstance(part, BrokenDocument)


def test_memory_does_not_grow_with_the_items(spool: ListSpool) -> None:
    item = b"- " + b"x" * (CAP - 10) + b"\n"
    tracemalloc.start()
    try:
        for line in range(20_000):
            spool.start_item(line)
            spool.write(item)
        assert tracemalloc.get_traced_memory()[1] < 20_000 * len(item) // 2
    finally:
        tracemalloc.stop()
    assert sum(1 for _ in spool.finish(1, 1, b"items:\n", b"kind: List\n")) == 20_001
