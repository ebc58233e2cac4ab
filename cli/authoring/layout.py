"""Where the tests of a policy are: the one rule of discovery.

The tests of a policy in `DIR/SET/NAME.yaml` are manifests in the folder
`DIR/SET/NAME.test/`, beside it, and in `DIR/examples/SET/NAME/`, which keeps a
set of policies free of everything else. NAME is the name of the file, where it
holds one policy, or the policy's own. What an object must get is said by the
name of its file, or of the folder it is in: `pass.yaml`, `fail/web.yaml`.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePath

SUFFIX = ".test"
EXAMPLES = "examples"


class Expected(StrEnum):
    """What an object of a test must get; `skip`: the policy must not apply to it."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"


def homes(policy_file: str, names: Iterator[str]) -> Iterator[str]:
    """The folders that hold the tests of a policy of this file, if they are there."""
    folder = PurePath(policy_file).parent
    above = _absolute(policy_file).parent
    for name in dict.fromkeys(names):
        yield os.path.normpath(folder / f"{name}{SUFFIX}")
        yield os.path.normpath(folder / ".." / EXAMPLES / above.name / name)


def home_of(path: str) -> Path | None:
    """The folder of tests that a file is in; None for any other file."""
    for folder in _absolute(path).parents:
        if folder.name.endswith(SUFFIX):
            return folder
        examples = folder.parent.parent
        if examples.name == EXAMPLES and _set_of(folder).is_dir():
            return folder
    return None


def policies_of(home: Path) -> tuple[Path, str]:
    """The folder in which the policy of some tests is to be looked for, and its name."""
    if home.name.endswith(SUFFIX):
        return home.parent, home.name.removesuffix(SUFFIX)
    return _set_of(home), home.name


def expected_of(path: str, home: Path) -> Expected | None:
    """What the objects of a file must get; None where its name says nothing."""
    first = _absolute(path).relative_to(home).parts[0]
    word = first if (home / first).is_dir() else PurePath(first).stem
    return Expected(word) if word in set(Expected) else None


def _set_of(home: Path) -> Path:
    return home.parent.parent.parent / home.parent.name


def _absolute(path: str) -> Path:
    """Without following links: the layout is that of the names."""
    return Path(os.path.normpath(Path.cwd() / path))
