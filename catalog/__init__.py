"""The ready-made ClusterImagePolicies that come with Tocsin, in sets. README.md lists them."""

from importlib.resources import files
from pathlib import Path

SETS = ("baseline", "restricted", "hygiene", "registry")
"""Each is a folder with one policy a file, and examples for each policy under `examples/`."""


def folder(name: str) -> Path:
    """The folder of a set.

    Tocsin is installed as files (venv, container), never run from a zip archive,
    so that the folder is always a path.
    """
    return Path(str(files(__name__))) / name


def baseline() -> Path:
    """The set that is used when no policies are named: the Pod Security Standards baseline."""
    return folder("baseline")
