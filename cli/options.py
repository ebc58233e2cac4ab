"""Options and output formats that several commands share. Light: loaded at each start."""

from enum import StrEnum
from typing import Annotated

import typer

from pipeline.settings_types import EngineChoice

PLAIN_HELP = None
"""For `rich_markup_mode`: rich help costs a quarter of a second at each start."""


class ReportFormat(StrEnum):
    """Output formats of `scan`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    SARIF = "sarif"
    JUNIT = "junit"


class ListFormat(StrEnum):
    """Output formats of list commands."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    NAME = "name"


class ShowFormat(StrEnum):
    """Output formats of show commands."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class ReadinessBy(StrEnum):
    """What one row of `policies readiness` is about."""

    POLICY = "policy"
    WORKLOAD = "workload"


class DoctorFormat(StrEnum):
    """Output formats of `doctor`."""

    TABLE = "table"
    JSON = "json"


class TestFormat(StrEnum):
    """Output formats of `policies test`."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"


class ExplainFormat(StrEnum):
    """Output formats of `policies explain`."""

    TABLE = "table"
    JSON = "json"


class LintFormat(StrEnum):
    """Output formats of `policies lint`."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"


class SubscribersFormat(StrEnum):
    """Output formats of `subscribers list` and `subscribers undelivered`."""

    TABLE = "table"
    JSON = "json"


class PolicyReportApi(StrEnum):
    """Whose objects `report --policy-report` writes."""

    WG_POLICY = "wgpolicyk8s.io/v1alpha2"
    OPEN_REPORTS = "openreports.io/v1alpha1"


Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Manifests: files, folders (recursively), or - for stdin."),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policies",
        "-p",
        metavar="PATH",
        help="ClusterImagePolicies: a file, a folder, or a set such as catalog:baseline; may be repeated.",
    ),
]
Waivers = Annotated[
    list[str] | None,
    typer.Option(
        "--waivers", metavar="PATH", help="Waivers: a file or a folder; may be repeated (TOCSIN_WAIVERS)."
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Of manifests that name none; of a cluster, the one to look at.",
    ),
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="Name of the cluster in keys and events.")
]
Manifests = Annotated[
    list[str] | None,
    typer.Option("--manifests", metavar="DIR", help="Folder of manifests to follow; may be repeated."),
]

Context = Annotated[
    str | None,
    typer.Option(
        "--context", "--cluster-context", metavar="NAME", help="A live cluster, by its kubeconfig context."
    ),
]
Database = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Database, such as sqlite:///tocsin.db (TOCSIN_DB).")
]
Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Kafka brokers (TOCSIN_KAFKA_BOOTSTRAP)."),
]
Engine = Annotated[EngineChoice | None, typer.Option("--engine", help="Rego engine (TOCSIN_ENGINE).")]
Subscribers = Annotated[
    str | None,
    typer.Option(
        "--subscribers",
        metavar="FILE",
        help="Deliver events to the subscribers of this file (TOCSIN_SUBSCRIBERS).",
    ),
]
