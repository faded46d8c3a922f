"""Which machine this is: from what tools print, and from what they should not."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tui_registry.fit import GB, MIB, Gpu, Machine
from tui_registry.machine import (
    MachineError,
    Said,
    detect,
    find_machine,
    parse_machine,
    read_amdgpu,
    read_meminfo,
    read_nvidia,
    read_rocm,
    read_sysctl,
    run,
)

MEMINFO = """MemTotal:       65766428 kB
MemFree:         1204248 kB
MemAvailable:   48123456 kB
Buffers:          801848 kB
HugePages_Total:       0
"""


# ---- made up


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("gpu=24gb ram=64gb", Machine("", (Gpu("", 24 * GB),), 64 * GB)),
        ("GPU=2x24GiB, ram=128gb cores=32", Machine("", (Gpu("", 24 * 2**30),) * 2, 128 * GB, cores=32)),
        ("gpu=24gb gpu=8gb disk=1tb", Machine("", (Gpu("", 24 * GB), Gpu("", 8 * GB)), disk_free=1000 * GB)),
        ("unified=64gb", Machine("", (), 64 * GB, unified=True)),
    ],
)
def test_a_machine_is_made_up_in_words(typed: str, wanted: Machine) -> None:
    assert parse_machine(typed) == wanted


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "a machine has a gpu"),
        ("cores=8", "a machine has a gpu"),
        ("gpu", "says nothing of a machine"),
        ("gpus=24gb ram=1gb", "did you mean gpu="),
        ("gpu=24", "a size is a number and its unit"),
        ("gpu=0x24gb", "1 to 64 cards"),
        ("gpu=99x24gb", "1 to 64 cards"),
        ("gpu=10000x24gb", "1 to 64 cards"),
        ("gpu=24gb disk=1tb disk=2tb", "disk is given twice"),
        ("gpu=24gb cores=2 cores=8", "cores is given twice"),
        ("ram=2x32gb", "write the sum"),
        ("ram=32gb unified=64gb", "given twice"),
        ("ram=16gb cores=0", "write how many"),
        ("\x1b[31mgpu=1gb", "�"),
    ],
)
def test_what_is_no_machine_is_said_in_one_sentence(typed: str, says: str) -> None:
    with pytest.raises(MachineError, match=re.escape(says)) as caught:
        parse_machine(typed)
    assert "\x1b" not in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_a_saved_machine_is_found_by_its_name() -> None:
    saved = {"big": "gpu=2x24gb ram=128gb", "broken": "gpu=lots"}
    assert find_machine("big", saved).name == "big"
    assert find_machine("ram=8gb", saved) == Machine("ram=8gb", (), 8 * GB)
    with pytest.raises(MachineError, match="did you mean big"):
        find_machine("bigg", saved)
    with pytest.raises(MachineError, match="none is saved"):
        find_machine("big", {})
    with pytest.raises(MachineError, match=r"\[machines\] broken in the settings"):
        find_machine("broken", saved)


# ---- what is recorded of tools


def test_memory_is_read_from_proc() -> None:
    notes: list[str] = []
    assert read_meminfo(MEMINFO, notes) == (65766428 * 1024, 48123456 * 1024)
    assert read_meminfo("MemTotal: 65766428 kB\nMemAvailable: 99999999 kB\n", notes) == (65766428 * 1024, None)
    assert notes == []
    assert read_meminfo("MemTotal: lots\n", notes) == (None, None)
    assert "could not be told" in notes[0]


# nvidia-smi 550 with two cards, 535 on a GB10 whose memory is the CPU's, and what cannot be
NVIDIA = """NVIDIA GeForce RTX 4090, 24564, 23780
NVIDIA RTX 6000 Ada Generation, 49140, 48511
"""


def test_cards_of_nvidia_are_read() -> None:
    notes: list[str] = []
    assert read_nvidia(Said(NVIDIA), notes) == [
        Gpu("NVIDIA GeForce RTX 4090", 24564 * MIB, 23780 * MIB),
        Gpu("NVIDIA RTX 6000 Ada Generation", 49140 * MIB, 48511 * MIB),
    ]
    assert read_nvidia(Said("No devices were found\n"), notes) == []
    assert notes == []


@pytest.mark.parametrize(
    ("said", "note"),
    [
        (Said("NVIDIA GB10, [N/A], [N/A]\n"), "a memory of '[N/A]': it is not counted"),
        (Said("NVIDIA A100, 0, 0\n"), "a memory of '0'"),
        (Said("NVIDIA A100, -5, 3\n"), "a memory of '-5'"),
        (Said("NVIDIA A100, 99999999999, 3\n"), "not counted"),
        # 21 TB on a card
        (Said("NVIDIA A100, 20000000, 3\n"), "not counted"),
        (Said("Segmentation fault\n"), "not counted"),
        (Said("\x1b]0;x\x07 card, x, y"), "\ufffd]0;x\ufffd card"),
        (Said(problem="did not answer within 5 s"), "nvidia-smi did not answer within 5 s"),
        (
            Said("NVIDIA-SMI has failed", "ended with 9: NVIDIA-SMI has failed because"),
            "nvidia-smi ended with 9: NVIDIA-SMI has failed",
        ),
    ],
)
def test_nonsense_of_nvidia_is_told(said: Said, note: str) -> None:
    notes: list[str] = []
    assert read_nvidia(said, notes) == []
    assert note in notes[0]


def test_what_is_free_is_no_more_than_there_is() -> None:
    assert read_nvidia(Said("A100, 40960, 99999\n"), []) == [Gpu("A100", 40960 * MIB, None)]


# rocm-smi 6.0, with the warning that it prints before
ROCM = """
WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

