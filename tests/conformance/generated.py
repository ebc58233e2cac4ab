"""Policies made by chance: a small grammar of Rego over the documents of the suite. Pure.

Chance comes in as a `Random`, so that one seed gives one policy on every machine,
and hypothesis can choose (and shrink) as well. The grammar makes what people
write: generators, conditions, comprehensions, helpers, negation; not every text
is Rego, and then engines must say so.
"""

from random import Random
from typing import TypeVar

_T = TypeVar("_T")

_FIELDS = ("name", "image", "ports", "securityContext", "securityContext.privileged", "resources.limits.cpu")
_PATHS = (
    "input.spec.replicas",
    "input.spec.hostNetwork",
    "input.spec.hostPID",
    "input.metadata.name",
    "input.metadata.labels.app",
    'input.metadata.labels["approved-by"]',
    "input.spec.securityContext.runAsNonRoot",
    "input.numbers[0]",
    "input.mixed[1]",
)
_LISTS = (
    "input.spec.containers",
    "input.spec.initContainers",
    "input.numbers",
    "input.mixed",
    "input.spec.containers[0].ports",
    "input.metadata.labels",
    "[1, 2, 3]",
    '{"web", "log"}',
)
_CONSTANTS = ("0", "1", "3", "80", "1.5", '"web"', '"shop"', '""', '"nginx:latest"', "true", "false", "null")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_TESTS = ("is_string", "is_number", "is_boolean", "is_array", "is_object", "is_null")
_TEXT_TESTS = ("startswith", "endswith", "contains")


def policy(random: Random) -> str:
    """One policy."""
    return _Writer(random).policy()


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._names: list[str] = []
        self._helpers: list[str] = []
        self._v1 = False

    def policy(self) -> str:
        self._v1 = self._chance(2)
        kind = self._random.randint(0, 5)
        rules = [self._rule(kind) for _ in range(1 if kind == 3 else self._random.randint(1, 2))]
        first = "import rego.v1\n\n" if self._v1 else ""
        return f"package sigstore\n\n{first}" + "\n\n".join([*rules, *self._helpers]) + "\n"

    def _rule(self, kind: int) -> str:
        self._names = []
        body = self._body(self._random.randint(1, 3))
        if kind <= 2:
            return f"isCompliant {self._if(body)}"
        if kind == 3:
            return f"default isCompliant = false\n\nisCompliant {self._if(body)}"
        member = self._value()
        if kind == 4:
            member = f'{{"result": {self._pick(("true", "false"))}, "error": sprintf("%v", [{member}])}}'
        head = f"isCompliant contains x {self._if([*body, f'x := {member}'])}"
        return head if self._v1 else head.replace("isCompliant contains x", "isCompliant[x]")

    def _if(self, body: list[str]) -> str:
        lines = "".join(f"\t{line}\n" for line in body)
        return f"{'if ' if self._v1 else ''}{{\n{lines}}}"

    def _body(self, length: int) -> list[str]:
        return [self._condition(2) for _ in range(length)]

    def _condition(self, depth: int) -> str:  # noqa: PLR0911 - one for each form
        kind = self._random.randint(0, 11)
        match kind:
            case 0 | 1:
                return self._generator()
            case 2 | 3:
                return f"{self._value()} {self._pick(_COMPARISONS)} {self._value()}"
            case 4:
                return f"{self._pick(_TEXT_TESTS)}({self._value()}, {self._pick(_CONSTANTS[5:9])})"
            case 5:
                return f"{self._pick(_TESTS)}({self._value()})"
            case 6 | 7:
                return f"not {self._single(depth)}"
            case 8:
                compared = f"{self._pick(_COMPARISONS)} {self._random.randint(0, 3)}"
                return f"count({self._comprehension(depth)}) {compared}"
            case 9:
                return self._helper(depth)
            case 10 if self._v1:
                return self._membership(depth)
            case _:
                return self._value()

    def _single(self, depth: int) -> str:
        """A condition that declares nothing."""
        before = list(self._names)
        text = self._value() if depth <= 0 else self._condition(depth - 1)
        self._names = before
        text = text.removeprefix("not ")
        declares = text.startswith(("some ", "every ")) or ":=" in text.split("[")[0]
        return self._value() if declares else text

    def _generator(self) -> str:
        name = f"v{len(self._names)}"
        values = self._pick(_LISTS)
        text = f"some {name} in {values}" if self._v1 and self._chance(2) else f"{name} := {values}[_]"
        self._names.append(name)
        return text

    def _membership(self, depth: int) -> str:
        if self._chance(2):
            return f"{self._value()} in {self._pick(_LISTS)}"
        before = list(self._names)
        name = f"e{len(before)}"
        self._names.append(name)
        inside = self._single(depth - 1)
        if self._chance(3):
            inside = f"not {inside}"
        self._names = before
        return f"every {name} in {self._pick(_LISTS)} {{ {inside} }}"

    def _comprehension(self, depth: int) -> str:
        before = list(self._names)
        generator = self._generator()
        condition = self._condition(depth - 1) if depth > 0 else self._value()
        head = self._names[-1] if self._chance(2) else self._value()
        self._names = before
        left, right = self._pick((("[", "]"), ("{", "}")))
        return f"{left}{head} | {generator}; {condition}{right}"

    def _helper(self, depth: int) -> str:
        name = f"h{len(self._helpers)}"
        self._helpers.append("")
        mine, before = len(self._helpers) - 1, self._names
        if self._names and self._chance(2):
            argument = self._pick(tuple(self._names))
            self._names = ["a0"]
            self._helpers[mine] = f"{name}(a0) {self._if([self._condition(depth - 1)])}"
            self._names = before
            return f"{name}({argument})"
        self._names = []
        self._helpers[mine] = f"{name} {self._if([self._condition(depth - 1)])}"
        self._names = before
        return name

    def _value(self) -> str:
        kind = self._random.randint(0, 5)
        if self._names and kind <= 2:
            name = self._pick(tuple(self._names))
            return f"{name}.{self._pick(_FIELDS)}" if self._chance(2) else name
        if kind == 3:
            return self._pick(_CONSTANTS)
        if kind == 4:
            return f"count({self._pick(_LISTS)})"
        return self._pick(_PATHS)

    def _pick(self, options: tuple[_T, ...]) -> _T:
        return options[self._random.randint(0, len(options) - 1)]

    def _chance(self, of: int) -> bool:
        return self._random.randint(1, of) == 1
