"""What `tocsin run` tells while it runs.

Not covered: the process around it (`tests/e2e/test_run`).
"""

import io
from collections.abc import Iterable

import msgspec

from cli.ring import Ring
from pipeline.bus import Record
from pipeline.events import Outcome, Topic, Verdict, Withdrawal
from tests.unit.cli.builders import checked, policy_ref, unreadable, verdict


def rung(records: Iterable[Record], known: Iterable[str] = ()) -> tuple[str, str]:
    """What goes to stdout and to stderr."""
    out, talk = io.StringIO(), io.StringIO()
    ring = Ring(out, talk, known)
    for record in records:
        ring.take(record)
    return out.getvalue(), talk.getvalue()


def withdrawn(reason: Withdrawal) -> Record:
    record = verdict(Outcome.WITHDRAWN)
    assert record.event is not None
    assert isinstance(record.event.data, Verdict)
    data = msgspec.structs.replace(record.event.data, reason=reason)
    return Record(record.topic, record.key, msgspec.structs.replace(record.event, data=data))


def test_a_first_pass_is_no_news() -> None:
    assert rung([verdict(Outcome.PASS), withdrawn(Withdrawal.RESOURCE_DELETED)]) == ("", "")


def test_a_violation_rings_and_so_does_its_end() -> None:
    out, talk = rung([verdict(message="runs as root"), verdict(Outcome.PASS), verdict(Outcome.PASS)])
    assert out.splitlines() == [
        "fail  shop/Deployment/web  no-root: runs as root",
        "pass  shop/Deployment/web  no-root: compliant",
    ]
    assert talk == ""


def test_the_end_of_what_an_earlier_run_rang_for_is_told() -> None:
    out, _ = rung([withdrawn(Withdrawal.POLICY_DELETED)], known=["key"])
    assert out == "withdrawn  shop/Deployment/web  no-root: policy deleted\n"


def test_a_broken_policy_is_one_line_on_stderr_and_not_one_for_each_resource() -> None:
    broken = "spec.policy.data:3:1: unexpected token"
    out, talk = rung(
        [
            checked("loud", error=broken),
            *(verdict(Outcome.ERROR, policy=policy_ref("loud"), message=broken) for _ in range(3)),
            verdict(Outcome.ERROR, policy=policy_ref("other"), message="out of time"),
            checked("loud"),
        ]
    )
    assert talk.splitlines() == [f"error: policy loud: {broken}", "policy loud works again"]
    assert out == "error  shop/Deployment/web  other: out of time\n"


def test_a_file_that_cannot_be_read_is_told_and_so_is_its_mending() -> None:
    mended = Record(Topic.DEADLETTERS, "manifests/shop/broken.yaml#2", None)
    out, talk = rung([unreadable(message="shop/broken.yaml:7: not YAML"), mended])
    assert out == ""
    assert talk.splitlines() == ["error: shop/broken.yaml:7: not YAML", "read again: shop/broken.yaml"]


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    out, _ = rung([verdict(message="red \x1b[31malert\nnext")])
    assert out == "fail  shop/Deployment/web  no-root: red \\x1b[31malert next\n"
