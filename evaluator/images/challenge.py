"""The `WWW-Authenticate` header of a registry. Pure. Source: RFC 9110, section 11.6.1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SCHEME = re.compile(r"\s*([A-Za-z]+)\s+(?=[A-Za-z]+\s*=)|\s*([A-Za-z]+)\s*(?:,|$)")
_PARAMETER = re.compile(r'\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)?')


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a registry wants to be asked. `scheme` in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def read_challenges(header: str) -> list[Challenge]:
    """Every challenge of a header; what cannot be read ends the list."""
    found: list[Challenge] = []
    position = 0
    while scheme := _SCHEME.match(header, position):
        position = scheme.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            name, quoted, plain = parameter.groups()
            parameters[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            position = parameter.end()
        found.append(Challenge((scheme[1] or scheme[2]).lower(), parameters))
    return found
