"""`tocsin policies`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.commands import filters
from cli.options import (
    PLAIN_HELP,
    Database,
    Engine,
    ExplainFormat,
    LintFormat,
    ListFormat,
    Namespace,
    ReadinessBy,
    ShowFormat,
    TestFormat,
)

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="See what is loaded and whether it works."
)


@app.command("list")
def list_(
    *,
    cluster: filters.Cluster = None,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """List the policies that are loaded, whether they work, and how often they are violated.

    What is loaded is what `tocsin run`, or a `tocsin scan` into this database (--db, TOCSIN_DB), read last.

    \b
    Examples:
      tocsin policies list
      tocsin policies list --db sqlite:///audit.db -o wide
    """
    from cli.invoke import finish
    from cli.policies import list_ as run

    finish(run(tuple(cluster or ()), output, db=db))


@app.command("catalog")
def catalog(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A set, to list it; or a policy, to print it.")
    ] = None,
    output: Annotated[
        ListFormat, typer.Option("--output", "-o", help="Format of the list.")
    ] = ListFormat.TABLE,
) -> None:
    """List the ready-made policies, or print one to copy and change.

    Their sets are names for -p: tocsin scan deploy/ -p catalog:baseline -p catalog:hygiene

    \b
    Examples:
      tocsin policies catalog
      tocsin policies catalog restricted -o wide
      tocsin policies catalog hygiene-required-labels > policies/required-labels.yaml
    """
    from cli.catalog import list_policies, print_policy
    from cli.invoke import finish

    finish(print_policy(name) if name and "-" in name else list_policies(name, output))


@app.command("show")
def show(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a policy.")],
    cluster: filters.Cluster = None,
    output: Annotated[ShowFormat, typer.Option("--output", "-o", help="Format.")] = ShowFormat.TABLE,
    db: Database = None,
) -> None:
    """Show one policy: the engine it got or why it has none, what it reads, what the linter says.

    \b
    Examples:
      tocsin policies show no-privileged
      tocsin policies show no-privileged -o yaml
    """
    from cli.invoke import finish
    from cli.policies import show as run

    finish(run(name, tuple(cluster or ()), output, db=db))


@app.command("diff")
def diff(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="NEW", help="Policies: files, folders, catalog:SET, or - for stdin."),
    ],
    waivers: Annotated[
        list[str] | None,
        typer.Option(
            "--waivers",
            metavar="PATH",
            help="New waivers: a file or a folder, in place of what the database has of it. May be repeated.",
        ),
    ] = None,
    cluster: filters.Cluster = None,
    namespace: filters.Namespace = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="Exit with 1 when something would newly violate or be refused."),
    ] = False,
    engine: Engine = None,
    output: Annotated[ShowFormat, typer.Option("--output", "-o", help="Format.")] = ShowFormat.TABLE,
    db: Database = None,
) -> None:
    """Say what new or changed policies would change, before anyone applies them.

    They are evaluated on the objects in the database, as a run would, and compared with what the
    policies of the same names say there now. Nothing is written.

    \b
    Examples:
      tocsin policies diff policies/web.yaml
      tocsin policies diff catalog:restricted -n shop
      tocsin policies diff policies/ --cluster prod --exit-code -o json
      tocsin policies diff policies/ --waivers waivers.yaml

    \b
    Exit codes:
      0  compared
      1  with --exit-code: something would newly violate, or be refused
      2  wrong usage, or a path that cannot be read
      3  a policy could not be evaluated, or the database cannot be used or holds no such resource
    """
    from cli.invoke import finish
    from cli.whatif.diff import DiffOptions
    from cli.whatif.diff import diff as run

    options = DiffOptions(
        paths=tuple(paths),
        waivers=tuple(waivers or ()),
        clusters=tuple(cluster or ()),
        namespaces=tuple(namespace or ()),
        output=output,
        exit_code=exit_code,
    )
    finish(run(options, db=db, engine=engine))


@app.command("readiness")
def readiness(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[POLICY]...", help="Names or globs. [every policy in mode warn]"),
    ] = None,
    cluster: filters.Cluster = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="What the trend begins with: 24h, 7d, a date.")
    ] = "7d",
    by: Annotated[
        ReadinessBy | None,
        typer.Option(
            "--by", help="What a row is about; default: policy; of one policy, or with -o wide, both."
        ),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when a policy is not ready.")
    ] = False,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """Say what would be refused if policies in mode warn were in mode enforce, and of which workloads.

    A policy is ready when nothing would be: no resource fails it, passes it with a warning, or
    could not be evaluated. One without any verdict is not ready: nothing is known of it.

    \b
    Examples:
      tocsin policies readiness
      tocsin policies readiness no-latest-tag --exit-code
      tocsin policies readiness 'baseline-*' --since 30d -o json
      tocsin policies readiness --by workload -o csv

    \b
    Exit codes:
      0  answered
      1  with --exit-code: a policy is not ready
      2  wrong usage, or no such policy or cluster
      3  the database cannot be used, or holds no policy
    """
    from cli.invoke import finish
    from cli.whatif.readiness import ReadinessOptions
    from cli.whatif.readiness import readiness as run

    options = ReadinessOptions(
        names=tuple(names or ()),
        clusters=tuple(cluster or ()),
        since=since,
        by=by,
        output=output,
        exit_code=exit_code,
    )
    finish(run(options, db=db))


@app.command("test")
def run_tests(
    *,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Policies, their tests, or folders of them. [the current folder]"
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


@app.command("explain")
def explain(
    *,
    policy: Annotated[
        str, typer.Argument(metavar="POLICY", help="FILE, FILE:NAME, or the name of a policy of the catalog.")
    ],
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE", help="FILE, FILE:KIND/NAME, FILE:NAMESPACE/KIND/NAME; - for stdin."
        ),
    ],
    namespace: Namespace = None,
    engine: Engine = None,
    output: Annotated[ExplainFormat, typer.Option("--output", "-o", help="Format.")] = ExplainFormat.TABLE,
) -> None:
    """Explain why an object passes or fails: which expression of which rule decided, and what it saw.

    Without KIND/NAME, every object of the file is explained.

    \b
    Examples:
      tocsin policies explain policies/web.yaml deploy/web.yaml
      tocsin policies explain baseline-seccomp deploy/all.yaml:deployment/web
      kubectl get pod web -o yaml | tocsin policies explain policies/web.yaml - -o json

    \b
    Exit codes:
      0  explained, whatever the outcome
      2  wrong usage, or a file that cannot be read
      3  the policy could not be evaluated, or what decided is not known
    """
    from cli.authoring.explain import explain_policy
    from cli.invoke import finish

    finish(explain_policy(policy, resource, output.value, namespace=namespace, engine=engine))


@app.command("lint")
def lint(
    *,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Policies: files, folders (recursively), or - for stdin."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="RULE", help="Only these rules, by id or name. May be repeated."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="All rules but these. May be repeated."),
    ] = None,
    explain: Annotated[
        str, typer.Option("--explain", metavar="RULE", help="Say what a rule is about, and nothing else.")
    ] = "",
    engine: Engine = None,
    output: Annotated[LintFormat, typer.Option("--output", "-o", help="Format.")] = LintFormat.TABLE,
) -> None:
    """Find mistakes in policies before they mislead: where, what, and what to write instead.

    A finding is an error (the policy cannot do what it says), a warning, or an info. To live with
    one, write `# tocsin:ignore=RULE why` behind the line or above it; for a field of the object,
    the annotation tocsin.dev/lint-ignore: RULE. All rules are in docs/reference/lint.md.

    \b
    Examples:
      tocsin policies lint policies/
      tocsin policies lint policies/web.yaml --ignore unused-rule
      tocsin policies lint policies/ -o sarif > lint.sarif
      tocsin policies lint --explain some-not-all

    \b
    Exit codes:
      0  no error and no warning; an info is neither
      1  errors or warnings
      2  wrong usage, or a path that cannot be read
      3  something in a file could not be read
    """
    from cli.authoring.linting import LintOptions, explain_check, lint_policies
    from cli.invoke import finish

    if explain:
        finish(explain_check(explain))
    options = LintOptions(
        paths=tuple(paths or (".",)),
        select=tuple(select or ()),
        ignore=tuple(ignore or ()),
        format=output.value,
    )
    finish(lint_policies(options, engine=engine))