{"card0": {"VRAM Total Memory (B)": "25753026560", "VRAM Total Used Memory (B)": "27619328", "Card Series":
"Radeon RX 7900 XTX", "Card Model": "0x744c"}, "card1": {"VRAM Total Memory (B)": "536870912", "VRAM Total Used Memory
(B)": "1"}, "system": {"Driver version": "6.7.0"}}
""".replace("Memory\n(B)", "Memory (B)")


def test_cards_of_amd_are_read() -> None:
    notes: list[str] = []
    assert read_rocm(Said(ROCM), notes) == [
        Gpu("Radeon RX 7900 XTX", 25753026560, 25753026560 - 27619328),
        Gpu("an AMD card", 536870912, 536870911),
    ]
    assert notes == []
    assert read_rocm(Said("[]"), notes) == []
    assert read_rocm(Said("{" * 100_000), notes) == []
    assert read_rocm(Said('{"card0": {"VRAM Total Memory (B)": "N/A"}, "card1": 5}'), notes) == []
    assert [note.split(":")[0] for note in notes][-1] == "rocm-smi says of an AMD card a memory of 'N/A'"


def test_cards_of_amd_are_read_from_their_driver(tmp_path: Path) -> None:
    for name, total in (("card0", "25753026560\n"), ("card0-DP-1", "25753026560\n"), ("card1", "x")):
        device = tmp_path / name / "device"
        device.mkdir(parents=True)
        (device / "mem_info_vram_total").write_text(total)
        (device / "mem_info_vram_used").write_text("753026560\n")
    assert read_amdgpu(tmp_path) == [Gpu("an AMD card", 25753026560, 25 * GB)]


def test_a_mac_shares_its_memory() -> None:
    notes: list[str] = []
    apple = "hw.memsize: 68719476736\nhw.optional.arm64: 1\nmachdep.cpu.brand_string: Apple M2 Max\n"
    assert read_sysctl(Said(apple), notes) == (68719476736, True)
    intel = "hw.memsize: 17179869184\nmachdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz\n"
    assert read_sysctl(Said(intel, "ended with 1"), notes) == (17179869184, False)
    assert notes == []
    assert read_sysctl(None, notes) == (None, False)
    assert notes == ["the memory of this machine could not be told: sysctl is not there"]


# ---- this one


def _nobody(_: Sequence[str]) -> Said | None:
    return None


def test_a_machine_without_tools_is_told_by_its_memory(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    found = detect(tmp_path, root=tmp_path, ask=_nobody, system="Linux")
    assert (found.gpus, found.ram, found.notes) == ((), 65766428 * 1024, ())
    assert found.cores is not None
    assert found.disk_free is not None


def test_a_container_has_what_it_may_use(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    limit = tmp_path / "sys/fs/cgroup/memory.max"
    limit.write_text("8000000000\n")
    found = detect(root=tmp_path, ask=_nobody, system="Linux")
    assert (found.ram, found.ram_free) == (8 * GB, 8 * GB)
    assert "8.0 GB may be used" in found.notes[0]
    limit.write_text("max\n")
    # A unit of systemd, and what bounds the slice that it is in
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/registry.service\n")
    unit = tmp_path / "sys/fs/cgroup/system.slice/registry.service"
    unit.mkdir(parents=True)
    (unit / "memory.max").write_text("9000000000\n")
    assert detect(root=tmp_path, ask=_nobody, system="Linux").ram == 9 * GB
    (unit.parent / "memory.max").write_text("4000000000\n")
    assert detect(root=tmp_path, ask=_nobody, system="Linux").ram == 4 * GB
    (unit / "memory.max").write_text("max\n")
    (unit.parent / "memory.max").write_text("max\n")
    assert detect(root=tmp_path, ask=_nobody, system="Linux").ram == 65766428 * 1024


def test_a_card_without_its_tool_is_told(tmp_path: Path) -> None:
    card = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 123\n")
    found = detect(root=tmp_path, ask=_nobody, system="Linux")
    assert found.gpus == ()
    assert "NVIDIA GeForce RTX 3090 is here" in " ".join(found.notes)


def test_all_of_a_machine_is_put_together(tmp_path: Path) -> None:
    answers = {"nvidia-smi": Said(NVIDIA), "rocm-smi": Said(problem="did not answer within 5 s")}
    found = detect(root=tmp_path, ask=lambda words: answers.get(words[0]), system="Linux")
    assert [gpu.total for gpu in found.gpus] == [24564 * MIB, 49140 * MIB]
    assert found.notes[-1] == "cards of AMD could not be told: rocm-smi did not answer within 5 s"
    mac = detect(ask=lambda _: Said("hw.memsize: 68719476736\nhw.optional.arm64: 1\n"), system="Darwin")
    assert (mac.ram, mac.unified, mac.gpus) == (68719476736, True, ())


def test_a_tool_that_prints_much_nonsense_is_told_in_few_words(tmp_path: Path) -> None:
    nonsense = Said("what?\n" * 40_000 + "A100, 40960, 40000\n" * 65)
    found = detect(root=tmp_path, ask=lambda words: nonsense if words[0] == "nvidia-smi" else None, system="Linux")
    assert len(found.gpus) == 64
    assert len(found.notes) == 8
    assert found.notes[-1] == "and 39,995 more of the kind"


# ---- tools that misbehave, really run


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    return path / "a-smi"


def _script(tool: Path, text: str) -> None:
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def test_a_tool_that_is_not_there_says_nothing() -> None:
    assert run(["no-such-smi"]) is None


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo card, 1, 1", ""),
        ("sleep 100", "did not answer within 0.2 s"),
        # A child of it that goes on holds the pipe open
        ("sleep 100 & echo card", "did not answer within 0.2 s"),
        ("exec >&-; sleep 100", "did not end within 0.2 s"),
        ("echo NVIDIA-SMI has failed; exit 9", "ended with 9: NVIDIA-SMI has failed"),
        ("exit 3", "ended with 3"),
    ],
)
def test_a_tool_is_asked_within_a_hard_time(tool: Path, script: str, problem: str) -> None:
    _script(tool, script)
    said = run(["a-smi"], 5 if not problem or "ended" in problem else 0.2)
    assert said is not None
    assert said.problem == problem


@pytest.mark.parametrize("part", ["", ".", "bin"])
def test_a_folder_that_somebody_is_in_holds_no_tools(
    tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    _script(tool, "echo card, 1, 1")
    monkeypatch.chdir(tmp_path if part == "bin" else tool.parent)
    monkeypatch.setenv("PATH", f"{part}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert run(["a-smi"]) is None


def test_a_tool_that_prints_without_an_end_is_stopped(tool: Path) -> None:
    _script(tool, "yes")
    said = run(["a-smi"])
    assert said is not None
    assert said.problem == "prints without an end"


def test_a_tool_that_is_no_program_is_told(tool: Path) -> None:
    tool.write_bytes(b"\x7fELF nonsense")
    tool.chmod(0o755)
    said = run(["a-smi"])
    assert said is not None
    assert said.problem.startswith("cannot be run")
