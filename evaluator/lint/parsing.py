"""Rego's expressions and bodies to a syntax tree.

A recursive descent whose depth is capped, one token ahead, so linear in the length
of the text. It reads v0 and v1 alike, and more than OPA would accept: what does not
compile is for the engines to say.
"""

import json

from evaluator.lint.cursor import Cursor
from evaluator.lint.syntax import (
    Binary,
    Body,
    Brackets,
    Call,
    Collection,
    Comprehension,
    Condition,
    Every,
    Expr,
    Negation,
    Object,
    Place,
    Ref,
    Scalar,
    ScalarKind,
    Some,
    SomeIn,
    Statement,
    Step,
    Var,
)
from evaluator.rego.tokens import Kind, Token

MAX_DEPTH = 70
"""Expressions inside each other; engines take 64 brackets."""
MAX_CHAIN = 100
"""Operators of one expression: the tree is as deep as there are."""

_PRECEDENCE = {
    ":=": 0, "=": 0, "in": 1,
    "==": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2,
    "|": 3, "&": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_ABOVE_IN, _ABOVE_BAR = 2, 4
_CONSTANTS = {"true": ScalarKind.BOOLEAN, "false": ScalarKind.BOOLEAN, "null": ScalarKind.NULL}


class Parser:
    """Reads from a cursor. Raises GiveUpError."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._depth = 0

    def body(self, opening: Token, closing: str) -> Body:
        """Statements up to the closing bracket, which is taken."""
        cursor = self._cursor
        statements: list[Statement] = []
        self._skip_separators()
        while not cursor.take(closing):
            statements.append(self.statement())
            if cursor.token.text not in {closing, ";"} and cursor.token.kind is not Kind.NEWLINE:
                raise cursor.surprise("expected the end of the line")
            self._skip_separators()
        return Body(cursor.since(opening), tuple(statements))

    def statement(self) -> Statement:
        """One statement."""
        cursor = self._cursor
        start = cursor.token
        following = cursor.tokens[min(cursor.index + 1, len(cursor.tokens) - 1)]
        named = following.kind is Kind.NAME or (following.kind is Kind.OPEN and following.text != "(")
        if start.text == "not" and cursor.take("not"):
            cursor.skip_newlines()
            self._enter()
            inner = self.statement()
            self._depth -= 1
            return Negation(cursor.since(start), inner)
        if start.text == "some" and named:
            cursor.advance()
            return self._some(start)
        if start.text == "every" and following.kind is Kind.NAME:
            cursor.advance()
            return self._every(start)
        expr = self.expression()
        return Condition(cursor.since(start), expr, self._modifiers())

    def expression(self, lowest: int = 0) -> Expr:
        """An expression of operators that bind at least so tightly."""
        cursor = self._cursor
        self._enter()
        start = cursor.token
        left = self._operand()
        chain = 0
        while (power := self._operator_power()) >= lowest:
            chain += 1
            if chain > MAX_CHAIN:
                raise cursor.surprise(f"more than {MAX_CHAIN} operators in a row")
            cursor.skip_newlines()
            operator = cursor.advance()
            cursor.skip_newlines()
            right = self.expression(power + 1)
            at = Place(operator.line, operator.column, operator.start, operator.end)
            left = Binary(cursor.since(start), operator.text, left, right, at)
        self._depth -= 1
        return left

    def arguments(self) -> tuple[Expr, ...]:
        """Expressions in parentheses."""
        self._cursor.expect("(")
        return self._items(")")

    def steps(self, start: Token, head: Expr) -> Expr:
        """What follows a term without a space: `.name`, `[key]`, `(arguments)`."""
        cursor = self._cursor
        steps: list[Step] = []
        while cursor.touches():
            at = cursor.token
            if cursor.take("."):
                name = cursor.name()
                place = _place(name)
                steps.append(Step(place, Scalar(place, ScalarKind.STRING, name.text), dotted=True))
            elif cursor.take("["):
                cursor.skip_newlines()
                key = self.expression()
                cursor.skip_newlines()
                cursor.expect("]")
                steps.append(Step(cursor.since(at), key, dotted=False))
            elif at.text == "(" and isinstance(head, Var) and all(step.dotted for step in steps):
                names = [head.name, *(step.key.text for step in steps if isinstance(step.key, Scalar))]
                args = self.arguments()
                head, steps = Call(cursor.since(start), ".".join(names), args), []
            else:
                break
        return Ref(cursor.since(start), head, tuple(steps)) if steps else head

    def _some(self, start: Token) -> Statement:
        cursor = self._cursor
        terms = [self.expression(_ABOVE_IN)]
        while cursor.take(","):
            cursor.skip_newlines()
            terms.append(self.expression(_ABOVE_IN))
        if cursor.take("in"):
            cursor.skip_newlines()
            domain = self.expression(_ABOVE_IN)
            self._modifiers()
            key = terms[0] if len(terms) > 1 else None
            return SomeIn(cursor.since(start), key, terms[-1], domain)
        return Some(cursor.since(start), tuple(term for term in terms if isinstance(term, Var)))

    def _every(self, start: Token) -> Every:
        cursor = self._cursor
        names = [cursor.name()]
        if cursor.take(","):
            names.append(cursor.name())
        cursor.expect("in")
        cursor.skip_newlines()
        domain = self.expression(_ABOVE_IN)
        cursor.skip_newlines()
        body = self.body(cursor.expect("{"), "}")
        self._modifiers()
        variables = [Var(_place(name), name.text) for name in names]
        key = variables[0] if len(variables) > 1 else None
        return Every(cursor.since(start), key, variables[-1], domain, body)

    def _modifiers(self) -> tuple[Expr, ...]:
        found: list[Expr] = []
        while self._cursor.past_newlines().text == "with":
            self._cursor.skip_newlines()
            self._cursor.advance()
            found.append(self.expression(_ABOVE_IN))
            self._cursor.expect("as")
            found.append(self.expression(_ABOVE_IN))
        return tuple(found)

    def _operator_power(self) -> int:
        token = self._cursor.past_newlines()
        if token.kind in {Kind.STRING, Kind.NEWLINE} or (token.kind is Kind.NAME and token.text != "in"):
            return -1
        return _PRECEDENCE.get(token.text, -1)

    def _operand(self) -> Expr:
        cursor = self._cursor
        start = cursor.token
        match start.kind:
            case Kind.STRING:
                cursor.advance()
                return self.steps(start, Scalar(_place(start), ScalarKind.STRING, _unquoted(start.text)))
            case Kind.NUMBER:
                cursor.advance()
                return Scalar(_place(start), ScalarKind.NUMBER, start.text)
            case Kind.NAME:
                cursor.advance()
                if start.text in _CONSTANTS:
                    return Scalar(_place(start), _CONSTANTS[start.text], start.text)
                return self.steps(start, Var(_place(start), start.text))
            case Kind.OPEN:
                return self.steps(start, self._bracketed(cursor.advance()))
        if cursor.take("-"):
            zero = Scalar(_place(start), ScalarKind.NUMBER, "0")
            return Binary(
                cursor.since(start), "-", zero, self.expression(max(_PRECEDENCE.values())), _place(start)
            )
        raise cursor.surprise("expected an expression")

    def _bracketed(self, opening: Token) -> Expr:
        match opening.text:
            case "(":
                self._cursor.skip_newlines()
                inner = self.expression()
                self._cursor.skip_newlines()
                self._cursor.expect(")")
                return inner
            case "[":
                return self._array(opening)
            case _:
                return self._braces(opening)

    def _braces(self, opening: Token) -> Expr:
        cursor = self._cursor
        cursor.skip_newlines()
        if cursor.take("}"):
            return Object(cursor.since(opening), ())
        first = self.expression(_ABOVE_BAR)
        if cursor.past_newlines().text != ":":
            return self._items_from(first, opening, Brackets.SET, "}")
        value = self._pair_value()
        if cursor.past_newlines().text == "|":
            return self._comprehension(opening, Brackets.OBJECT, (first, value), "}")
        value = self._rest_of(value)
        pairs = [(first, value)]
        while self._comma_before("}"):
            key = self.expression()
            pairs.append((key, self._rest_of(self._pair_value())))
        cursor.expect("}")
        return Object(cursor.since(opening), tuple(pairs))

    def _pair_value(self) -> Expr:
        self._cursor.skip_newlines()
        self._cursor.expect(":")
        self._cursor.skip_newlines()
        return self.expression(_ABOVE_BAR)

    def _rest_of(self, left: Expr) -> Expr:
        """Operators that were left aside while a comprehension was still possible."""
        cursor = self._cursor
        while (power := self._operator_power()) >= 0:
            cursor.skip_newlines()
            operator = cursor.advance()
            cursor.skip_newlines()
            right = self.expression(power + 1)
            left = Binary(cursor.since(left.place), operator.text, left, right, _place(operator))
        return left

    def _array(self, opening: Token) -> Expr:
        cursor = self._cursor
        cursor.skip_newlines()
        if cursor.take("]"):
            return Collection(cursor.since(opening), Brackets.ARRAY, ())
        return self._items_from(self.expression(_ABOVE_BAR), opening, Brackets.ARRAY, "]")

    def _items_from(self, first: Expr, opening: Token, kind: Brackets, closing: str) -> Expr:
        """The rest of an array, a set or a comprehension of either."""
        cursor = self._cursor
        if cursor.past_newlines().text == "|":
            return self._comprehension(opening, kind, (first,), closing)
        items = [self._rest_of(first)]
        while self._comma_before(closing):
            items.append(self.expression())
        cursor.expect(closing)
        return Collection(cursor.since(opening), kind, tuple(items))

    def _comprehension(self, opening: Token, kind: Brackets, head: tuple[Expr, ...], closing: str) -> Expr:
        self._cursor.skip_newlines()
        self._cursor.expect("|")
        body = self.body(opening, closing)
        return Comprehension(self._cursor.since(opening), kind, head, body)

    def _items(self, closing: str) -> tuple[Expr, ...]:
        self._cursor.skip_newlines()
        if self._cursor.take(closing):
            return ()
        items = [self.expression()]
        while self._comma_before(closing):
            items.append(self.expression())
        self._cursor.expect(closing)
        return tuple(items)

    def _comma_before(self, closing: str) -> bool:
        """Whether another item comes; a comma before the closing bracket is none."""
        self._cursor.skip_newlines()
        if not self._cursor.take(","):
            return False
        self._cursor.skip_newlines()
        return self._cursor.token.text != closing

    def _skip_separators(self) -> None:
        while self._cursor.token.kind is Kind.NEWLINE or self._cursor.token.text == ";":
            self._cursor.advance()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._cursor.surprise(f"more than {MAX_DEPTH} expressions inside each other")


def _place(token: Token) -> Place:
    return Place(token.line, token.column, token.start, token.end)


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]
