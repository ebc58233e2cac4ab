"""What an event hands on to those it causes. That stages do so is tested with them."""

from datetime import UTC, datetime, timedelta

from pipeline.events import Event, EventType, SourceFailed, carried, observed_at

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}


def event(time: datetime, **extensions: str) -> Event:
    return Event(
        type=EventType.SOURCE_FAILED,
        source="/clusters/c",
        id="1",
        time=time,
        subject="s",
        key="c/s",
        data=SourceFailed(cluster="c", file="f", message="m"),
        extensions=extensions,
    )


def test_the_trace_and_the_time_of_the_first_event_are_handed_on_and_nothing_else() -> None:
    first = event(BEGAN, **TRACE, policy="p")
    assert carried(first) == {**TRACE, "observedtime": "2026-11-24T12:00:00+00:00"}
    second = event(BEGAN + timedelta(seconds=5), **carried(first))
    assert carried(second) == carried(first)
    assert observed_at(second) == observed_at(first) == BEGAN


def test_a_time_that_is_none_is_the_events_own() -> None:
    for wrong in ("yesterday", "", "2026-11-24T12:00:00"):
        assert observed_at(event(BEGAN, observedtime=wrong)) == BEGAN
