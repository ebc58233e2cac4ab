"""The schemas of SARIF and JUnit outputs, ready to check with.

SARIF: the models of the package `pydantic-sarif`, generated from the published
JSON Schema (closed: a key that SARIF does not know is an error). JUnit: the XSD
beside this file; no package on PyPI ships one.
"""

import json
from pathlib import Path
from typing import Any

from lxml import etree
from pydantic_sarif.model import (
    StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog,
)

_JUNIT = etree.XMLSchema(etree.parse(Path(__file__).parent / "data" / "junit.xsd"))


def checked_sarif(text: bytes) -> dict[str, Any]:
    """The SARIF log as plain JSON values. Raises when the schema does not allow it."""
    SarifLog.model_validate_json(text)
    log = json.loads(text)
    assert isinstance(log, dict)
    return log


def checked_junit(text: bytes) -> etree._Element:
    """The root of the JUnit document. Raises when the schema does not allow it."""
    root = etree.fromstring(text)
    _JUNIT.assertValid(root.getroottree())
    return root
