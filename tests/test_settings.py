"""Where the replica lives, and a settings file that says in words what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_registry.settings import Settings, SettingsError, data_dir, load_settings, settings_path


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", "/from/environment")
    assert data_dir("/given") == data_dir(Path("/given")) == Path("/given")
    assert data_dir() == Path("/from/environment")


def test_the_user_data_directory_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.delenv("TUI_REGISTRY_DATA_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_data_path", lambda app, appauthor: tmp_path / app)
    assert data_dir() == tmp_path / "tui-registry"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", "")
    assert data_dir() != Path()


def test_a_tilde_is_the_home_directory_and_an_unknown_user_s_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert data_dir("~/registry") == Path("/home/me/registry")
    assert data_dir("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('theme = "nord"\nname = "laptop"\n')
    assert load_settings(path) == Settings(theme="nord", name="laptop")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b'them = "nord"', "unknown setting 'them': write one of theme, name"),
        (b"theme = 3", "theme must be text in quotes"),
        (b"theme = [", "is not TOML"),
        (b"\xff", "is not UTF-8"),
        (b'name = "' + b"x" * 65 + b'"', "at most 64"),
        (b"#" * 70_000, "more than 65,536 bytes"),
        (b'"\\u001b[31m" = 1', "unknown setting"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_words_with_its_place(tmp_path: Path, text: bytes, part: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.sentence.startswith(f"{path}: ")
    assert part in caught.value.sentence
    assert "\x1b" not in caught.value.sentence


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_the_file_lies_in_the_user_config_directory() -> None:
    assert settings_path().name == "settings.toml"
    assert settings_path().parent.name == "tui-registry"
