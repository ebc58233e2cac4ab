"""The real services that tests run against: fetched and built by public tools, kept in a cache.

`make services` runs this module. What a machine has no tool for is left out with
one line; the tests that need it are skipped there. The cache is outside the
checkout, by pinned version, so that a fresh clone on the same machine finds it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPA_VERSION = "v1.22.2"
"""The reference for what Rego means."""

_REQUIRED = "TOCSIN_REQUIRE_SERVICES"


def cache_folder() -> Path:
    """Where services are kept on this machine."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tocsin" / "services"


def opa_path() -> Path:
    """Where the OPA binary is, once built."""
    return cache_folder() / f"opa-{OPA_VERSION}" / "opa"


def opa() -> Path:
    """The OPA binary for a test; skips the test where there is none, or fails it where one is required."""
    path = opa_path()
    if not path.exists():
        reason = f"OPA {OPA_VERSION} is not here: run `make services` (needs Go)"
        if os.environ.get(_REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def build_opa() -> None:
    """Build OPA with Go, unless it is there."""
    path = opa_path()
    if path.exists():
        print(f"OPA {OPA_VERSION}: there")
        return
    go = shutil.which("go")
    if go is None:
        print(f"OPA {OPA_VERSION}: left out, there is no Go on this machine")
        return
    print(f"OPA {OPA_VERSION}: building (a few minutes) ...", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    module = f"github.com/open-policy-agent/opa@{OPA_VERSION}"
    subprocess.run([go, "install", module], env={**os.environ, "GOBIN": str(path.parent)}, check=True)


if __name__ == "__main__":
    build_opa()
    sys.exit(0)
