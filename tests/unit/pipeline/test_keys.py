"""Keys of verdicts on the log."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import LONGEST_IMAGE_IN_KEY, verdict_key

UNIQUE = st.text(min_size=1, max_size=3 * LONGEST_IMAGE_IN_KEY)


def test_an_image_is_in_the_key_as_it_is_written() -> None:
    image = "registry.example.com/" + "a" * 400 + "@sha256:" + "b" * 64
    assert verdict_key("c", "u", "p", image) == f"c/u/p/{image}"
    assert verdict_key("c", "u", "p") == "c/u/p"


def test_a_long_image_is_in_the_key_by_its_digest_and_the_same_each_time() -> None:
    key = verdict_key("c", "u", "p", "a" * 513)
    assert key == "c/u/p/sha256:02425c0f5b0dabf3d2b9115f3f7723a02ad8bcfb1534a0d231614fd42b8188f6"


@given(UNIQUE, UNIQUE)
def test_keys_are_short_and_of_different_images_different(one: str, other: str) -> None:
    keys = [verdict_key("c", "u", "p", image) for image in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert all(
        len(key.encode(errors="surrogatepass")) <= LONGEST_IMAGE_IN_KEY + len("c/u/p/") for key in keys
    )
