"""Documents of waivers: what is one, and the one line that says why something is none."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.waivers import WaiverApplied
from watcher.waivers.document import InvalidWaiverError, Limits, name_of, parse

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LIMITS = Limits(NOW)
BODY: dict[str, Any] = {
    "apiVersion": "tocsin.dev/v1alpha1",
    "kind": "Waiver",
    "metadata": {"name": "legacy-web", "labels": {"team": "shop"}},
    "spec": {
        "policies": ["no-latest-tag", "catalog-*"],
        "match": {
            "namespaces": ["shop"],
            "kinds": ["Deployment"],
            "labelSelector": {"matchLabels": {"app": "web"}},
        },
        "owner": "team-shop",
        "reason": "Migrated\n  by March",
        "ticket": "SHOP-12",
        "expires": "2027-03-31",
    },
}


def _parse(change: Callable[[dict[str, Any]], object] = lambda _: None, limits: Limits = LIMITS) -> Any:
    body = copy.deepcopy(BODY)
    change(body)
    return parse(body, "prod", "waivers.yaml", limits)


def _set(field: str, value: str, body: dict[str, Any]) -> None:
    body["spec"][field] = value


def test_a_waiver_says_whose_it_is_and_why_and_what_it_selects() -> None:
    waiver = _parse()
    assert (waiver.name, waiver.owner, waiver.reason) == ("legacy-web", "team-shop", "Migrated by March")
    assert waiver.match.kinds == ("Deployment",)
    assert waiver.match.label_selector is not None
    assert waiver.match.label_selector.match_labels == {"app": "web"}


@pytest.mark.parametrize(
    ("said", "expires"),
    [
        ("2027-03-31", datetime(2027, 4, 1, tzinfo=UTC)),
        ("2027-03-31T12:00:00Z", datetime(2027, 3, 31, 12, tzinfo=UTC)),
        ("2027-03-31T12:00:00+02:00", datetime(2027, 3, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_date_alone_is_the_end_of_that_day(said: str, expires: datetime) -> None:
    assert _parse(lambda body: body["spec"].update(expires=said)).expires == expires


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body["spec"].pop("owner"), "spec.owner: required"),
        (lambda body: body["spec"].pop("reason"), "spec.reason: required"),
        (lambda body: body["spec"].pop("expires"), "spec.expires: required"),
        (lambda body: body["spec"].pop("match"), "spec.match: required"),
        (lambda body: body.pop("metadata"), "metadata: required"),
        (lambda body: body["spec"].update(owner=" "), "spec.owner: expected a text, got an empty one"),
        (lambda body: body["spec"].update(owner=3), "spec.owner: expected a text, got a number"),
        (lambda body: body["spec"].update(policies=[]), "spec.policies: expected names"),
        (lambda body: body["spec"].update(match={}), "spec.match: expected something that it selects"),
        (lambda body: body["spec"]["match"].update(namespace="shop"), "spec.match.namespace: no field"),
        (lambda body: body["spec"]["match"].update(names=[""]), "spec.match.names: expected texts"),
        (
            lambda body: body["spec"]["match"].update(kinds=["Deploy"]),
            "spec.match.kinds[0]: expected one of Pod",
        ),
        (lambda body: body["spec"].update(expires="soon"), "spec.expires: expected a date such as"),
        (lambda body: body["spec"].update(expires="2027-02-30"), "spec.expires: expected a date such as"),
        (
            lambda body: body["spec"].update(expires="2027-03-31T12:00:00"),
            "spec.expires: expected a date such",
        ),
        (
            lambda body: body["spec"].update(owner="", match={}, expires="someday"),
            (
                "spec.owner: expected a text, got an empty one; spec.match: expected something that it "
                "selects, got nothing; namespaces: ['*'] is everything; spec.expires: expected a date such as"
            ),
        ),
        (lambda body: body.update(apiVersion="tocsin.dev/v9"), "apiVersion: expected tocsin.dev/v1alpha1"),
        (lambda body: body["metadata"].update(name="Über"), "metadata.name: expected lower-case"),
        (
            lambda body: body["spec"]["match"]["labelSelector"].update(
                matchExpressions=[{"key": "app", "operator": "In"}]
            ),
            "spec.match.labelSelector.matchExpressions[0].values: expected at least one",
        ),
        (
            lambda body: body["spec"]["match"]["labelSelector"].update(
                matchExpressions=[{"key": "app", "operator": "in", "values": ["a"]}]
            ),
            "spec.match.labelSelector.matchExpressions[0].operator: expected one of In, NotIn",
        ),
        (
            lambda body: body["spec"]["match"]["labelSelector"].update(matchLabels={"a b": "c"}),
            "spec.match.labelSelector.matchLabels: expected a label key",
        ),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_field(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(InvalidWaiverError) as raised:
        _parse(change)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_waiver_that_lasts_longer_than_allowed_is_refused() -> None:
    assert _parse(limits=Limits(NOW, timedelta(days=90)))
    with pytest.raises(InvalidWaiverError, match="at most 89 days from now"):
        _parse(limits=Limits(NOW, timedelta(days=89)))


def test_the_digest_is_of_everything_that_it_says() -> None:
    digest = _parse().digest
    assert _parse(lambda body: body["metadata"].update(labels={})).digest == digest
    for field, value in (("reason", "another"), ("expires", "2027-04-01"), ("ticket", ""), ("owner", "b")):
        assert _parse(partial(_set, field, value)).digest != digest


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    path=st.sampled_from(
        [("spec",), ("spec", "match"), ("spec", "expires"), ("metadata",), ("spec", "owner")]
    ),
    value=_JSON,
)
def test_whatever_a_field_holds_it_is_a_waiver_or_a_line(path: tuple[str, ...], value: Any) -> None:
    body = copy.deepcopy(BODY)
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    said, waiver = _read(body)
    assert "\n" not in said
    assert len(said) < 600
    assert name_of(body).startswith("Waiver")
    if waiver is not None:
        assert waiver.owner
        assert waiver.expires.tzinfo is not None


def _read(body: dict[str, Any]) -> tuple[str, WaiverApplied | None]:
    try:
        return "", parse(body, "prod", "f", Limits(NOW))
    except InvalidWaiverError as error:
        return str(error), None
