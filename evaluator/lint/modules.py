"""Rego's modules to a syntax tree: package, imports, rules; total.

A rule that cannot be read becomes a problem, and reading goes on at the next line
that starts where rules start: one mistake does not hide the next one.
"""

from evaluator.lint.cursor import Cursor, GiveUpError
from evaluator.lint.parsing import Parser
from evaluator.lint.syntax import (
    Body,
    Clause,
    Expr,
    Import,
    Module,
    Place,
    Rule,
    Scalar,
    ScalarKind,
    SyntaxProblem,
)
from evaluator.rego.tokens import Kind, Token

_ABOVE_ASSIGNMENT = 1


def parse(text: str) -> Module:
    """The tree of a text. Raises nothing."""
    return _ModuleParser(text).module()


class _ModuleParser:
    def __init__(self, text: str) -> None:
        self._cursor = Cursor(text)
        self._imports: list[Import] = []
        self._rules: list[Rule] = []
        self._problems: list[SyntaxProblem] = []
        self._package: tuple[str, ...] = ()
        self._package_place = Place(1, 1, 0, 0)

    def module(self) -> Module:
        cursor = self._cursor
        cursor.skip_newlines()
        while not cursor.at_end:
            before = cursor.index
            try:
                self._item()
            except GiveUpError as error:
                place = Place(error.token.line, error.token.column, error.token.start, error.token.end)
                self._problems.append(SyntaxProblem(place, error.message))
                cursor.index = max(cursor.index, before + 1)
                self._recover()
            cursor.skip_newlines()
        return Module(
            cursor.text, self._package, self._package_place,
            tuple(self._imports), tuple(self._rules), tuple(self._problems),
        )  # fmt: skip

    def _item(self) -> None:
        cursor = self._cursor
        start = cursor.token
        following = cursor.tokens[min(cursor.index + 1, len(cursor.tokens) - 1)]
        if start.text == "package" and cursor.take("package"):
            self._package, self._package_place = self._path(), cursor.since(start)
        elif start.text == "import" and cursor.take("import"):
            path = self._path()
            alias = cursor.name().text if cursor.take("as") else path[-1]
            self._imports.append(Import(cursor.since(start), path, alias))
        elif start.text == "default" and following.kind is Kind.NAME and cursor.take("default"):
            self._default(start)
        else:
            self._rule(start)
        if cursor.token.kind is not Kind.NEWLINE and not cursor.at_end and not cursor.take(";"):
            raise cursor.surprise("expected the end of the rule")

    def _path(self) -> tuple[str, ...]:
        cursor = self._cursor
        names = [cursor.name().text]
        while cursor.touches() and cursor.token.text in {".", "["}:
            if cursor.take("."):
                names.append(cursor.name().text)
            else:
                cursor.advance()
                names.append(cursor.advance().text.strip('"`'))
                cursor.expect("]")
        return tuple(names)

    def _default(self, start: Token) -> None:
        cursor, parser = self._cursor, Parser(self._cursor)
        name = ".".join(self._path())
        args = parser.arguments() if cursor.token.text == "(" else None
        value: Expr = _true(start)
        if cursor.take(":=") or cursor.take("="):
            cursor.skip_newlines()
            value = parser.expression(_ABOVE_ASSIGNMENT)
        self._rules.append(Rule(cursor.since(start), name, (Clause(value, None),), default=True, args=args))

    def _rule(self, start: Token) -> None:
        cursor, parser = self._cursor, Parser(self._cursor)
        name, args, key, in_set = self._head(parser)
        value = None
        if cursor.take(":=") or cursor.take("="):
            cursor.skip_newlines()
            value = parser.expression(_ABOVE_ASSIGNMENT)
        conditional = self._takes_if()
        opening = cursor.token
        clauses = [Clause(value, self._rule_body(parser, conditional=conditional))]
        in_set = in_set or (key is not None and value is None)
        others: list[Body] = []
        while cursor.token.text == "{" and clauses[0].body is not None and opening.text == "{":
            others.append(parser.body(cursor.advance(), "}"))
        while cursor.past_newlines().text == "else":
            cursor.skip_newlines()
            cursor.advance()
            clauses.append(self._otherwise(parser))
        place = cursor.since(start)
        self._rules.append(Rule(place, name, tuple(clauses), args=args, key=key, partial_set=in_set))
        for body in others:
            clause = (Clause(value, body),)
            self._rules.append(Rule(place, name, clause, args=args, key=key, partial_set=in_set))

    def _head(self, parser: Parser) -> tuple[str, tuple[Expr, ...] | None, Expr | None, bool]:
        """Name, arguments, key, and whether `contains` says that it is a set."""
        cursor = self._cursor
        names = [cursor.name().text]
        args, key = None, None
        while cursor.touches() and cursor.token.text in {".", "[", "("}:
            if cursor.take("."):
                names.append(cursor.name().text)
            elif cursor.token.text == "(":
                args = parser.arguments()
            else:
                cursor.advance()
                cursor.skip_newlines()
                key = parser.expression()
                cursor.skip_newlines()
                cursor.expect("]")
        in_set = cursor.take("contains")
        if in_set:
            cursor.skip_newlines()
            key = parser.expression(_ABOVE_ASSIGNMENT)
        return ".".join(names), args, key, in_set

    def _otherwise(self, parser: Parser) -> Clause:
        value = None
        if self._cursor.take(":=") or self._cursor.take("="):
            self._cursor.skip_newlines()
            value = parser.expression(_ABOVE_ASSIGNMENT)
        return Clause(value, self._rule_body(parser, conditional=self._takes_if()))

    def _takes_if(self) -> bool:
        if self._cursor.past_newlines().text != "if":
            return False
        self._cursor.skip_newlines()
        return self._cursor.take("if")

    def _rule_body(self, parser: Parser, *, conditional: bool) -> Body | None:
        cursor = self._cursor
        if conditional:
            cursor.skip_newlines()
        start = cursor.token
        if cursor.take("{"):
            return parser.body(start, "}")
        if conditional:
            statement = parser.statement()
            return Body(cursor.since(start), (statement,))
        return None

    def _recover(self) -> None:
        """Skip to the next line that starts with a name at the first column."""
        cursor = self._cursor
        while not cursor.at_end:
            before = cursor.tokens[cursor.index - 1]
            if before.kind is Kind.NEWLINE and cursor.token.column == 1 and cursor.token.kind is Kind.NAME:
                return
            cursor.advance()


def _true(token: Token) -> Scalar:
    place = Place(token.line, token.column, token.start, token.end)
    return Scalar(place, ScalarKind.BOOLEAN, "true")
