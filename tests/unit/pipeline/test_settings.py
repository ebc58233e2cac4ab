"""Settings: flag before environment before tocsin.toml before default, and errors that name the setting."""

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tocsin.toml").write_text('cluster = "file"\nengine = "regopy"\ngrace = 5\n')
    monkeypatch.setenv("TOCSIN_CLUSTER", "environment")
    monkeypatch.setenv("TOCSIN_ENGINE", "regorus")
    settings = load_settings(cluster="flag")
    assert (settings.cluster, settings.engine, settings.grace) == ("flag", EngineChoice.REGORUS, 5)


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load_settings(cluster=None).cluster == "manifests"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOCSIN_ENGINE", "gorilla"),
        ("TOCSIN_WORKERS", "-1"),
        ("TOCSIN_CLUSTER", "a/b"),
        ("TOCSIN_GRACE", "soon"),
        ("TOCSIN_NAMESPACE_SELECTOR", "team=a b"),
        ("TOCSIN_NAMESPACE_SELECTOR", "team in a"),
        ("TOCSIN_NAMESPACE_SELECTOR", "team=a,"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name.removeprefix("TOCSIN_").lower()):
        load_settings()


@pytest.mark.parametrize(
    "selector", ["team=a", "team==a,!off", "x.io/team in (a, b),c!=d", "team notin (a), off", "a="]
)
def test_namespaces_are_selected_as_kubectl_selects(selector: str) -> None:
    assert load_settings(namespace_selector=selector).api_server.namespace_selector == selector


def test_a_setting_that_does_not_exist_in_the_file_is_an_error(folder: Path) -> None:
    (folder / "tocsin.toml").write_text("databse = 1\n")
    with pytest.raises(UsageError, match="databse"):
        load_settings()


def test_a_file_that_is_no_toml_is_an_error(folder: Path) -> None:
    (folder / "tocsin.toml").write_text("db = \n")
    with pytest.raises(UsageError, match=r"tocsin\.toml"):
        load_settings()
