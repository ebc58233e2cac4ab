"""The collector: what of the log ends where in the report.

Not here: that the order of arrival does not matter (`test_render_laws`), and
what the evaluator publishes (its own tests).
"""

import asyncio

from cli.report.collector import REASON_EXTENSION, TOPICS, Collector
from cli.report.model import Resource, ScanReport, mere_warnings, policies_by_name
from pipeline.bus import Delivery, Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import EventType, Mode, Outcome, ResourceApplied, Topic
from tests.unit.cli.builders import (
    WARN_POLICY,
    applied,
    checked,
    event,
    policy_ref,
    ref,
    report_of,
    shop_records,
    unreadable,
    verdict,
)


async def _collected(records: list[Record]) -> ScanReport:
    bus = MemoryBus(capacity=4)  # smaller than the log, so that the collector has to keep up
    collector = Collector()
    async with bus.consume("report", TOPICS) as consumer:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(collector.collect(consumer))
            await bus.publish(records)
            for topic in TOPICS:
                await bus.seal(topic)
        return collector.report()


async def test_collecting_reads_the_log_to_its_end() -> None:
    assert await _collected(shop_records()) == report_of(shop_records())


async def test_an_empty_log_gives_an_empty_report() -> None:
    report = await _collected([])
    assert (report.violations, report.warnings, report.errors, report.policies) == ((), (), (), ())
    assert report.summary.evaluations == 0


def test_verdicts_are_counted_by_outcome() -> None:
    summary = report_of(shop_records()).summary
    assert (summary.resources, summary.policies, summary.evaluations) == (2, 4, 7)
    assert (summary.passed, summary.warned, summary.failed, summary.errored) == (1, 2, 2, 2)


def test_a_failure_is_a_violation_in_either_mode() -> None:
    report = report_of([verdict(), verdict(policy=WARN_POLICY)])
    assert [finding.mode for finding in report.violations] == [Mode.WARN, Mode.ENFORCE]
    assert report.warnings == ()


def test_a_warning_of_an_enforced_policy_is_both_violation_and_warning() -> None:
    report = report_of([verdict(Outcome.WARN)])
    assert report.violations == report.warnings
    assert len(report.warnings) == 1
    assert mere_warnings(report) == ()


def test_a_warning_in_mode_warn_is_no_violation() -> None:
    report = report_of([verdict(Outcome.WARN, policy=WARN_POLICY)])
    assert report.violations == ()
    assert mere_warnings(report) == report.warnings


def test_a_withdrawn_verdict_is_not_an_evaluation() -> None:
    report = report_of([verdict(Outcome.WITHDRAWN)])
    assert report.summary.evaluations == 0
    assert report.errors == ()


def test_passes_are_counted_and_not_kept() -> None:
    collector = Collector()
    collector.take(Delivery([verdict(Outcome.PASS)] * 1000, {}))
    assert collector.report().summary.passed == 1000
    assert collector._findings == []
    assert collector._errors == []


def test_a_finding_says_all_that_the_verdict_says() -> None:
    owner = ref("shop", kind="CronJob")
    (finding,) = report_of(
        [verdict(message="m", warning="w", images=["nginx", "redis:7"], owner=owner, policy=WARN_POLICY)]
    ).violations
    assert finding.resource == Resource(
        api_version="apps/v1", kind="Deployment", namespace="shop", name="web"
    )
    assert finding.owner is not None
    assert (finding.owner.kind, finding.owner.name) == ("CronJob", "shop")
    assert (finding.message, finding.warning, finding.images) == ("m", "w", ("nginx", "redis:7"))
    assert (finding.policy, finding.policy_title) == ("image-age", WARN_POLICY.title)
    assert (finding.image, finding.file) == (None, "shop/web.yaml")


def test_a_verdict_of_one_image_names_that_image_only() -> None:
    (finding,) = report_of([verdict(image="nginx", images=["nginx", "redis:7"])]).violations
    assert (finding.image, finding.images) == ("nginx", ("nginx",))


def test_an_errored_verdict_is_an_error_with_policy_resource_and_file() -> None:
    (error,) = report_of([verdict(Outcome.ERROR, message="took longer than 2 s")]).errors
    assert (error.policy, error.file, error.message) == ("no-root", "shop/web.yaml", "took longer than 2 s")
    assert error.resource is not None
    assert error.resource.name == "web"


