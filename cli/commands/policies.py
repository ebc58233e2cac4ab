"""`tocsin policies`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.options import PLAIN_HELP, Engine, TestFormat

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="See what is loaded and whether it works."
)


@app.command("test")
def run_tests(
    *,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...", help="Policies, their tests, or folders of them. [the current folder]"
        ),
    ] = None,
    keyword: Annotated[
        str,
        typer.Option(
            "-k", metavar="TEXT", help="Only tests with this in the name of policy, file or object."
        ),
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for each test.")] = False,
    engine: Engine = None,
    output: Annotated[TestFormat, typer.Option("--output", "-o", help="Format.")] = TestFormat.TABLE,
) -> None:
    """Test policies with objects that must pass, and objects that must not.

    The tests of policies/web.yaml are manifests in the folder policies/web.test/ (or in
    examples/policies/web/, beside policies/): pass.yaml, warn.yaml, fail.yaml, error.yaml, and
    skip.yaml for objects that the policy must not apply to. An object's annotation
    tocsin.dev/expect is a part of the message it must get.

    \b
    Examples:
      tocsin policies test policies/
      tocsin policies test policies/web.test/fail.yaml -v
      tocsin policies test catalog/ -k seccomp --engine regopy
      tocsin policies test policies/ -o junit > policies.xml

    \b
    Exit codes:
      0  every test passed
      1  a test failed
      2  wrong usage, or a path that cannot be read
      3  a test could not be run
    """
    from cli.authoring.testing import TestOptions, run_policy_tests
    from cli.invoke import finish

    options = TestOptions(paths=tuple(paths or ()), keyword=keyword, verbose=verbose, format=output.value)
    finish(run_policy_tests(options, engine=engine))
