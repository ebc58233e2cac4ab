"""Why a signature is not good, and why it cannot be known whether it is."""

from pipeline.errors import EvaluationError

EXTRA = "keyless"


class RefusedError(EvaluationError):
    """The signature, its certificate or its log entry does not verify. The text is part of a line."""


class UnverifiableError(EvaluationError):
    """It cannot be known here: no trust root, a form that is not read, an extra not installed."""


class MissingExtraError(UnverifiableError):
    """A library is not installed that only some users need."""

    def __init__(self, error: ImportError) -> None:
        what = error.name or "a library"
        super().__init__(
            f"{what} is not installed: pip install '.[{EXTRA}]' in Tocsin's folder "
            "(for signatures without keys)"
        )
