"""What can go wrong on the way to a registry, by what to do next."""

from pipeline.errors import EvaluationError


class RegistryError(EvaluationError):
    """A registry's answer, or what is said of it, gives no content. The text is one line for a user.

    It may be otherwise later, so that it is asked again on schedule. `retry_after`: seconds
    that the registry asked to be left alone for; 0 where it did not say.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreachableError(RegistryError):
    """No answer: no connection, no name, no answer in time. Other images of that registry fare the same."""


class BusyError(RegistryError):
    """The registry cannot or will not answer now: 429 or 5xx."""


class DeniedError(RegistryError):
    """The registry wants other credentials: 401 or 403."""


class MissingError(RegistryError):
    """The registry has no such image: 404."""


class ContentRefusedError(RegistryError):
    """What came is not what was asked for: wrong digest, too large, no image."""


class ForbiddenHostError(RegistryError):
    """Settings or its address forbid to ask this host at all."""


class OfflineError(RegistryError):
    """The network is switched off, and the content is not in the cache."""
