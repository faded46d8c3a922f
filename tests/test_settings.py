"""Where the replica lives, and a settings file that says in words what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

import tui_registry
from tui_registry.node.limits import NodeBounds, node_bounds_of
from tui_registry.settings import (
    Settings,
    SettingsError,
    data_dir,
    interval,
    load_settings,
    save_setting,
    settings_path,
)
from tui_registry.sync.bounds import Bounds, bounds_of


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", "/from/environment")
    assert data_dir("/given") == data_dir(Path("/given")) == Path("/given")
    assert data_dir() == Path("/from/environment")


def test_the_user_data_directory_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.delenv("TUI_REGISTRY_DATA_DIR", raising=False)
    monkeypatch.setattr(
        platformdirs.PlatformDirs, "user_data_path", property(lambda folders: tmp_path / folders.appname)
    )
    assert data_dir() == tmp_path / "tui-registry"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", "")
    assert data_dir() != Path()


@pytest.mark.parametrize("variable", ["", "/from/environment"])
def test_an_empty_word_never_means_the_persons_own_replica(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", variable)
    with pytest.raises(ValueError, match="empty word"):
        data_dir("")


def test_a_tilde_is_the_home_directory_and_an_unknown_user_s_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert data_dir("~/registry") == Path("/home/me/registry")
    assert data_dir("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        'theme = "nord"\nname = "laptop"\nsync_every = "15m"\nnamed_first = "off"\naccept_ops = "token"\n'
        "[sync]\nread_seconds = 60\n[node]\nthreads = 2\n[machines]\nbig = 'gpu=24gb'\n"
    )
    tables = (("read_seconds", 60),), (("threads", 2),), (("big", "gpu=24gb"),)
    assert load_settings(path) == Settings("nord", "laptop", "15m", "off", "token", *tables)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            b'them = "nord"',
            "unknown setting 'them': did you mean theme?",
        ),
        (b"theme = 3", "theme must be text in quotes"),
        (b"theme = [", "is not TOML"),
        (b"theme = " + b"1" * 5000, "a number in it that is too long"),
        (b"[node]\nthreads = 0x" + b"f" * 5000, "must be a number"),
        (b"\xff", "is not UTF-8"),
        (b'name = "' + b"x" * 65 + b'"', "at most 64"),
        (b"#" * 70_000, "more than 65,536 bytes"),
        (b'"\\u001b[31m" = 1', "unknown setting"),
        (b"sync = 3", "write [sync] and below it a line for each"),
        (b"[sync]\nread_seconds = 'long'", "[sync] read_seconds must be a number"),
        (b"[sync]\nread_seconds = true", "[sync] read_seconds must be a number"),
        (b"[node]\nbody_seconds = nan", "[node] body_seconds must be a number"),
        (b"sync_every = '15'", "sync_every is '15': an interval is a number and s, m, h or d, from 10s to 30d"),
        (b"named_first = 'yes'", 'named_first is \'yes\': write "on" or "off"'),
        (b"sync_every = '9s'", "from 10s to 30d, such as 15m"),
        (b"machines = 3", "write [machines] and below it a line for each"),
        (b"[machines]\nbig = 3", "[machines] big must be text in quotes"),
        (b"[machines]\n'a b' = 'ram=8gb'", "a machine's name has up to 32 letters"),
        (b"accept_ops = 'all'", "accept_ops is 'all': write one of nobody, token, named, anybody"),
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


@pytest.mark.parametrize(("text", "seconds"), [("10s", 10), ("15m", 900), (" 2H ", 7200), ("30d", 2_592_000)])
def test_an_interval_is_a_number_with_its_unit(text: str, seconds: int) -> None:
    assert interval(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "15", "-5m", "1.5h", "9s", "31d", "٣m", "99999999s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 10s to 30d"):
        interval(text)


# Bounds

NUMBERS = [("sync", Bounds(), bounds_of), ("node", NodeBounds(), node_bounds_of)]


@pytest.mark.parametrize(("table", "usual", "read"), NUMBERS, ids=["sync", "node"])
def test_every_bound_can_be_set(tmp_path: Path, table: str, usual: object, read: Callable[..., object]) -> None:
    path = tmp_path / "settings.toml"
    raised = {"missing_hashes": 1000, "push_ops": 1000}
    for field in fields(usual):  # type: ignore[arg-type]
        before = getattr(usual, field.name)
        wanted = raised.get(field.name, (before or 0) + 1)
        path.write_text(f"[{table}]\n{field.name} = {wanted}\n")
        bounds = read(load_settings(path), path)
        assert getattr(bounds, field.name) == wanted
        assert before is None or type(getattr(bounds, field.name)) is type(before)
        assert replace(bounds, **{field.name: before}) == usual  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[sync]\nread_second = 60", "[sync] has no bound 'read_second': did you mean read_seconds?"),
        ("[sync]\nxyz = 60", "[sync] has no bound 'xyz': 'tui-registry help trust' lists them"),
        ("[sync]\npeers_at_once = 1.5", "[sync] peers_at_once must be a whole number, such as 8"),
        ("[sync]\npeers_at_once = 0", "[sync] peers_at_once is 0: write 1 to"),
        ("[sync]\nread_seconds = 0", "[sync] read_seconds is 0: write 0.1 to"),
        ("[sync]\nread_seconds = inf", "[sync] read_seconds is inf: write"),
        ("[sync]\nroom_bytes = 1.5", "[sync] room_bytes must be a whole number, such as 4294967296"),
        ("[sync]\ntile_bytes = 1000", "[sync] tile_bytes is 1000: write 16,777,472 to"),
        ("[sync]\nmissing_hashes = 5000", "[sync] missing_hashes is 5000: write 1 to 1,024"),
    ],
)
def test_a_bound_that_is_none_is_told_with_the_nearest_name(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        bounds_of(load_settings(path), path)
    assert caught.value.sentence.startswith(f"{path}: ")
    assert part in caught.value.sentence


def test_the_help_page_has_every_bound_with_what_it_is() -> None:
    page = (Path(tui_registry.__file__).parent / "trust.md").read_text()
    sync, _, node = page.partition("| of `[node]` |")
    for part, usual in ((sync, Bounds()), (node, NodeBounds())):
        told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", part, re.MULTILINE))
        assert told == {field.name: in_words(getattr(usual, field.name)) for field in fields(usual)}


def in_words(number: float | None) -> str:
    return "not set" if number is None else f"{number:,}" if isinstance(number, int) else f"{number:g}"


# Writing


def test_a_setting_is_kept_in_a_file_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "config" / "settings.toml"
    assert save_setting("theme", "nord", path) == Settings(theme="nord")
    assert save_setting("name", "laptop", path) == Settings(theme="nord", name="laptop")
    assert load_settings(path) == Settings(theme="nord", name="laptop")
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.toml"]


def test_what_else_stands_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# mine\n  'theme' = 'nord'  # dark\n\nname=\"a\\\"b\" # x")
    save_setting("theme", "textual-light", path)
    save_setting("name", "c", path)
    assert path.read_text() == '# mine\n  \'theme\' = "textual-light"  # dark\n\nname="c" # x'


def test_a_setting_that_is_new_stands_before_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# mine\n[sync]\nread_seconds = 60\n")
    assert save_setting("sync_every", "15m", path) == Settings(sync_every="15m", sync=(("read_seconds", 60),))
    assert path.read_text() == '# mine\nsync_every = "15m"\n[sync]\nread_seconds = 60\n'


@pytest.mark.parametrize("value", ["", 'a"b\\c', "ü 模 👍🏽", "\x7f\x00\x1b\n\u2028", "# x", "'''"])
def test_every_text_comes_back_as_it_was(tmp_path: Path, value: str) -> None:
    path = tmp_path / "settings.toml"
    for before in ("", 'name = "x"', "theme = 'y'\nname = ''\n"):
        path.write_text(before)
        assert save_setting("name", value, path).name == value
        assert load_settings(path).name == value


@pytest.mark.parametrize("text", ["theme = [", "them = 'nord'", "theme = 3", "name = '''\ntheme = \"x\"\n'''"])
def test_a_file_that_is_wrong_or_odd_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=str(path)):
        save_setting("theme", "nord", path)
    assert path.read_text() == text


def test_a_value_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at most 64"):
        save_setting("name", "x" * 65, tmp_path / "settings.toml")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be"):
        save_setting("name", "x", tmp_path / "file" / "settings.toml")
    assert (tmp_path / "file").read_text() == ""


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    kept, link = tmp_path / "dotfiles" / "settings.toml", tmp_path / "settings.toml"
    kept.write_text('name = "a"\n')
    kept.chmod(0o640)
    link.symlink_to(kept)
    save_setting("name", "b", link)
    assert link.is_symlink()
    assert kept.read_text() == 'name = "b"\n'
    assert kept.stat().st_mode & 0o777 == 0o640


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('name = "a"\n')

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match=r"No space left on device\): nothing was changed"):
        save_setting("name", "b", path)
    assert path.read_text() == 'name = "a"\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.toml"]
