"""Expressions and what OPA says of them: the small conformance table of the engines.

Each line is a built-in or operator as OPA names it, a Rego expression, and its
value as JSON; `UNDEFINED` where OPA gives none. Not covered: the whole language.
"""

from typing import Any, NamedTuple

UNDEFINED = object()

DOCUMENT: dict[str, Any] = {
    "spec": {
        "containers": [
            {"name": "web", "image": "registry.example.com/shop/web:1.4", "ports": [{"containerPort": 80}]},
            {"name": "log", "image": "nginx", "securityContext": {"privileged": True}},
        ],
        "hostNetwork": False,
        "replicas": 3,
    },
    "metadata": {"labels": {"app": "shop", "approved-by": "ann"}},
    "empty": [],
}


class Case(NamedTuple):
    """One expression."""

    builtin: str
    expression: str
    value: Any


CASES = [
    Case("plus", "1 + input.spec.replicas", 4),
    Case("minus", "10 - 4", 6),
    Case("minus", "{1, 2, 3} - {2}", [1, 3]),
    Case("mul", "3 * 4", 12),
    Case("div", "10 / 4", 2.5),
    Case("div", "9 / 3", 3),
    Case("rem", "10 % 4", 2),
    Case("eq", '"a" == "a"', True),
    Case("equal", "input.spec.replicas == 3", True),
    Case("neq", "input.spec.hostNetwork != true", True),
    Case("neq", '"false" != false', True),
    Case("lt", "2 < 10", True),
    Case("lt", '"2" < "10"', False),
    Case("lte", "2 <= 2", True),
    Case("gt", "3 > 4", False),
    Case("gt", '"a" > 5', True),
    Case("gte", "4 >= 4", True),
    Case("and", "{1, 2} & {2, 3}", [2]),
    Case("or", "{1, 2} | {2, 3}", [1, 2, 3]),
    Case("count", "count(input.spec.containers)", 2),
    Case("count", 'count("käse")', 4),
    Case("count", "count({1, 1, 2})", 2),
    Case("count", "count(input.metadata.labels)", 2),
    Case("count", "count([])", 0),
    Case("sum", "sum([1, 2, 3])", 6),
    Case("sum", "sum([])", 0),
    Case("product", "product([2, 3])", 6),
    Case("max", "max([1, 5, 2])", 5),
    Case("max", "max([])", UNDEFINED),
    Case("min", 'min(["b", "a"])', "a"),
    Case("sort", 'sort(["b", "a", 1])', [1, "a", "b"]),
    Case("abs", "abs(-3)", 3),
    Case("round", "round(2.5)", 3),
    Case("ceil", "ceil(2.1)", 3),
    Case("floor", "floor(2.9)", 2),
    Case("contains", 'contains("docker.io/nginx", "docker.io")', True),
    Case("contains", 'contains("nginx", "")', True),
    Case("contains", 'contains("nginx", "x/")', False),
    Case("startswith", 'startswith(input.spec.containers[0].image, "registry.example.com/")', True),
    Case("startswith", 'startswith("a", "ab")', False),
    Case("endswith", 'endswith("web:latest", ":latest")', True),
    Case("endswith", 'endswith("", "")', True),
    Case("concat", 'concat("/", ["a", "b", "c"])', "a/b/c"),
    Case("concat", 'concat(", ", {"b", "a"})', "a, b"),
    Case("concat", 'concat(",", [])', ""),
    Case("indexof", 'indexof("abc", "c")', 2),
    Case("indexof", 'indexof("abc", "z")', -1),
    Case("substring", 'substring("abcdef", 1, 3)', "bcd"),
    Case("substring", 'substring("abcdef", 4, -1)', "ef"),
    Case("lower", 'lower("ABc")', "abc"),
    Case("upper", 'upper("abc")', "ABC"),
    Case("replace", 'replace("a.b.c", ".", "-")', "a-b-c"),
    Case("split", 'split("a/b/c", "/")', ["a", "b", "c"]),
    Case("split", 'split("abc", "/")', ["abc"]),
    Case("trim", 'trim("  a ", " ")', "a"),
    Case("trim_left", 'trim_left("xxa", "x")', "a"),
    Case("trim_right", 'trim_right("axx", "x")', "a"),
    Case("trim_prefix", 'trim_prefix("v1.2", "v")', "1.2"),
    Case("trim_suffix", 'trim_suffix("a.yaml", ".yaml")', "a"),
    Case("trim_space", 'trim_space("\\t a\\n")', "a"),
    Case("sprintf", 'sprintf("%s has %d", ["web", 3])', "web has 3"),
    Case("sprintf", 'sprintf("%v", [true])', "true"),
    Case("sprintf", 'sprintf("%v and %v", [["a"], {"b": 1}])', '["a"] and {"b": 1}'),
    Case("sprintf", 'sprintf("100%%", [])', "100%"),
    Case("format_int", "format_int(255, 16)", "ff"),
    Case("strings.any_prefix_match", 'strings.any_prefix_match("gcr.io/a", {"gcr.io/", "ghcr.io/"})', True),
    Case("strings.any_suffix_match", 'strings.any_suffix_match("a:latest", [":edge", ":latest"])', True),
    Case("strings.reverse", 'strings.reverse("abc")', "cba"),
    Case("array.concat", "array.concat([1], [2])", [1, 2]),
    Case("array.slice", "array.slice([1, 2, 3, 4], 1, 3)", [2, 3]),
    Case("array.reverse", "array.reverse([1, 2])", [2, 1]),
    Case("object.get", 'object.get(input.metadata.labels, "approved-by", "nobody")', "ann"),
    Case("object.get", 'object.get(input.metadata.labels, "owner", "nobody")', "nobody"),
    Case("object.get", 'object.get(input, ["spec", "hostPID"], false)', False),
    Case("object.get", 'object.get(input, ["spec", "containers", 1, "name"], "")', "log"),
    Case("object.keys", "object.keys(input.metadata.labels)", ["app", "approved-by"]),
    Case("object.remove", 'object.remove({"a": 1, "b": 2}, ["a"])', {"b": 2}),
    Case("object.filter", 'object.filter({"a": 1, "b": 2}, ["a"])', {"a": 1}),
    Case("object.union", 'object.union({"a": 1}, {"b": 2})', {"a": 1, "b": 2}),
    Case("intersection", "intersection({{1, 2}, {2, 3}})", [2]),
    Case("union", "union({{1}, {2}})", [1, 2]),
    Case("is_string", 'is_string("a")', True),
    Case("is_number", "is_number(input.spec.replicas)", True),
    Case("is_boolean", "is_boolean(input.spec.hostNetwork)", True),
    Case("is_array", "is_array(input.spec.containers)", True),
    Case("is_object", "is_object(input.metadata)", True),
    Case("is_set", "is_set({1})", True),
    Case("is_null", "is_null(null)", True),
    Case("type_name", "type_name(input.spec)", "object"),
    Case("to_number", 'to_number("42")', 42),
    Case("regex.match", 'regex.match("^[a-z]+:v?[0-9.]+$", "web:1.4")', True),
    Case("regex.match", 'regex.match("^b", "abc")', False),
    Case("regex.split", 'regex.split("[:@]", "a:b@c")', ["a", "b", "c"]),
    Case("regex.replace", 'regex.replace("a1b2", "[0-9]", "#")', "a#b#"),
    Case("glob.match", 'glob.match("*.example.com", ["."], "api.example.com")', True),
    Case("glob.match", 'glob.match("*.example.com", ["."], "a.b.example.com")', False),
    Case("json.unmarshal", 'json.unmarshal("{\\"a\\": [1]}")', {"a": [1]}),
    Case("json.marshal", 'json.marshal({"a": 1})', '{"a":1}'),
    Case("base64.encode", 'base64.encode("abc")', "YWJj"),
    Case("base64.decode", 'base64.decode("YWJj")', "abc"),
    Case("numbers.range", "numbers.range(1, 3)", [1, 2, 3]),
    Case("semver.compare", 'semver.compare("1.2.3", "1.10.0")', -1),
    Case("semver.is_valid", 'semver.is_valid("1.2.3")', True),
    Case("units.parse_bytes", 'units.parse_bytes("1Ki")', 1024),
    Case("units.parse", 'units.parse("500m")', 0.5),
    Case("time.parse_rfc3339_ns", 'time.parse_rfc3339_ns("1970-01-01T00:00:01Z")', 1_000_000_000),
    Case("time.add_date", "time.add_date(0, 0, 0, 1)", 86_400_000_000_000),
    Case("net.cidr_contains", 'net.cidr_contains("10.0.0.0/8", "10.1.2.3")', True),
    Case("walk", "count([p | walk(input.metadata, [p, v]); is_string(v)])", 2),
    Case("internal.member_2", '"web" in [c.name | c := input.spec.containers[_]]', True),
    Case("internal.member_2", '"x" in {"a", "b"}', False),
    Case("internal.member_3", '"app", "shop" in input.metadata.labels', True),
    Case("", "[c.name | c := input.spec.containers[_]; c.securityContext.privileged]", ["log"]),
    Case(
        "",
        "{c.name: c.image | c := input.spec.containers[_]; c.ports}",
        {"web": DOCUMENT["spec"]["containers"][0]["image"]},
    ),
    Case("", "input.spec.containers[1].image", "nginx"),
    Case("", "input.spec.containers.image", UNDEFINED),
    Case("", "input.spec.hostPID", UNDEFINED),
    Case("", "count(input.nothing)", UNDEFINED),
    Case("", "not_bad", True),
    Case("", "all_named", True),
    Case("", "{p | some i; p := input.spec.containers[i].ports[_].containerPort}", [80]),
    Case("", 'input.metadata.labels["approved-by"]', "ann"),
    Case("", "[i | some i, c in input.spec.containers; not c.securityContext]", [0]),
]

HELPERS = """
not_bad if not bad

bad if {
	some c in input.spec.containers
	c.image == "evil"
}

all_named if count([c | some c in input.spec.containers; c.name]) == count(input.spec.containers)
"""


def policy(case: Case) -> str:
    """A policy whose value is the expression's."""
    return f"package sigstore\n\nimport rego.v1\n\nisCompliant := {case.expression}\n{HELPERS}"
