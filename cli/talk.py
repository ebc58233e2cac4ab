"""What a long-running command says of itself: a plain line for a person, or a line of its log in JSON."""

import logging

from cli.render.text import printable

_logger = logging.getLogger(__name__)


def say(line: str) -> None:
    """Say what somebody who started the command wants to read, however quiet the log is."""
    _logger.info("%s", printable(line))
