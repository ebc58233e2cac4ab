"""Metrics: names, and the exposition as a scraper reads it. What counts them is tested where it is."""

from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from pipeline.telemetry import catalogue
from pipeline.telemetry.catalogue import METRICS, Kind, Metric
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_the_page_of_metrics_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make schemas` and commit the page"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert metric.name.startswith("tocsin_")
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")
    assert metric.help.endswith(".")


def test_each_metric_is_in_the_catalogue_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("accept", ["", "text/plain", "application/openmetrics-text; version=1.0.0"])
def test_both_formats_can_be_parsed(accept: str) -> None:
    metrics = Metrics()
    metrics.count(catalogue.PUBLISHED, "tocsin.resources", by=3)
    metrics.observe(catalogue.EVALUATION, value=0.002)
    metrics.read(catalogue.MEMO_HITS, lambda: {(): 7})
    body, content_type = metrics.render(accept)
    parse = openmetrics if "openmetrics" in content_type else prometheus
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in parse(body.decode())
        for sample in family.samples
    }
    assert found["tocsin_published_records_total", ("tocsin.resources",)] == 3
    assert found["tocsin_memo_hits_total", ()] == 7
    assert found["tocsin_evaluation_seconds_bucket", ("0.0025",)] == 1
    assert found["tocsin_evaluation_seconds_bucket", ("0.001",)] == 0


def test_whoever_says_last_where_to_read_is_asked() -> None:
    metrics = Metrics()
    metrics.read(catalogue.MEMO_HITS, lambda: {(): 1})
    metrics.read(catalogue.MEMO_HITS, lambda: {(): 2})
    assert b"tocsin_memo_hits_total 2.0" in metrics.render("")[0]


def test_a_clock_that_went_back_is_no_negative_time() -> None:
    metrics = Metrics()
    metrics.observe(catalogue.EVALUATION, value=-5.0)
    assert b"tocsin_evaluation_seconds_sum 0.0" in metrics.render("")[0]
