"""YAML text to values, as kubectl reads them: fast where that is safe, else by the reference.

ryaml (Rust) is three times as fast as PyYAML's C parser. Both are libyaml below,
so that they see the same nodes; they differ in what a plain scalar means, for
ryaml is YAML 1.2. So ryaml gets a document only where no plain scalar can be one
that they read differently, and where nothing else is in it that they treat
differently: anchors, aliases, merge keys, tags, directives, map keys that are
not strings. The search for those is over the text, and may find them in comments
or quoted strings, too: then the reference reads what ryaml could have read.

Whatever ryaml refuses, the reference reads again: it has the last word, and the
messages.
"""

import re
from typing import Any

import ryaml

from watcher.yaml_reference import parse_reference

_UNLIKE = r"""
    (?=[-+.0-9yYnNoOtTfF~<&*!?:%\ufeff])
    (?:
        [&*][\w-] | ! | <<[ \t]*: | [:?\ufeff] | (?<![ \t])%
      |
        (?: y | Y | yes | Yes | YES | on | On | ON | n | N | no | No | NO | off | Off | OFF
          | [-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)
          | # a number, unless it is one of those that all agree on and no map's key
            (?! -?(?:0|[1-9][0-9]{0,17}) [ \t]*(?:[\r\n,\[\]{}]|\x20\#|\Z) )
            (?! -?(?:0|[1-9][0-9]{0,14})\.(?=[0-9]*[1-9])[0-9]{1,15} [ \t]*(?:[\r\n,\[\]{}]|\x20\#|\Z) )
            (?! [0-9]+(?:\.[0-9]+){2,} [ \t]*(?:[\r\n,:\[\]{}]|\x20\#|\Z) )
            [-+]?(?: 0[xX][0-9a-fA-F_]+ | 0[bBoO][0-9_]+ | [.0-9][0-9_.]*(?:[eE][-+]?[0-9_.]*)? )
          | (?: true | True | TRUE | false | False | FALSE | null | Null | NULL | ~ )(?=[ \t]*:)
        )
        [ \t]* (?: [\r\n,:\[\]{}\x85\u2028\u2029] | \x20\# | \Z )
    )
"""
"""A plain scalar, or the start of something else, that not everybody reads the same."""

# Where a node can begin: after a blank or a bracket; or, in flow style, after the colon of a quoted key.
_SUSPECTS = (
    re.compile(r"[\s\[{,]" + _UNLIKE, re.VERBOSE),
    re.compile(r"""["'\]}]:""" + _UNLIKE, re.VERBOSE),
)


_MAX_BRACKETS = 2000
"""ryaml takes time with the square of the depth of flow style: 0.1 s for so many, minutes for 100,000."""


def is_plain(text: str) -> bool:
    """Whether every parser reads this text the same, as far as it reads it at all, and in good time."""
    if text.count("{") + text.count("[") > _MAX_BRACKETS:
        return False
    text = f"\n{text}"  # a node can begin at the start, too
    return not any(suspect.search(text) for suspect in _SUSPECTS)


def parse(text: str, first_line: int = 1) -> Any:
    """The one document in `text`, as JSON values; None where it is empty.

    Raises ContentError with the file's line, `first_line` being the one `text`
    starts on.
    """
    if is_plain(text):
        try:
            return ryaml.loads(text)
        except (ryaml.InvalidYamlError, ValueError, RecursionError):
            pass  # said better by the reference, or allowed by it
    return parse_reference(text, first_line)
