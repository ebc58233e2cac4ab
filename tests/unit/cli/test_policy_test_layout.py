"""Where the tests of a policy are. Not covered: finding and running them (`tests/e2e`)."""

from pathlib import Path

import pytest

from cli.authoring.layout import Expected, expected_of, home_of, homes, policies_of


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "catalog" / "baseline").mkdir(parents=True)
    (tmp_path / "catalog" / "web.test" / "fail").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_policy_has_two_homes_for_its_tests() -> None:
    assert list(homes("catalog/baseline/web.yaml", iter(("web", "no-root")))) == [
        "catalog/baseline/web.test",
        "catalog/examples/baseline/web",
        "catalog/baseline/no-root.test",
        "catalog/examples/baseline/no-root",
    ]


def test_the_name_of_the_current_folder_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("catalog/baseline")
    assert list(homes("web.yaml", iter(("web",)))) == ["web.test", "../examples/baseline/web"]


def test_a_home_leads_back_to_its_policy(tree: Path) -> None:
    for home in homes("catalog/baseline/web.yaml", iter(("web",))):
        found = home_of(f"{home}/pass.yaml")
        assert found == tree / home
        assert policies_of(found) == (tree / "catalog" / "baseline", "web")


@pytest.mark.parametrize(
    "path",
    [
        "catalog/baseline/web.yaml",
        "catalog/examples/baseline/web.yaml",
        "catalog/examples/nowhere/web/pass.yaml",
        "catalog/web.test.yaml",
    ],
)
def test_other_files_have_no_home(path: str) -> None:
    assert home_of(path) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pass.yaml", Expected.PASS),
        ("skip.json", Expected.SKIP),
        ("fail/pass.yaml", Expected.FAIL),
        ("fail/deep/web.yaml", Expected.FAIL),
        ("passed.yaml", None),
        ("pass.old.yaml", None),
    ],
)
def test_the_name_in_the_home_says_what_to_expect(tree: Path, path: str, expected: Expected | None) -> None:
    home = tree / "catalog" / "web.test"
    assert expected_of(f"catalog/web.test/{path}", home) is expected
