"""Signed timestamps (RFC 3161) of signatures, by rfc3161-client: the only module that knows it."""

from collections.abc import Sequence
from datetime import datetime

from evaluator.images.keyless.outcomes import MissingExtraError, RefusedError
from evaluator.images.keyless.trust import Authority
from pipeline.errors import clip


def time_of(response: bytes, message: bytes, authorities: Sequence[Authority]) -> datetime:
    """When an authority saw a message, by its signed response (DER). Raises RefusedError."""
    try:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(error) from error
    try:
        decoded = decode_timestamp_response(response)
        time = decoded.tst_info.gen_time
    except ValueError as error:
        raise RefusedError(f"its timestamp cannot be read: {clip(str(error), 100)}") from error
    reason = "no timestamp authority of the trust root was trusted then"
    for authority in authorities:
        if not authority.valid.covers(time):
            continue
        signer = authority.signer
        try:
            verifier = VerifierBuilder(
                tsa_certificate=signer,
                intermediates=[each for each in authority.intermediates if each != signer],
                roots=list(authority.roots),
            ).build()
            verifier.verify_message(decoded, message)
        except (VerificationError, ValueError) as error:
            reason = clip(str(error), 120)
            continue
        return time
    raise RefusedError(f"its timestamp is by no authority of the trust root: {reason}")
