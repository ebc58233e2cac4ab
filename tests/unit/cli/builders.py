"""Records as the evaluator and the watcher publish them, and reports made of them.

Shared by the tests of the report and of its renderers; tests nothing itself.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cli.report.collector import Collector
from cli.report.model import ScanReport
from pipeline.bus import Delivery, Record
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    EventType,
    Image,
    Mode,
    Outcome,
    Payload,
    PolicyChecked,
    PolicyRef,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    Verdict,
)
from pipeline.waivers import WaiverApplied, WaiverMatch, WaiverRef, waiver_key

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLUSTER = "manifests"


def ref(name: str = "web", namespace: str = "shop", kind: str = "Deployment") -> ResourceRef:
    return ResourceRef(api_version="apps/v1", kind=kind, namespace=namespace, name=name, uid=f"uid-{name}")


def policy_ref(name: str = "no-root", mode: Mode = Mode.ENFORCE, title: str = "") -> PolicyRef:
    return PolicyRef(name=name, digest="sha256:0", mode=mode, title=title)


def event(type_: EventType, data: Payload, extensions: dict[str, str] | None = None) -> Event:
    return Event(
        type=type_,
        source=f"/clusters/{CLUSTER}",
        id="1",
        time=NOW,
        subject="shop/Deployment/web",
        key="key",
        data=data,
        extensions=extensions or {},
    )


def applied(name: str = "web") -> Record:
    data = ResourceApplied(cluster=CLUSTER, resource=ref(name), digest="sha256:1", object={})
    return Record(Topic.RESOURCES, name, event(EventType.RESOURCE_APPLIED, data))


def checked(
    name: str = "no-root",
    mode: Mode = Mode.ENFORCE,
    *,
    file: str = "policies/no-root.yaml",
    engine: str = "regopy",
    error: str = "",
    unsupported: str = "",
    title: str = "",
) -> Record:
    data = PolicyChecked(
        cluster=CLUSTER,
        policy=policy_ref(name, mode, title),
        file=file,
        engine=engine,
        error=error,
        unsupported=unsupported,
    )
    return Record(Topic.VERDICTS, name, event(EventType.POLICY_CHECKED, data))


def verdict(
    outcome: Outcome = Outcome.FAIL,
    *,
    resource: ResourceRef | None = None,
    policy: PolicyRef | None = None,
    message: str = "",
    warning: str = "",
    images: Iterable[str] = (),
    image: str = "",
    file: str = "shop/web.yaml",
    owner: ResourceRef | None = None,
    waiver: str = "",
) -> Record:
    data = Verdict(
        cluster=CLUSTER,
        resource=resource or ref(),
        policy=policy or policy_ref(),
        outcome=outcome,
        change=Change.NEW,
        evaluated_at=NOW,
        owner=owner,
        message=message,
        warning=warning,
        images=tuple(Image(name=name) for name in images),
        image=Image(name=image) if image else None,
        file=file,
        waiver=waiver_ref(waiver) if waiver else None,
    )
    return Record(Topic.VERDICTS, "key", event(VERDICT_TYPES[outcome], data))


def waiver_ref(name: str = "pilot") -> WaiverRef:
    return WaiverRef(
        name=name, owner="team-shop", reason="moves in March", expires=NOW + timedelta(days=36_500)
    )


def waiver(name: str = "pilot", *policies: str) -> Record:
    ref = waiver_ref(name)
    data = WaiverApplied(
        cluster=CLUSTER,
        name=name,
        digest="sha256:2",
        policies=policies or ("no-root",),
        match=WaiverMatch(namespaces=("shop",)),
        owner=ref.owner,
        reason=ref.reason,
        expires=ref.expires,
    )
    return Record(Topic.POLICIES, waiver_key(CLUSTER, name), event(EventType.WAIVER_APPLIED, data))


def unreadable(file: str = "shop/broken.yaml", message: str = "not YAML", document: int = 0) -> Record:
    data = SourceFailed(cluster=CLUSTER, file=file, message=message, document=document)
    return Record(Topic.DEADLETTERS, file, event(EventType.SOURCE_FAILED, data))


def report_of(records: Iterable[Record]) -> ScanReport:
    collector = Collector()
    collector.take(Delivery(list(records), {}))
    return collector.report()


WARN_POLICY = policy_ref("image-age", Mode.WARN, "Images are younger than 30 days")


def shop_records() -> list[Record]:
    """An audit with everything in it: each outcome in each mode, and each kind of error."""
    root = "container app runs as root; set securityContext.runAsNonRoot"
    return [
        applied("web"),
        applied("db"),
        checked(title="Containers do not run as root"),
        checked("image-age", Mode.WARN, engine="regorus", title=WARN_POLICY.title),
        checked("broken", engine="", error="spec.images: must not be empty", file="policies/broken.yaml"),
        checked("cue", engine="", unsupported="spec.policy.type cue", file="policies/cue.yaml"),
        verdict(message=root, images=["nginx", "busybox:1"], owner=ref("shop", kind="CronJob")),
        verdict(Outcome.PASS, resource=ref("db")),
        verdict(Outcome.WARN, resource=ref("db"), warning="runs as a low user id"),
        verdict(Outcome.FAIL, policy=WARN_POLICY, message="older than 30 days", image="nginx"),
        verdict(Outcome.WARN, policy=WARN_POLICY, warning="older than 20 days", image="busybox:1"),
        verdict(Outcome.ERROR, policy=policy_ref("cue"), message="cue is not evaluated yet"),
        verdict(
            Outcome.ERROR, policy=policy_ref("cue"), resource=ref("db"), message="cue is not evaluated yet"
        ),
        unreadable(document=3),
    ]
