"""Everything that asks registries, put together from settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Self

from evaluator.images.configs import Configs
from evaluator.images.content import Content
from evaluator.images.credentials import DockerConfig, Keychain
from evaluator.images.places import Places
from evaluator.images.port import JudgesStatements
from evaluator.images.pull_secrets import PullSecrets, ReadsObjects
from evaluator.images.registry import Registry
from evaluator.images.signatures.verifying import Signatures
from evaluator.images.store import Store
from evaluator.images.transport import Transport
from evaluator.policies.configs import Found, Wanted
from evaluator.policies.model_authorities import Signer
from evaluator.policies.signatures import Unverified, Verification
from pipeline.events import ResourceApplied
from pipeline.settings import ImageSettings

_NO_SECRETS = (
    "source.signaturePullSecrets: Secrets are read from a cluster only, and where the setting "
    "image_pull_secrets says so"
)


@dataclass(frozen=True, slots=True)
class Images:
    """What may be asked about images: `configs` for `fetchConfigFile`, `signatures` for authorities."""

    content: Content
    configs: Configs
    signatures: Signatures
    keychain: Keychain
    transport: Transport
    pull_secrets: PullSecrets | None = None

    def keychain_of(self, applied: ResourceApplied) -> Keychain:
        """The credentials that may be used for the images of a resource."""
        return self.pull_secrets.keychain(applied) if self.pull_secrets else self.keychain

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        settings: ImageSettings,
        clock: Callable[[], float] = monotonic,
        objects: ReadsObjects | None = None,
    ) -> AsyncIterator[Self]:
        """Open what settings name; nothing is asked yet. `objects`: of a cluster, for pull secrets."""
        places = Places(settings)
        async with Transport(settings, places) as transport:
            registry = Registry(settings, places, transport, clock)
            content = Content(settings, registry, Store(settings.cache, settings.cache_bytes))
            keychain = DockerConfig(settings.docker_config, settings.helper_timeout)
            secrets = PullSecrets(objects, keychain, clock) if objects else None
            configs = Configs(settings, content, clock)
            signatures = Signatures(settings, content, clock)
            yield cls(content, configs, signatures, keychain, transport, secrets)

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """The configs of an image of a resource, or why there are none."""
        return await self.configs.find(wanted, self.keychain_of(applied))

    async def verify(
        self, wanted: Wanted, authority: Signer, applied: ResourceApplied, judge: JudgesStatements
    ) -> Verification:
        """Whether an image of a resource is signed as an authority wants it."""
        own = self.keychain_of(applied)
        names = authority.source.pull_secrets
        if not names:
            return await self.signatures.verify(wanted, authority, own, own, judge)
        if self.pull_secrets is None:
            return Unverified(_NO_SECRETS)
        beside = self.pull_secrets.of_signatures(applied, names)
        return await self.signatures.verify(wanted, authority, own, beside, judge)
