"""Whether an image is signed, or attested, as an authority wants it.

What is under the tag that cosign derives from the digest (`tags`) is looked at first; only where
that is not enough, what refers to the image (`referrers`). Whom an authority trusts is in
`trusting`, what is made of attestations in `attested`. An answer is kept for a while, and one
question is asked once, however many ask.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from evaluator.images.content import Content
from evaluator.images.credentials import Keychain
from evaluator.images.errors import RegistryError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.port import JudgesStatements
from evaluator.images.signatures.attested import Verified, judge_attestations, wanted_types
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.forms import AttestationForm, SignatureForm
from evaluator.images.signatures.looking import Looking
from evaluator.images.signatures.referrers import referring
from evaluator.images.signatures.tags import tagged
from evaluator.images.signatures.trust import NoTrustError, Refused, Trust, Undecided
from evaluator.images.signatures.trusting import trust_of
from evaluator.policies.configs import Wanted
from evaluator.policies.model_authorities import Signer
from evaluator.policies.references import InvalidReferenceError, Reference, parse_reference
from evaluator.policies.signatures import Signature, Signed, Unsigned, Unverified, Verification
from evaluator.rego.recall import Recent
from pipeline.errors import clip
from pipeline.settings import ImageSettings

_REMEMBERED = 4096
_SIGNATURE_BYTES = 4 << 20
"""Of all signatures of one image; usual are 300 each, and 10,000 in a bundle."""
_ANOTHER_IMAGE = Refused("not of this image")

_Question = tuple[Wanted, Signer, Keychain, Keychain]


class Signatures:
    """Asks by `content`. `clock`: seconds, monotonic."""

    def __init__(self, settings: ImageSettings, content: Content, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._content = content
        self._clock = clock
        self._roots = TrustRoots(settings.trusted_root)
        self._known = Recent[_Question, tuple[Verification, float]](_REMEMBERED)
        self._locks: WeakValueDictionary[_Question, asyncio.Lock] = WeakValueDictionary()

    async def verify(
        self,
        wanted: Wanted,
        signer: Signer,
        keychain: Keychain,
        beside: Keychain,
        judge: JudgesStatements,
    ) -> Verification:
        """Whether an image is signed as an authority wants it.

        `keychain`: for the image, `beside`: for its signatures.
        """
        question = (wanted, signer, keychain, beside)
        lock = self._locks.setdefault(question, asyncio.Lock())
        async with lock:
            known = self._known.get(question)
            if known is not None and known[1] > self._clock():
                return known[0]
            answer = await self._answer(wanted, signer, keychain, beside, judge)
            failed = isinstance(answer, Unverified)
            seconds = self._settings.failure_ttl if failed else self._settings.tag_ttl
            self._known.put(question, (answer, self._clock() + seconds))
            return answer

    async def _answer(
        self,
        wanted: Wanted,
        signer: Signer,
        keychain: Keychain,
        beside: Keychain,
        judge: JudgesStatements,
    ) -> Verification:
        name, running = wanted
        seconds = self._settings.deadline
        try:
            written = parse_reference(name)
            async with asyncio.timeout(seconds):
                trust = await trust_of(signer, self._roots, _now)
                digest = running or await self._content.resolve(written, keychain)
                place = _place(signer, written)
                if not signer.attestations:
                    limit = _SIGNATURE_BYTES
                    looking = Looking(self._content, place, digest, beside, SignatureForm(), limit)
                    return await _judge(looking, trust, signer)
                form, limit = AttestationForm(wanted_types(signer)), self._settings.attestation_bytes
                looking = Looking(self._content, place, digest, beside, form, limit)
            return await self._attested(looking, trust, signer, judge)
        except NoTrustError as error:
            return Unverified(f"{signer.path}: {error}")
        except InvalidReferenceError as error:
            return Unverified(str(error))
        except RegistryError as error:
            return Unverified(clip(str(error)), error.retry_after)
        except TimeoutError:
            return Unverified(f"{name}: its signatures could not be read within {seconds:g} s")

    async def _attested(
        self, looking: Looking, trust: Trust, signer: Signer, judge: JudgesStatements
    ) -> Verification:
        """The deadline is for what registries are asked; policies have one of their own."""
        verified = Verified(looking.image)
        answer: Verification = Unsigned("")
        for carrier in _carriers(looking, signer):
            async with asyncio.timeout(self._settings.deadline):
                await verified.add(carrier, trust)
            answer = await judge_attestations(signer, verified, judge)
            if not isinstance(answer, Unsigned):
                return answer
        return verified.undecided or answer


async def _judge(looking: Looking, trust: Trust, signer: Signer) -> Verification:
    """The signatures of a tag count together, as upstream; what refers is looked at where none does."""
    reasons: Counter[str] = Counter()
    undecided: list[str] = []
    for carrier in _carriers(looking, signer):
        candidates = [each async for each in carrier]
        found = await asyncio.to_thread(_verify_all, trust, candidates)
        signatures = {each for each in found if isinstance(each, Signature)}
        if signatures:
            return Signed(tuple(sorted(signatures, key=Signature.order)))
        reasons.update(each.reason for each in found if isinstance(each, Refused))
        undecided += [each.reason for each in found if isinstance(each, Undecided)]
    if undecided:
        return Unverified(f"a signature of {looking.image}: {clip(undecided[0], 200)}")
    if not reasons:
        return Unsigned(f"no signature of {looking.image}")
    said = ", ".join(f"{reason} ({times})" for reason, times in reasons.items())
    return Unsigned(f"no signature of {looking.image} verifies: {said}")


def _verify_all(trust: Trust, candidates: Sequence[Candidate]) -> list[Signature | Refused | Undecided]:
    """In a thread: certificates and logs take milliseconds each."""
    return [trust.verify(each) if each.is_about_it else _ANOTHER_IMAGE for each in candidates]


def _carriers(looking: Looking, signer: Signer) -> list[AsyncIterator[Candidate]]:
    """In the order in which they are looked at. Bundles are under no tag."""
    first = [] if signer.bundles_only else [tagged(looking, signer.source.tag_prefix)]
    return [*first, referring(looking)]


def _now() -> datetime:
    return datetime.now(UTC)


def _place(signer: Signer, written: Reference) -> Reference:
    """The repository that has the signatures. Raises InvalidReferenceError."""
    if not signer.source.oci:
        return written
    if "/" not in signer.source.oci:
        raise InvalidReferenceError(
            f"source.oci {signer.source.oci}: expected a repository behind the registry"
        )
    return parse_reference(signer.source.oci)
