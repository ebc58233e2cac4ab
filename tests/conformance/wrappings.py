"""The places where an expression may stand in a policy. Pure.

Each expression gets its value as a rule's, and some of the others in turn, so
that every built-in meets every place.
"""

_FIRST = "import rego.v1\n\nisCompliant := {}"

_OTHERS = (
    "isCompliant {{ {} }}",
    "isCompliant {{ not {} }}",
    "import rego.v1\n\nisCompliant if {{\n\tx := {}\n\tx == x\n}}",
    "isCompliant = found {{ found := [x | x := {}] }}",
    "isCompliant[x] {{ x := {} }}",
    (
        "import rego.v1\n\nisCompliant contains response if {{\n\tfound := {}\n"
        '\tresponse := {{"result": found == true, "error": "e"}}\n}}'
    ),
    "f(unused) = x {{ x := {} }}\n\nisCompliant = f(1)",
    "import rego.v1\n\nisCompliant if {{\n\tevery n in [1, 2] {{\n\t\tn > 0\n\t\t{}\n\t}}\n}}",
    "default isCompliant = false\n\nisCompliant {{ bad == false }}\n\ndefault bad = false\n\nbad {{ {} }}",
    'isCompliant = {{"value": x}} {{ x = {} }}',
    'import rego.v1\n\nisCompliant if {{\n\tsome k, v in {{"only": {}}}\n\tk == "only"\n\tv\n}}',
    "isCompliant = x {{ false; x := 1 }} else = x {{ x := {} }}",
    "isCompliant {{ count({{x | x := {}}}) == 1 }}",
)
_OF_EACH = 3


def wrap(expression: str, number: int) -> list[str]:
    """Policies around an expression; `number` says with which of the places to begin."""
    start = number * _OF_EACH
    chosen = [_OTHERS[(start + step) % len(_OTHERS)] for step in range(_OF_EACH)]
    return [f"package sigstore\n\n{place.format(expression)}\n" for place in (_FIRST, *chosen)]