def test_an_invalid_policy_is_listed_and_is_an_error() -> None:
    report = report_of([checked(error="spec.images: must not be empty", engine="")])
    (policy,) = report.policies
    (error,) = report.errors
    assert (policy.error, policy.engine) == ("spec.images: must not be empty", None)
    assert (error.policy, error.file, error.resource) == ("no-root", "policies/no-root.yaml", None)
    assert error.message == policy.error


def test_what_a_policy_uses_that_is_not_evaluated_yet_is_no_error_by_itself() -> None:
    report = report_of([checked(unsupported="spec.policy.type cue")])
    assert report.policies[0].unsupported == "spec.policy.type cue"
    assert report.errors == ()


def test_a_file_that_could_not_be_read_is_an_error_with_its_document() -> None:
    (error,) = report_of([unreadable("a.yaml", "duplicate key", document=3)]).errors
    assert (error.file, error.document, error.message) == ("a.yaml", 3, "duplicate key")


def test_a_dead_letter_is_an_error_and_counts_as_nothing_else() -> None:
    data = ResourceApplied(cluster="c", resource=ref(), digest="", object={})
    letter = event(EventType.RESOURCE_APPLIED, data, {REASON_EXTENSION: "no metadata.name"})
    report = report_of([Record(Topic.DEADLETTERS, "web", letter)])
    assert report.summary.resources == 0
    assert "no metadata.name" in report.errors[0].message


def test_a_tombstone_changes_nothing() -> None:
    assert report_of([applied(), Record(Topic.RESOURCES, "web", None)]) == report_of([applied()])


def test_outcomes_are_counted_for_each_policy() -> None:
    by_name = {policy.name: policy.outcomes for policy in report_of(shop_records()).policies}
    assert (by_name["no-root"].passed, by_name["no-root"].warned, by_name["no-root"].failed) == (1, 1, 1)
    assert by_name["cue"].errored == 2
    assert by_name["broken"].evaluations == 0


def test_of_two_policies_of_one_name_the_valid_one_has_the_verdicts() -> None:
    records = [checked(file="a.yaml", error="name is taken"), checked(file="b.yaml"), verdict()]
    report = report_of(records)
    assert [(policy.file, policy.outcomes.failed) for policy in report.policies] == [
        ("a.yaml", 0),
        ("b.yaml", 1),
    ]
    assert policies_by_name(report)["no-root"].file == "b.yaml"


def test_a_policy_that_only_verdicts_name_is_known_to_the_renderers() -> None:
    pseudo = policy_ref("no-matching-policy", Mode.WARN)
    report = report_of([verdict(Outcome.WARN, policy=pseudo), verdict(Outcome.ERROR)])
    assert report.policies == ()
    assert list(policies_by_name(report)) == ["no-matching-policy", "no-root"]


def test_findings_are_sorted_by_namespace_kind_name_file_policy_and_image() -> None:
    keys = [
        ("a", "Pod", "z", "f", "p", ""),
        ("b", "Job", "z", "f", "p", ""),
        ("b", "Pod", "a", "f", "p", ""),
        ("b", "Pod", "b", "e", "p", ""),
        ("b", "Pod", "b", "f", "o", ""),
        ("b", "Pod", "b", "f", "p", "i"),
        ("b", "Pod", "b", "f", "p", "j"),
    ]
    records = [
        verdict(resource=ref(name, namespace, kind), file=file, policy=policy_ref(policy), image=image)
        for namespace, kind, name, file, policy, image in reversed(keys)
    ]
    found = report_of(records).violations
    assert [
        (f.resource.namespace, f.resource.kind, f.resource.name, f.file, f.policy, f.image or "")
        for f in found
    ] == keys


def test_a_lone_surrogate_in_a_manifest_does_not_cost_the_report() -> None:
    report = report_of([verdict(message="bad \ud800", resource=ref("we\udcffb")), unreadable("f\udcff.yaml")])
    assert report.violations[0].message == "bad \\ud800"
    assert report.violations[0].resource.name == "we\\udcffb"
    assert report.errors[0].file == "f\\udcff.yaml"
