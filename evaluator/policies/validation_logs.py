"""`ctlog` and `rfc3161timestamp` of an authority: reading and validating them."""

from evaluator.policies.reading import Section
from evaluator.policies.validation_keyless import check_url


def parse_logs(section: Section) -> str:
    """Read both. Returns why what they ask for is not verified here, in one line; empty where it is nothing.

    Upstream verifies no transparency log and no timestamp unless `url` or `trustRootRef` says which.
    """
    reason = ""
    for name in ("ctlog", "rfc3161timestamp"):
        part = section.section(name)
        if part is None:
            continue
        part.text("trustRootRef")
        if name == "ctlog":
            check_url(part, "url")
        if part.has_content("url") or part.has_content("trustRootRef"):
            reason = reason or (
                f"{section.path(name)}: Tocsin verifies keys without a log or a timestamp service only"
            )
    return reason
