"""The texts of policies that are elsewhere: in ConfigMaps and behind URLs."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, IPvAnyNetwork


@dataclass(frozen=True, slots=True)
class TextSettings:
    """For the texts of policies that are elsewhere: in ConfigMaps and behind URLs."""

    namespace: str = "cosign-system"
    networks: frozenset[str] = frozenset()
    limit: int = 2**20
    timeout: float = 10.0
    retry_first: float = 5.0
    retry_most: float = 300.0


class TextFields(BaseModel):
    """What is set for the texts of policies."""

    policy_namespace: str = Field(
        default="cosign-system",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Namespace of the ConfigMaps that configMapRef names: the one of policy-controller.",
    )
    policy_text_limit_kib: int = Field(
        default=1024,
        ge=1,
        description="KiB of a policy's text in a ConfigMap or behind a URL; a ConfigMap holds 1024.",
    )
    remote_networks: frozenset[IPvAnyNetwork] = Field(
        default=frozenset(),
        description="Networks that are not public and may be asked for policies' texts. As a JSON list.",
    )
    remote_timeout: float = Field(
        default=10.0, gt=0, description="Seconds that fetching one policy's text may take, all in all."
    )
    remote_retry_first: float = Field(
        default=5.0, gt=0, description="Seconds until a text that could not be fetched is asked for again."
    )
    remote_retry_most: float = Field(
        default=300.0, gt=0, description="The same, at most: it doubles each time."
    )

    @property
    def texts(self) -> TextSettings:
        """The group of what fetches policies' texts."""
        return TextSettings(
            namespace=self.policy_namespace,
            networks=frozenset(map(str, self.remote_networks)),
            limit=self.policy_text_limit_kib * 2**10,
            timeout=self.remote_timeout,
            retry_first=self.remote_retry_first,
            retry_most=self.remote_retry_most,
        )
