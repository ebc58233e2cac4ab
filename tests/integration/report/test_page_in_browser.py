"""The report's page in a real Chromium: phone and desktop, light and dark, with scripts and without.

Not covered: other browsers; what the numbers are (`tests/contract/test_report`).
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import browser
from tests.browser import Page
from tests.e2e.command import tocsin
from tests.integration.report.histories import HOSTILE, fill

PHONE, DESKTOP = 360, 1280

CONTRAST = """
(() => {
  const parts = text => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return [...found.slice(0, 3), found[3] ?? 1];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = parts(getComputedStyle(e).backgroundColor);
      if (found[3] === 1) return found;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = []; let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest('svg') || !element.getClientRects().length) continue;
    seen += 1;
    const a = light(parts(getComputedStyle(element).color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([text, ratio]);
  }
  return {seen, poor};
})()
"""
"""WCAG 2.2, 1.4.3: text and its background differ by 4.5 to 1."""

UNLABELLED = """
(() => {
  const all = what => [...document.querySelectorAll(what)];
  const said = id => document.getElementById(id)?.textContent.trim();
  const heads = ['thead th[scope=col]', 'tbody th[scope=row]'];
  const headed = table => heads.every(head => table.querySelector(head));
  const named = e => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby').split(' ').every(said);
  const hidden = svg => svg.getAttribute('aria-hidden') === 'true';
  return [
    ...all('table').filter(table => !headed(table)),
    ...all('svg').filter(svg => !hidden(svg) && !(svg.getAttribute('role') === 'img' && named(svg))),
    ...all('section').filter(section => !named(section)),
  ].map(e => e.outerHTML.slice(0, 200));
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a database in which some names are attacks."""
    browser.program()
    folder = tmp_path_factory.mktemp("report")
    fill(f"sqlite:///{folder}/audit.db", datetime.now(UTC), hostile=True)
    ran = tocsin(folder, "report", "--html", "report.html", "--db", "sqlite:///audit.db")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    return folder / "report.html"


async def quiet(shown: Page) -> None:
    """No complaint, and nothing asked for but the page."""
    assert shown.complaints == []
    assert [url[:5] for url in shown.requests if not url.startswith("data:")] == ["file:"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 600, 820, DESKTOP])
async def test_it_fits_and_can_be_read_at_every_width(page: Path, width: int, dark: bool) -> None:
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri(), width, 800, dark=dark)
        await quiet(shown)
        assert await shown.run("document.documentElement.scrollWidth") == width
        assert await shown.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        found = await shown.run(CONTRAST)
        assert found["poor"] == []
        assert found["seen"] > 100
        background = await shown.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 384) is dark
        assert not [text for text in await overlapping(shown) if text]


async def overlapping(shown: Page) -> list[str]:
    """Cells whose text runs out of them."""
    found: list[str] = await shown.run(
        "[...document.querySelectorAll('th, td, dd, p, h1')].filter(e => e.scrollWidth > e.clientWidth + 1 &&"
        " e.clientWidth && !e.querySelector('.unseen')).map(e => e.textContent.trim())"
    )
    return found


async def test_where_the_cluster_stands_is_on_the_first_screen(page: Path) -> None:
    async with browser.browser() as chromium:
        for width, height in ((DESKTOP, 800), (PHONE, 740)):
            shown = await chromium.open(page.as_uri(), width, height)
            for what in ("h1", ".chip", ".trend svg"):
                bottom = await shown.run(f"document.querySelector({what!r}).getBoundingClientRect().bottom")
                assert 0 < bottom < height, what
            assert await shown.run("document.querySelector('.trend svg').getBoundingClientRect().width") > 250


async def test_it_says_the_same_with_scripts_off(page: Path) -> None:
    async with browser.browser() as chromium:
        texts = []
        for scripts in (True, False):
            shown = await chromium.open(page.as_uri(), scripts=scripts)
            await quiet(shown)
            tree = await shown.ask("Accessibility.getFullAXTree")
            texts.append([node.get("name", {}).get("value") for node in tree["nodes"]])
        assert texts[0] == texts[1]
        assert any(text and "open violations" in text for text in texts[1])


async def test_tables_charts_and_sections_have_names(page: Path) -> None:
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri())
        assert await shown.run(UNLABELLED) == []
        assert await shown.run("document.documentElement.lang") == "en"
        assert await shown.run("document.querySelectorAll('h1').length") == 1
        tree = await shown.ask("Accessibility.getFullAXTree")
        roles = {node["role"]["value"] for node in tree["nodes"] if not node.get("ignored")}
        assert {
            "banner",
            "main",
            "contentinfo",
            "heading",
            "table",
            "columnheader",
            "rowheader",
            "image",
        } <= roles


async def test_the_keyboard_reaches_what_can_be_opened(page: Path) -> None:
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri())
        reached = []
        for _ in range(3):
            for kind in ("keyDown", "keyUp"):
                await shown.ask(
                    "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
                )
            reached.append(await shown.run("document.activeElement.tagName"))
        assert reached[:2] == ["A", "SUMMARY"]


async def test_names_that_are_attacks_are_text(page: Path) -> None:
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri())
        await quiet(shown)
        assert await shown.run("document.scripts.length + document.images.length") == 0
        assert "owned" not in await shown.run("document.title")
        text = await shown.run("document.body.textContent")
        for attack in HOSTILE[:4]:
            assert attack in text
        assert "\u202e" not in text


async def test_its_own_policy_would_stop_a_script_that_got_in(page: Path, tmp_path: Path) -> None:
    whole = page.read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    image, style = "<img src='https://example.com/x.png'>", "<b style='color:red'>x</b>"
    attack = f"<script>document.title='owned'</script>{image}{style}"
    bad.write_text(whole.replace("</main>", f"{attack}</main>"), encoding="utf-8")
    async with browser.browser() as chromium:
        shown = await chromium.open(bad.as_uri())
        assert "owned" not in await shown.run("document.title")
        assert len(shown.complaints) == 3
        assert not [url for url in shown.requests if url.startswith("http")]


async def test_it_is_printed_light_and_without_what_paper_cannot_do(page: Path) -> None:
    async with browser.browser() as chromium:
        shown = await chromium.open(page.as_uri(), dark=True, media="print")
        assert await shown.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert await shown.run("getComputedStyle(document.querySelector('details')).display") == "none"
        assert (await shown.run(CONTRAST))["poor"] == []
        printed = await shown.ask("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.7)
        assert printed["data"]


async def test_an_empty_database_has_a_page_too(tmp_path: Path) -> None:
    tocsin(tmp_path, "db", "upgrade", "--db", "sqlite:///audit.db")
    assert tocsin(tmp_path, "report", "--html", "report.html", "--db", "sqlite:///audit.db").code == 0
    async with browser.browser() as chromium:
        shown: Page = await chromium.open((tmp_path / "report.html").as_uri(), PHONE)
        await quiet(shown)
        assert await shown.run("document.querySelector('h1').textContent") == "Nothing has been audited yet"
        assert await shown.run("document.documentElement.scrollWidth") == PHONE
        assert (await shown.run(CONTRAST))["poor"] == []
