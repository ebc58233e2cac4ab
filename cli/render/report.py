"""A scan report in the format asked for: data to one stream, talk to the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from cli.render import json_text, junit, sarif, table, yaml_text
from cli.render.text import counted, printable
from cli.report.model import ScanReport


def write_report(report: ScanReport, output: str, out: TextIO, talk: TextIO) -> None:
    """Write the report as `output` says; errors and the summary are said in every format."""
    match output:
        case "json":
            json_text.write(report, out.buffer)
        case "yaml":
            yaml_text.write(report, out.buffer)
        case "sarif":
            sarif.write(report, out.buffer, base=str(Path.cwd()))
        case "junit":
            junit.write(report, out.buffer)
        case _:
            table.write(report, out)
    out.flush()
    table.write_errors(report, talk)
    table.write_waivers(report, talk)
    table.write_summary(report, talk)


def say_left_alone(policies: int, talk: TextIO) -> None:
    """One line about the policies of the database that were not loaded; nothing where there are none."""
    if policies:
        them = "its verdicts stay" if policies == 1 else "their verdicts stay"
        talk.write(f"{counted(policies, 'other policy')} of the database not loaded: {them} as they are\n")


def say_passed_over(kinds: Mapping[str, int], talk: TextIO) -> None:
    """One line about objects that are no workloads; nothing where there are none."""
    if kinds:
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
        talk.write(printable(f"{counted(sum(kinds.values()), 'other object')} passed over ({named})") + "\n")
