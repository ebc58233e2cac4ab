"""The input document of a policy, as JSON.

Source: policy-controller, `pkg/webhook/validator_result.go`, for the keys. The
object is given as the API server or the manifest has it. Keys are sorted: the
same document has the same bytes, whatever order its maps came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from evaluator.policies.configs import ImageConfig
from evaluator.policies.model_text import Rego
from pipeline.errors import DocumentError, clip
from pipeline.events import ResourceApplied

_encoder = msgspec.json.Encoder(order="deterministic")

_NO_JSON = (TypeError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """What sets the documents of one resource apart."""

    matches: bytes
    """As JSON."""
    include_spec: bool
    include_object_meta: bool
    include_type_meta: bool


class Document:
    """One input document: as values, which are those of the resource and not copied, and as JSON."""

    __slots__ = ("_encoded", "value")

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value
        self._encoded: bytes | None = None

    def encode(self) -> bytes:
        """The document as JSON, made once. Raises DocumentError when the object is no JSON."""
        if self._encoded is None:
            self._encoded = encode(self.value)
        return self._encoded


class DocumentBuilder:
    """The documents of one resource; policies that ask alike share one."""

    __slots__ = ("_applied", "_documents")

    def __init__(self, applied: ResourceApplied) -> None:
        self._applied = applied
        self._documents: dict[tuple[DocumentKey, str], Document] = {}

    def build(self, key: DocumentKey, config: ImageConfig | None = None) -> Document:
        """The document for the policies that ask for it; with the config of one image where they do."""
        whose = (key, config.digest if config else "")
        document = self._documents.get(whose)
        if document is None:
            document = self._documents[whose] = self._assemble(key, config)
        return document

    def _assemble(self, key: DocumentKey, config: ImageConfig | None) -> Document:
        value: dict[str, Any] = {"authorityMatches": msgspec.json.decode(key.matches)}
        if config is not None:
            value["config"] = config.platforms
        if key.include_object_meta:
            value["metadata"] = self._metadata()
        if key.include_spec:
            value["spec"] = self._applied.object.get("spec")
        if key.include_type_meta:
            ref = self._applied.resource
            value["typemeta"] = {"apiVersion": ref.api_version, "kind": ref.kind}
        return Document({name: part for name, part in value.items() if part is not None})

    def _metadata(self) -> Any:
        value = self._applied.object.get("metadata")
        if isinstance(value, dict) and "managedFields" in value:
            return {field: item for field, item in value.items() if field != "managedFields"}
        return value


def document_key(rego: Rego, authority_matches: Mapping[str, Any]) -> DocumentKey:
    """Equal keys mean equal documents for one resource."""
    return DocumentKey(
        _encoder.encode(authority_matches),
        rego.include_spec,
        rego.include_object_meta,
        rego.include_type_meta,
    )


def build(rego: Rego, applied: ResourceApplied, authority_matches: Mapping[str, Any]) -> bytes:
    """One document as JSON. Raises DocumentError."""
    return DocumentBuilder(applied).build(document_key(rego, authority_matches)).encode()


def encode(value: Mapping[str, Any]) -> bytes:
    """A document, or what is left of one, as JSON. Raises DocumentError that names the part at fault."""
    try:
        return _encoder.encode(value)
    except _NO_JSON:
        pass
    for name, part in value.items():
        try:
            _encoder.encode(part)
        except _NO_JSON as error:
            raise DocumentError(
                f"{name}: expected JSON, got what cannot be encoded: {clip(str(error))}"
            ) from error
    raise DocumentError("expected JSON, got what is nested too deep")
