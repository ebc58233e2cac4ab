"""The registries that policies lead to: whether they can be reached from here.

A policy names them in its globs and in `source.oci`; those that a glob leaves open (`**`) cannot be known.
No image is asked for: `GET /v2/`, as the distribution specification has it, without credentials.
"""

from collections.abc import Iterable, Sequence

from cli.doctor.check import Check, failed, ok, skipped
from evaluator.images.errors import ForbiddenHostError, RegistryError
from evaluator.images.places import Places
from evaluator.images.transport import Transport
from evaluator.policies.asks import asks
from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Static
from evaluator.policies.references import InvalidReferenceError, parse_reference
from pipeline.errors import UsageError
from pipeline.settings import ImageSettings

_BYTES = 1 << 16
_ANSWERS = frozenset({200, 401, 403})
"""Of a registry that is there: 401 is what most say to strangers."""


async def check_registries(policies: Sequence[Policy], settings: ImageSettings) -> list[Check]:
    """One check for each registry that is known to be needed."""
    asking = [policy for policy in policies if asks(policy)]
    if not asking:
        return [ok("registries", "none of the policies asks any")]
    names = sorted({name for policy in asking for name in registries_of(policy)})
    if not names:
        return [skipped("registries", f"{len(asking)} policies ask whatever registry an image is in")]
    if settings.offline:
        return [skipped("registries", f"not asked, the network is off: {', '.join(names)}")]
    places = Places(settings)
    try:
        async with Transport(settings, places) as transport:
            return [await _check(name, places, transport) for name in names]
    except UsageError as error:
        return [failed("registries", str(error), "correct the setting")]


def registries_of(policy: Policy) -> Iterable[str]:
    """The registries that a policy names."""
    sources = (each.source.oci for each in policy.authorities if not isinstance(each, Static))
    for text in (*policy.globs, *filter(None, sources)):
        first, slash, _ = text.partition("/")
        if slash and "*" not in first:
            try:
                yield parse_reference(f"{first}/x").registry
            except InvalidReferenceError:
                continue


async def _check(name: str, places: Places, transport: Transport) -> Check:
    title = f"registry {name}"
    try:
        *_, place = places.of(name)
        answer = await transport.send("GET", f"{place.base}/v2/", {}, _BYTES)
    except ForbiddenHostError as error:
        return failed(title, str(error), "name it in the setting, or correct the policy")
    except RegistryError as error:
        return failed(
            title, str(error), "look at its name, proxies (HTTPS_PROXY, NO_PROXY), and registry_ca_file"
        )
    if answer.status in _ANSWERS:
        return ok(title, f"answers {answer.status}")
    return failed(title, f"answers {answer.status} to /v2/", "look whether it is a registry")
