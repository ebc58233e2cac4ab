"""The README and the guides show what their commands print.

Not covered: the terminal's colours and widths (`tests/unit/cli`).
"""

from pathlib import Path

import pytest

from tests.e2e import guide
from tests.kafka.broker import Broker

# a line that begins with a prompt, at least so often
SHOWN = {
    "README.md": 6,
    "docs/guides/violations.md": 20,
    "docs/guides/what-if.md": 5,
    "docs/guides/waivers.md": 10,
    "docs/guides/commands.md": 20,
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_guide_shows_what_its_commands_print(name: str, tmp_path: Path) -> None:
    shown = (guide.ROOT / name).read_text(encoding="utf-8")
    printed = guide.run(shown, tmp_path)
    assert printed.count("\n$ ") >= SHOWN[name]
    assert guide.comparable(printed) == guide.comparable(shown), (
        f"after a change that is meant: python -m tests.e2e.guide {name}"
    )


@pytest.mark.xdist_group("kafka")
def test_the_guide_about_kafka_shows_what_its_commands_print(
    broker: Broker, kafka_prefix: str, tmp_path: Path
) -> None:
    shown = (guide.ROOT / "docs" / "guides" / "kafka.md").read_text(encoding="utf-8")
    settings = {"TOCSIN_KAFKA_BOOTSTRAP": broker.bootstrap, "TOCSIN_KAFKA_PREFIX": kafka_prefix}
    printed = guide.run(shown, tmp_path, settings).replace(kafka_prefix, "")
    assert printed.count("\n$ ") >= 3
    assert guide.comparable(printed) == guide.comparable(shown)
