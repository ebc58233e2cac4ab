"""How a policy is rewritten for an OPA server. Not covered: what OPA makes of it (`tests/faults`)."""

import pytest

from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.opa_text import OpaText, prepare


def _lines(prepared: OpaText) -> list[str]:
    """The pushed text with the package's name made short, without the answer rule."""
    return prepared.text.replace(f"tocsin.{prepared.name}.", "X.").splitlines()[:-1]


def test_the_package_and_every_reference_to_it_are_renamed() -> None:
    text = "package sigstore\nimport data.sigstore.p as q\nisCompliant { data.sigstore[x]; q }"
    assert _lines(prepare(text)) == [
        "package X.sigstore",
        "import data.X.sigstore.p as q",
        "isCompliant { data.X.sigstore[x]; q }",
    ]


def test_what_only_looks_like_a_reference_is_left_alone() -> None:
    body = 'isCompliant { input.data.sigstore == "data.sigstore"; `data` == input["data"] } # data'
    assert _lines(prepare(f"package sigstore\n{body}"))[1] == body


def test_texts_that_differ_have_different_names_and_equal_ones_the_same() -> None:
    one, other = "package sigstore\np = 1", "package sigstore\np = 2"
    assert prepare(one).name == prepare(one).name != prepare(other).name


@pytest.mark.parametrize(
    "body",
    [
        "isCompliant { data.other.x }",
        "isCompliant { x := data }",
        'isCompliant { data["sigstore"].x }',
        "isCompliant { input.x with data.x as 1 }",
        "import input as data",
        "f(data) { data.sigstore }",
        'isCompliant { $"{data.x}" }',
        "isCompliant { rego.metadata.chain()[0] }",
    ],
)
def test_any_other_way_to_data_is_refused_with_its_line(body: str) -> None:
    with pytest.raises(RefusalError, match="line 2"):
        prepare(f"package sigstore\n{body}")


@pytest.mark.parametrize(
    "text", ["", "isCompliant { true }", "package other", "package sigstore.x", "package"]
)
def test_another_package_is_a_compile_error(text: str) -> None:
    with pytest.raises(CompileError, match="package"):
        prepare(text)


def test_columns_and_messages_are_given_back_as_the_author_wrote_them() -> None:
    prepared = prepare("package sigstore\nisCompliant { data.sigstore.a; data.sigstore.b }")
    pushed, author = prepared.text.splitlines()[1], "isCompliant { data.sigstore.a; data.sigstore.b }"
    assert prepared.column(2, pushed.index(".b") + 1) == author.index(".b") + 1
    assert prepared.column(2, 3) == 3
    assert prepared.original(f"rule data.tocsin.{prepared.name}.sigstore.a") == "rule data.sigstore.a"
