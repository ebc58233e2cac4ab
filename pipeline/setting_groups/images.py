"""What the evaluator asks registries."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from pydantic import BaseModel, Field


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """For what the evaluator asks registries. Sizes in bytes, times in seconds."""

    offline: bool
    cache: Path
    cache_bytes: int
    tag_ttl: float
    failure_ttl: float
    deadline: float
    connect_timeout: float
    attempts: int
    connections: int
    registry_connections: int
    manifest_bytes: int
    config_bytes: int
    attestation_bytes: int
    platforms: int
    docker_config: Path
    helper_timeout: float
    ca_file: str
    allowed_registries: frozenset[str]
    denied_registries: frozenset[str]
    private_registries: frozenset[str]
    insecure_registries: frozenset[str]
    registry_mirrors: Mapping[str, tuple[str, ...]]
    trusted_root: str


def _docker_config() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


class ImageFields(BaseModel):
    """What is set for registries and what is kept of their answers."""

    offline: bool = Field(
        default=False, description="Ask no registry: what is not in the cache is an error that says so."
    )
    image_cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("tocsin") / "images",
        description="Folder of what registries said of images; the processes of one machine share it.",
    )
    image_cache_mib: int = Field(
        default=512, ge=1, description="MiB of that folder; a config has about 10 KiB, so tens of thousands."
    )
    tag_ttl: float = Field(
        default=900.0, ge=0, description="Seconds until it is asked again where a tag points."
    )
    registry_retry_first: float = Field(
        default=30.0, ge=1, description="Seconds until an image is asked for again that could not be had."
    )
    registry_retry_most: float = Field(
        default=3600.0, ge=1, description="Seconds between such questions, at most; each waits twice as long."
    )
    registry_deadline: float = Field(
        default=20.0, gt=0, description="Seconds for all that is asked of registries about one image."
    )
    registry_connect_timeout: float = Field(
        default=5.0, gt=0, description="Seconds to connect to a registry; usual are milliseconds."
    )
    registry_attempts: int = Field(
        default=3, ge=1, description="Times to ask a registry that is busy (429, 5xx) before it is an error."
    )
    registry_connections: int = Field(default=32, ge=1, description="Connections to registries, in all.")
    registry_connections_each: int = Field(
        default=8, ge=1, description="Connections to one registry: an audit is a guest there."
    )
    manifest_limit_kib: int = Field(
        default=4096, ge=1, description="KiB of a manifest; registries must take 4 MiB."
    )
    image_config_limit_kib: int = Field(
        default=4096, ge=1, description="KiB of the configs of one image; usual are 10 for each platform."
    )
    attestation_limit_kib: int = Field(
        default=16_384, ge=1, description="KiB of the attestations of one image; an SBOM has some 1,000."
    )
    platform_limit: int = Field(
        default=64, ge=1, description="Images in an index; the largest official images have about 20."
    )
    docker_config: Path = Field(
        default_factory=_docker_config,
        description="Credentials for registries, as `docker login` writes them.",
    )
    credential_helper_timeout: float = Field(
        default=10.0, gt=0, description="Seconds a docker credential helper may take."
    )
    image_pull_secrets: bool = Field(
        default=False,
        description="Use imagePullSecrets of workloads: needs `get` on Secrets and ServiceAccounts.",
    )
    registry_ca_file: str = Field(
        default="", description="PEM file of authorities to trust for registries, besides the system's."
    )
    allowed_registries: frozenset[str] = Field(
        default=frozenset(), description="Ask these registries only (`*.example.com`); empty: any."
    )
    denied_registries: frozenset[str] = Field(default=frozenset(), description="Never ask these registries.")
    private_registries: frozenset[str] = Field(
        default=frozenset(),
        description="HOST or HOST:PORT that may have a private address; others are refused: names are input.",
    )
    insecure_registries: frozenset[str] = Field(
        default=frozenset(),
        description="HOST or HOST:PORT to ask by HTTP without TLS; it may have a private address, too.",
    )
    registry_mirrors: dict[str, tuple[str, ...]] = Field(
        default={}, description="By registry, URLs to ask first, such as an air gap's own registry."
    )
    trusted_root: str = Field(
        default="",
        description="trusted_root.json for policies without trustRootRef; `embedded`: sigstore-python's own.",
    )

    @property
    def images(self) -> ImageSettings:
        """The group of what registries are asked."""
        return ImageSettings(
            offline=self.offline,
            cache=self.image_cache,
            cache_bytes=self.image_cache_mib * 2**20,
            tag_ttl=self.tag_ttl,
            failure_ttl=self.registry_retry_first / 2,
            deadline=self.registry_deadline,
            connect_timeout=self.registry_connect_timeout,
            attempts=self.registry_attempts,
            connections=self.registry_connections,
            registry_connections=self.registry_connections_each,
            manifest_bytes=self.manifest_limit_kib * 2**10,
            config_bytes=self.image_config_limit_kib * 2**10,
            attestation_bytes=self.attestation_limit_kib * 2**10,
            platforms=self.platform_limit,
            docker_config=self.docker_config,
            helper_timeout=self.credential_helper_timeout,
            ca_file=self.registry_ca_file,
            allowed_registries=self.allowed_registries,
            denied_registries=self.denied_registries,
            private_registries=self.private_registries,
            insecure_registries=self.insecure_registries,
            registry_mirrors=self.registry_mirrors,
            trusted_root=self.trusted_root,
        )
