"""The ready-made ClusterImagePolicies that come with Tocsin. README.md lists them."""

from importlib.resources import files
from pathlib import Path


def baseline() -> Path:
    """The folder of the Pod Security Standards baseline: one policy a file.

    Tocsin is installed as files (venv, container), never run from a zip archive,
    so that the folder is always a path.
    """
    return Path(str(files(__name__))) / "baseline"
