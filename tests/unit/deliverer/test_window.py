"""Positions: never past what is not done, whatever order things are done in; and order per resource."""

from hypothesis import given
from hypothesis import strategies as st

from deliverer.queues import Queues, Waiting, resource_of
from deliverer.requests import Request
from deliverer.window import Window
from tests.verdicts import verdict


@st.composite
def _runs(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Reads and dones of two partitions: offsets with gaps, done in any order after they were read."""
    offsets = {number: sorted(draw(st.sets(st.integers(0, 30), max_size=12))) for number in (0, 1)}
    steps: list[tuple[str, int, int]] = []
    open_: list[tuple[int, int]] = []
    left = {number: list(each) for number, each in offsets.items()}
    while any(left.values()) or open_:
        choices = [number for number, each in left.items() if each]
        if choices and (not open_ or draw(st.booleans())):
            number = draw(st.sampled_from(choices))
            offset = left[number].pop(0)
            steps.append(("read", number, offset))
            if draw(st.booleans()):
                open_.append((number, offset))
                steps[-1] = ("take", number, offset)
        else:
            number, offset = open_.pop(draw(st.integers(0, len(open_) - 1)))
            steps.append(("done", number, offset))
    return steps


@given(_runs())
def test_a_position_follows_the_first_event_that_is_not_done(steps: list[tuple[str, int, int]]) -> None:
    window = Window()
    open_: dict[int, list[int]] = {0: [], 1: []}
    ends = {0: 0, 1: 0}
    told: dict[int, int] = {}
    for word, number, offset in steps:
        match word:
            case "take":
                window.read(number, offset)
                open_[number].append(offset)
                ends[number] = offset + 1
            case "read":
                window.read_up_to(number, offset + 1)
                ends[number] = offset + 1
            case _:
                window.done(number, offset)
                open_[number].remove(offset)
        news = window.news()
        for each, position in news.items():
            assert position == min(open_[each], default=ends[each])
            assert position > told.get(each, -1)
        told |= news
        window.told(news)
    assert window.span == 0
    assert all(told.get(number, 0) == end for number, end in ends.items())


@given(st.lists(st.sampled_from("abc"), max_size=30), st.data())
def test_events_of_a_resource_go_one_after_the_other(names: list[str], data: st.DataObject) -> None:
    queues, ready, gone = Queues(), [], []
    for number, name in enumerate(names):
        record = verdict(name, number)
        assert record.event is not None
        request = Request(record.event.id, {}, b"12345")
        waiting = Waiting(0, number, resource_of(record.key), record.event, request, 0)
        if queues.put(waiting):
            ready.append(waiting)
    assert (queues.number, queues.size) == (len(names), 5 * len(names))
    while ready:
        assert len({each.resource for each in ready}) == len(ready)
        waiting = ready.pop(data.draw(st.integers(0, len(ready) - 1)))
        assert queues.is_first(waiting)
        gone.append((waiting.resource, waiting.offset))
        if (following := queues.done(waiting)) is not None:
            ready.append(following)
    for resource in {each for each, _ in gone}:
        offsets = [offset for each, offset in gone if each == resource]
        assert offsets == sorted(offsets)
    assert (len(gone), queues.number, queues.size) == (len(names), 0, 0)


def test_a_resource_is_the_cluster_and_the_uid_of_a_key() -> None:
    assert resource_of("c/uid/policy") == resource_of("c/uid/other/docker.io/nginx") == "c/uid"
