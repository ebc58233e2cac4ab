"""The parser's place in the tokens. Pure."""

from evaluator.lint.syntax import Place
from evaluator.rego.tokens import Kind, Token, tokenize


class GiveUpError(Exception):
    """This is no Rego, or none that the parser knows. Never leaves `evaluator.lint`."""

    def __init__(self, message: str, token: Token) -> None:
        super().__init__(message)
        self.message = message
        self.token = token


class Cursor:
    """Tokens and an index. Newlines are tokens: who reads decides whether they matter."""

    __slots__ = ("index", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokenize(text))
        lines = text.count("\n") + 1
        self.tokens.append(Token(Kind.OTHER, "", len(text), lines, len(text) - text.rfind("\n")))
        self.index = 0

    @property
    def token(self) -> Token:
        """The token that comes next; an empty one at the end."""
        return self.tokens[self.index]

    @property
    def at_end(self) -> bool:
        """Whether everything is read."""
        return self.index == len(self.tokens) - 1

    def advance(self) -> Token:
        """Take a token."""
        token = self.token
        if not self.at_end:
            self.index += 1
        return token

    def skip_newlines(self) -> None:
        """Go to the next token that is no newline."""
        while self.token.kind is Kind.NEWLINE:
            self.index += 1

    def past_newlines(self) -> Token:
        """The next token that is no newline, without going there."""
        index = self.index
        while self.tokens[index].kind is Kind.NEWLINE:
            index += 1
        return self.tokens[index]

    def touches(self) -> bool:
        """Whether nothing stands between the token taken last and the next one."""
        return self.index > 0 and self.tokens[self.index - 1].end == self.token.start

    def take(self, text: str) -> bool:
        """Take the token if it is this one."""
        if self.token.text == text and self.token.kind is not Kind.STRING:
            self.advance()
            return True
        return False

    def expect(self, text: str) -> Token:
        """Take this token, or give up."""
        token = self.token
        if not self.take(text):
            raise self.surprise(f"expected {text}")
        return token

    def name(self) -> Token:
        """Take a name, or give up."""
        if self.token.kind is not Kind.NAME:
            raise self.surprise("expected a name")
        return self.advance()

    def surprise(self, expected: str) -> GiveUpError:
        """What to raise at this token."""
        got = "the end of the text" if self.at_end else repr(self.token.text)
        return GiveUpError(f"{expected}, got {got}", self.token)

    def since(self, start: Place | Token) -> Place:
        """From there to the token taken last."""
        end = self.tokens[self.index - 1].end if self.index else 0
        return Place(start.line, start.column, start.start, max(end, start.start))
