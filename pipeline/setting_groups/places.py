"""Where things are kept that nobody said a place for."""

from pathlib import Path

import platformdirs


def state_folder() -> Path:
    """Of the user, for what must last."""
    return platformdirs.user_state_path("tocsin")
