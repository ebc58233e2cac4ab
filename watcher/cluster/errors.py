"""What an API server may answer, as decisions: list again, wait, do without, give up."""

from pipeline.errors import TocsinError


class ApiError(TocsinError):
    """The API server could not be asked, or said no."""


class GoneError(ApiError):
    """What was asked to go on from is no longer known (410): list again."""


class ThrottledError(ApiError):
    """Too many requests (429) or not ready (503). `retry_after`: seconds; 0 where the server named none."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnauthorizedError(ApiError):
    """The credentials are not, or no longer, good (401): read them again."""


class DeniedError(ApiError):
    """The credentials may not do this (403)."""


class MissingError(ApiError):
    """The cluster does not have this kind (404)."""


class UnsupportedError(ApiError):
    """The server does not understand the request (400, 422): ask in an older way."""


class ConflictError(ApiError):
    """Somebody else wrote it first (409)."""


class UnreachableError(ApiError):
    """No answer, or half an answer: try again."""


class FailingError(UnreachableError):
    """The server answers that it cannot (5xx): try again, but let nobody else wait for it."""


class GarbledError(ApiError):
    """An answer that makes no sense. To go on from where it began may give it again: list again."""
