"""How findings and errors are put into words: the same in every format. Pure."""

from cli.report.model import ErrorItem, Finding, Resource
from pipeline.events import Outcome


def full_name(resource: Resource) -> str:
    """`namespace/Kind/name`, or `Kind/name` of a cluster-scoped object: an event's subject."""
    return "/".join(filter(None, (resource.namespace, resource.kind, resource.name)))


def describe(finding: Finding) -> str:
    """What the policy said: the message of a failure, the warning of a pass; the image where it is of one."""
    said = (finding.message, finding.warning)
    text = next(filter(None, said if finding.outcome is Outcome.FAIL else reversed(said)), "")
    return f"{finding.image}: {text}" if finding.image and finding.image not in text else text


def places(error: ErrorItem) -> list[str]:
    """Where the error is, from the outside in: file, resource, image, policy."""
    found = []
    if error.file:
        found.append(f"{error.file}, document {error.document}" if error.document else error.file)
    if error.resource:
        found.append(full_name(error.resource))
    if error.image:
        found.append(f"image {error.image}")
    if error.policy:
        found.append(f"policy {error.policy}")
    return found


def sentence(error: ErrorItem) -> str:
    """Where and what, as one line. What the watcher says of a file begins with FILE:LINE: it says where."""
    if error.file and error.message.startswith(f"{error.file}:"):
        return error.message
    return ": ".join([*places(error), error.message])
