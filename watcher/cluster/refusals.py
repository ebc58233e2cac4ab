"""What it means that an API server says no: statuses as errors that say what to do. Pure."""

from watcher.cluster import errors

_FROM_THE_FUTURE = "Too large resource version"
_MOST_RETRY_AFTER = 300.0
"""Seconds: a wrong clock in a proxy shall not stop the audit for a day."""


def refusal(code: int, message: str, retry_after: str = "") -> errors.ApiError:
    """An HTTP status, or the code of a `Status` in a stream, as an error that says what to do.

    A version that the server has not seen yet is one it has lost when etcd was restored
    from a backup; a replica that is merely behind answers the list all the same.
    """
    kinds: dict[int, type[errors.ApiError]] = {
        400: errors.UnsupportedError,
        401: errors.UnauthorizedError,
        403: errors.DeniedError,
        404: errors.MissingError,
        409: errors.ConflictError,
        410: errors.GoneError,
        422: errors.UnsupportedError,
    }
    if code in {429, 503}:
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
        return errors.ThrottledError(message, min(seconds, _MOST_RETRY_AFTER))
    if _FROM_THE_FUTURE in message:
        return errors.GoneError(message)
    return kinds.get(code, errors.FailingError)(message)
