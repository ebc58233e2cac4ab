"""The parts of an expression."""

from collections.abc import Iterator

from evaluator.lint.syntax import Binary, Call, Collection, Expr, Object, Ref


def open_parts(expr: Expr) -> Iterator[Expr]:
    """An expression and its parts, outside in, but not what is inside comprehensions."""
    stack = [expr]
    while stack:
        top = stack.pop()
        yield top
        match top:
            case Ref(_, head, steps):
                stack += [head, *(step.key for step in steps)]
            case Call(_, _, args):
                stack += args
            case Collection(_, _, items):
                stack += items
            case Object(_, pairs):
                stack += [part for pair in pairs for part in pair]
            case Binary(_, _, left, right):
                stack += [right, left]
            case _:
                pass
