"""Built-ins that regopy 1.5 may be trusted with: compared with what OPA says.

`tests/contract/test_engines.py` holds the comparison. Left out, among others:
what regopy gets wrong in silence (`sort` and `max` of mixed types, `concat` of a
set, `upper`, `time.parse_rfc3339_ns`, `net.cidr_*`), what kept it busy for ever
(`replace` of nothing) and everything not compared.
"""

TRUSTED = frozenset(
    {
        "and",
        "array.concat",
        "contains",
        "count",
        "endswith",
        "eq",
        "equal",
        "internal.member_2",
        "internal.member_3",
        "intersection",
        "is_array",
        "is_boolean",
        "is_null",
        "is_number",
        "is_object",
        "is_set",
        "is_string",
        "neq",
        "object.get",
        "object.keys",
        "or",
        "split",
        "startswith",
        "trim_prefix",
        "trim_suffix",
        "type_name",
        "union",
    }
)
"""Whatever the arguments are."""

TRUSTED_ON_INTEGERS = frozenset({"gt", "gte", "lt", "lte", "minus", "plus"})
"""Right for integers, wrong across types: trusted where both sides are counts or constants."""

VOUCHED_MAY_CALL = TRUSTED | TRUSTED_ON_INTEGERS | {"sprintf"}
"""For policies that were compared with OPA as a whole."""
