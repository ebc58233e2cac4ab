"""The text of a policy, and what its input document shall hold."""

from dataclasses import dataclass
from enum import StrEnum


class PolicyType(StrEnum):
    """Language of a policy's text."""

    REGO = "rego"
    CUE = "cue"


class TextSource(StrEnum):
    """Where a policy's text is; the value is the name of the field."""

    INLINE = "data"
    CONFIG_MAP = "configMapRef"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Rego:
    """`spec.policy`: the text (empty where it is not at hand) and what its input document shall hold.

    `type` is `cue` where the text is no Rego at all. `unsupported` is as in `Policy`,
    of these fields only; `problem` says why the field that leads to the text leads to none.
    """

    text: str
    include_spec: bool = False
    include_object_meta: bool = False
    include_type_meta: bool = False
    fetch_config_file: bool = False
    source: TextSource = TextSource.INLINE
    type: PolicyType = PolicyType.REGO
    unsupported: str = ""
    problem: str = ""

    @property
    def field(self) -> str:
        """The field that holds the text or leads to it: what its lines are lines of."""
        return f"spec.policy.{self.source}"
