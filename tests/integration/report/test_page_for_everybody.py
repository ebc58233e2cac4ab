"""The report's page by axe-core, whose rules checkers share: WCAG 2.2 A and AA, best practice.

Injected by the browser's own protocol: the page allows no script. What no rule can see is in
`test_page_in_browser`, or is for people to look at.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import browser
from tests.consumers import node
from tests.e2e.command import tocsin
from tests.integration.report.histories import fill

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = f"""
axe.run(document, {{runOnly: {json.dumps(TAGS)}, resultTypes: ['violations']}}).then(found => ({{
  passed: found.passes.length,
  violations: found.violations.map(each => [each.id, each.nodes.map(node => node.html.slice(0, 200))]),
}}))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    browser.program()
    node.packages()
    folder = tmp_path_factory.mktemp("accessible")
    fill(f"sqlite:///{folder}/audit.db", datetime.now(UTC), hostile=True)
    ran = tocsin(folder, "report", "--html", "report.html", "--db", "sqlite:///audit.db")
    assert (ran.code, ran.err) == (0, "")
    return folder / "report.html"


async def test_axe_finds_nothing_at_any_width_in_light_or_dark(page: Path) -> None:
    axe = (node.packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    async with browser.browser() as chromium:
        for width in (360, 1280):
            for dark in (False, True):
                shown = await chromium.open(page.as_uri(), width, 800, dark=dark)
                await shown.run(f"{axe}; null")
                found = await shown.run(RUN)
                assert found["violations"] == [], (width, dark)
                assert found["passed"] > 20


async def test_axe_finds_what_is_not_accessible(page: Path) -> None:
    """So that a clean page means something."""
    axe = (node.packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri())
        await shown.run(f"{axe}; null")
        await shown.run("document.documentElement.removeAttribute('lang'); null")
        await shown.run("document.querySelector('h1').style.color = '#bbb'")
        found = await shown.run(RUN)
        assert {"html-has-lang", "color-contrast"} <= {name for name, _ in found["violations"]}
