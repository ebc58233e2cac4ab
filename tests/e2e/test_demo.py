"""`make demo` shows what it promises. That it sets itself up is what a fresh checkout shows."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_violations_an_event_and_how_one_ends() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for sign in (
        "baseline-privileged-containers",
        "14 resources, 16 policies: 16 violations",
        "Pod    debug-node-7",
        '"type": "dev.tocsin.verdict.passed.v1"',
        '"change": "improved"',
        "fixed",
        "What to try next",
    ):
        assert sign in run.stdout + run.stderr
