"""The input document of a policy, as JSON.

Source: policy-controller, `pkg/webhook/validator_result.go`, for the keys. The
object is given as the API server or the manifest has it. Keys are sorted: the
same document has the same bytes, whatever order its maps came in.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from evaluator.policies.model import Rego
from pipeline.errors import DocumentError, clip
from pipeline.events import ResourceApplied

_encoder = msgspec.json.Encoder(order="deterministic")

DocumentKey = tuple[bytes, bool, bool, bool]
"""What sets the documents of one resource apart."""


class DocumentBuilder:
    """The documents of one resource: its parts are encoded once, and policies that ask alike share bytes."""

    __slots__ = ("_applied", "_documents", "_parts")

    def __init__(self, applied: ResourceApplied) -> None:
        self._applied = applied
        self._parts: dict[str, msgspec.Raw | None] = {}
        self._documents: dict[DocumentKey, bytes] = {}

    def build(self, rego: Rego, authority_matches: Mapping[str, Any]) -> bytes:
        """The document for a policy. Raises DocumentError when the object is no JSON."""
        key = document_key(rego, authority_matches)
        document = self._documents.get(key)
        if document is None:
            document = self._documents[key] = self._assemble(key)
        return document

    def _assemble(self, key: DocumentKey) -> bytes:
        matches, include_spec, include_object_meta, include_type_meta = key
        parts: dict[str, msgspec.Raw | None] = {"authorityMatches": msgspec.Raw(matches)}
        if include_object_meta:
            parts["metadata"] = self._part("metadata")
        if include_spec:
            parts["spec"] = self._part("spec")
        if include_type_meta:
            parts["typemeta"] = self._part("typemeta")
        return _encoder.encode({name: part for name, part in parts.items() if part is not None})

    def _part(self, name: str) -> msgspec.Raw | None:
        if name not in self._parts:
            value = self._value(name)
            self._parts[name] = None if value is None else msgspec.Raw(_encode(name, value))
        return self._parts[name]

    def _value(self, name: str) -> Any:
        if name == "typemeta":
            ref = self._applied.resource
            return {"apiVersion": ref.api_version, "kind": ref.kind}
        value = self._applied.object.get(name)
        if name == "metadata" and isinstance(value, dict) and "managedFields" in value:
            return {field: item for field, item in value.items() if field != "managedFields"}
        return value


def document_key(rego: Rego, authority_matches: Mapping[str, Any]) -> DocumentKey:
    """Equal keys mean equal documents for one resource."""
    return (
        _encoder.encode(authority_matches),
        rego.include_spec,
        rego.include_object_meta,
        rego.include_type_meta,
    )


def build(rego: Rego, applied: ResourceApplied, authority_matches: Mapping[str, Any]) -> bytes:
    """One document; a `DocumentBuilder` is cheaper for several of one resource. Raises DocumentError."""
    return DocumentBuilder(applied).build(rego, authority_matches)


def _encode(name: str, value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DocumentError(
            f"{name}: expected JSON, got what cannot be encoded: {clip(str(error))}"
        ) from error
