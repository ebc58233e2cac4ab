"""Signatures, by OpenSSL and by the example of the Standard Webhooks specification."""

import base64
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverer.signing import parse_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's example


def test_the_example_of_the_specification() -> None:
    signed = sign([parse_secret(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def by_openssl(key: bytes, signed: bytes) -> str:
    """HMAC-SHA256 by another implementation, in base64."""
    openssl = shutil.which("openssl") or pytest.skip("openssl is not here")
    ran = subprocess.run(
        [openssl, "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"],
        input=signed,
        capture_output=True,
        check=True,
    )
    return base64.b64encode(ran.stdout).decode()


@settings(max_examples=15)
@given(st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64), st.binary(max_size=300))
def test_openssl_finds_the_same_with_every_current_secret(new: bytes, old: bytes, body: bytes) -> None:
    headers = sign([new, old], "sha256:id", 1700000000, body)
    signed = b"sha256:id.1700000000." + body
    assert headers["webhook-signature"].split(" ") == [f"v1,{by_openssl(key, signed)}" for key in (new, old)]


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_base64_with_or_without_its_prefix(key: bytes) -> None:
    encoded = base64.b64encode(key).decode()
    assert parse_secret(encoded) == parse_secret(f"whsec_{encoded}") == key


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_*****", "password", "whsec_" + "A" * 400]
)
def test_what_is_no_secret_is_told_without_it(text: str) -> None:
    with pytest.raises(ValueError, match="expected whsec_") as error:
        parse_secret(text)
    assert not text or text.removeprefix("whsec_") not in str(error.value) or text == "whsec_"
