"""Which machine this is, as far as it can be told, and machines that are made up or saved.

What is asked: `/proc` and the limits of a container, `nvidia-smi`, `rocm-smi` or what the amdgpu driver says in `/sys`,
and `sysctl` on macOS. A tool that is missing, hangs, fails or says what cannot be is told in `Machine.notes`, and is
never an error.
"""

from __future__ import annotations

import json
import os
import platform
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tui_registry.errors import RegistryError
from tui_registry.fit import GB, MIB, Gpu, Machine, parse_size
from tui_registry.frozen import NamedTuple
from tui_registry.text import exact, nearest, safe_text

# A driver that sleeps takes some seconds to answer; a hanging one is left behind after so many.
SECONDS: Final = 5.0

# What is believed of a card or of memory; and of how many cards.
_LEAST, _MOST = 64 * MIB, 64 * 10**12
_MOST_OF_CARD: Final = 4 * 10**12
_MOST_CARDS: Final = 64
# A tool that prints nonsense prints much of it.
_MOST_NOTES: Final = 8
_MOST_OUTPUT: Final = 256 * 1024


class MachineError(RegistryError):
    """A machine that cannot be read. Code `machine`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("machine", sentence)


# ---- made up and saved -----------------------------------------------------------------------------------------------

_EXAMPLE: Final = "gpu=24gb ram=64gb"
_COUNTED: Final = r"(?i)(?:([0-9]{1,9})\s*x\s*)?(.+)"
_WORDS: Final = ("gpu", "ram", "unified", "cores", "disk")


def parse_machine(typed: str, name: str = "") -> Machine:
    """The machine that `gpu=2x24gb ram=64gb`, `unified=64gb` or `ram=16gb cores=8` means; GB is 10^9 bytes, GiB 2^30.

    Raises:
        MachineError: it means none; the sentence says what one is.
    """
    gpus: list[Gpu] = []
    ram = disk = cores = None
    unified = False
    words = typed.replace(",", " ").split()
    if not words:
        raise MachineError(f"a machine has a gpu, ram or unified memory, such as '{_EXAMPLE}'")
    for word in words:
        key, equals, value = word.partition("=")
        key = key.lower()
        if not equals or key not in _WORDS:
            near = nearest(key, _WORDS)
            hint = f"did you mean {near}=?" if near else f"write {', '.join(_WORDS)}, such as '{_EXAMPLE}'"
            raise MachineError(f"'{safe_text(word, 40)}' says nothing of a machine: {hint}")
        if (key == "cores" and cores is not None) or (key == "disk" and disk is not None):
            raise MachineError(f"{key} is given twice: keep one")
        if key == "cores":
            if not re.fullmatch(r"[1-9][0-9]{0,3}", value, re.ASCII):
                raise MachineError(f"cores={safe_text(value, 40)}: write how many, such as cores=8")
            cores = int(value)
            continue
        counted = re.fullmatch(_COUNTED, value)
        times, size_text = (1, value) if counted is None else (int(counted[1] or 1), counted[2])
        try:
            size = parse_size(size_text)
        except ValueError as error:
            raise MachineError(f"{key}={safe_text(value, 40)}: {error}") from None
        if key == "gpu":
            if not 1 <= times <= _MOST_CARDS or len(gpus) + times > _MOST_CARDS:
                raise MachineError(f"a machine has 1 to {_MOST_CARDS} cards, such as gpu=2x24gb")
            gpus += [Gpu("", size)] * times
        elif times != 1 or (counted is not None and counted[1]):
            raise MachineError(f"{key}={safe_text(value, 40)}: write the sum, such as {key}=64gb")
        elif key == "disk":
            disk = size
        elif ram is not None:
            raise MachineError("memory is given twice: keep one of ram= and unified=")
        else:
            ram, unified = size, key == "unified"
    if not gpus and ram is None:
        raise MachineError(f"a machine has a gpu, ram or unified memory, such as '{_EXAMPLE}'")
    return Machine(name, tuple(gpus), ram, None, cores, disk, unified)


def find_machine(typed: str, saved: Mapping[str, str]) -> Machine:
    """A machine by what somebody typed: the name of a saved one, or what it is made of.

    Args:
        saved: what saved machines are made of, by their names.

    Raises:
        MachineError: there is none of that name, or what it is made of cannot be read.
    """
    if "=" in typed:
        return parse_machine(typed, " ".join(typed.split()))
    name = typed.strip()
    if name not in saved:
        known = f"saved are {', '.join(sorted(saved))}" if saved else "none is saved"
        near = nearest(name, saved)
        hint = f"did you mean {near}?" if near else f"{known}; write one as '{_EXAMPLE}'"
        raise MachineError(f"there is no machine '{safe_text(name, 40)}': {hint}")
    try:
        return parse_machine(saved[name], name)
    except MachineError as error:
        raise MachineError(f"[machines] {name} in the settings: {error.sentence}") from None


# ---- this one --------------------------------------------------------------------------------------------------------


class Said(NamedTuple):
    """What a tool printed; or, in a few words, why it printed nothing that counts."""

    text: str = ""
    problem: str = ""


# Asks a tool, by its words; None where it is not installed.
Ask = Callable[[Sequence[str]], Said | None]


def detect(folder: Path | None = None, *, root: Path = Path("/"), ask: Ask | None = None, system: str = "") -> Machine:
    """This machine. It takes as long as the tools of its cards do, `SECONDS` at most for each: never wait for it where
    somebody looks on.

    Args:
        folder: whose disk counts; None for none.
        root: where `proc` and `sys` lie. ask: how tools are asked. system: as `platform.system` says it.
    """
    ask = run if ask is None else ask
    system = system or platform.system()
    notes: list[str] = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    disk = None
    if folder is not None:
        with suppress(OSError):
            disk = shutil.disk_usage(folder).free
    if system == "Darwin":
        memory = read_sysctl(ask(_SYSCTL), notes)
        return Machine("this machine", (), memory.ram, None, cores, disk, memory.unified, tuple(notes))
    ram, free = read_meminfo(_text(root / "proc/meminfo"), notes)
    ram, free = _within_container(ram, free, root, notes)
    gpus = [*_nvidia(ask, root, notes), *_amd(ask, root, notes)]
    if len(gpus) > _MOST_CARDS:
        notes.append(f"{len(gpus)} cards were told, and {_MOST_CARDS} are counted")
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES - 1 :] = [f"and {exact(len(notes) - _MOST_NOTES + 1)} more of the kind"]
    return Machine("this machine", tuple(gpus[:_MOST_CARDS]), ram, free, cores, disk, False, tuple(notes))


def run(words: Sequence[str], seconds: float = SECONDS) -> Said | None:
    """Ask a tool and read what it prints, within a hard time and a hard size; None where it is not installed. One that
    does not even die when it is told to is left behind."""
    path = shutil.which(words[0])
    # A PATH with an empty or relative part finds what lies in the folder somebody happens to be in: no tool of a driver
    if path is None or not Path(path).is_absolute():
        return None
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed list of tools
            [path, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        return Said(problem=f"cannot be run ({error.strerror})")
    assert process.stdout is not None
    end = time.monotonic() + seconds
    read = bytearray()
    problem = ""
    with process.stdout as pipe, selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while not problem:
            if not waiting.select(max(0.0, end - time.monotonic())):
                problem = f"did not answer within {seconds:g} s"
                break
            piece = os.read(pipe.fileno(), 65_536)
            if not piece:
                break
            read += piece
            if len(read) > _MOST_OUTPUT:
                problem = "prints without an end"
    code = _ended(process, end, is_wanted=not problem)
    if not problem and code is None:
        problem = f"did not end within {seconds:g} s"
    elif not problem and code:
        problem = f"ended with {code}{_reason(bytes(read))}"
    return Said(read.decode(errors="replace"), problem)


def _ended(process: subprocess.Popen[bytes], end: float, *, is_wanted: bool) -> int | None:
    if is_wanted:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(max(0.0, end - time.monotonic()))
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    # A driver that hangs holds its process fast, whatever it is told.
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    return None


def _reason(read: bytes) -> str:
    line = next((line.strip() for line in read.decode(errors="replace").splitlines() if line.strip()), "")
    return f": {safe_text(line, 120)}" if line else ""


# Memory


def read_meminfo(text: str, notes: list[str]) -> tuple[int | None, int | None]:
    """Bytes of memory, in all and available, from `/proc/meminfo`, which counts in KiB."""
    found = {name: int(size) * 1024 for name, size in re.findall(r"(?m)^(\w+):\s+(\d{1,15}) kB$", text)}
    total = _believed(found.get("MemTotal"))
    if total is None:
        notes.append("the memory of this machine could not be told: /proc/meminfo does not say it")
        return None, None
    free = found.get("MemAvailable")
    return total, free if free is not None and free <= total else None


def _within_container(ram: int | None, free: int | None, root: Path, notes: list[str]) -> tuple[int | None, int | None]:
    """What a container, or a unit of systemd, may use of the memory, where that is less."""
    own = re.search(r"(?m)^0::/([^\n]{1,512})$", _text(root / "proc/self/cgroup"))
    parts = [] if own is None else [part for part in own[1].split("/") if part not in ("", ".", "..")]
    folders = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    units = [f"sys/fs/cgroup/{folder}/memory.max" for folder in folders]
    bounds: list[int] = []
    for path in (*units, "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _text(root / path).strip()
        if text.isascii() and text.isdecimal() and len(text) < 20:
            most = _believed(int(text))
            bounds += [] if most is None else [most]
    least = min(bounds, default=None)
    if least is None or (ram is not None and least >= ram):
        return ram, free
    notes.append(f"of the memory {least / GB:.1f} GB may be used: a container or service is bounded so")
    return least, None if free is None else min(free, least)


_SYSCTL: Final = ("sysctl", "hw.memsize", "hw.optional.arm64", "machdep.cpu.brand_string")


class _Memory(NamedTuple):
    ram: int | None
    unified: bool


def read_sysctl(said: Said | None, notes: list[str]) -> _Memory:
    """The memory of a Mac, and whether its GPU shares it, as on Apple's own chips."""
    # Where a name is not known there, sysctl says so and ends with 1, and the rest is true all the same
    found = dict(re.findall(r"(?m)^([\w.]+): (.*)$", "" if said is None else said.text))
    size = found.get("hw.memsize", "").strip()
    ram = _believed(int(size)) if size.isascii() and size.isdecimal() and len(size) < 20 else None
    if ram is None:
        why = "is not there" if said is None else said.problem or "does not say it"
        notes.append(f"the memory of this machine could not be told: sysctl {why}")
    is_own = found.get("hw.optional.arm64", "").strip() == "1"
    is_own = is_own or found.get("machdep.cpu.brand_string", "").startswith("Apple")
    return _Memory(ram, is_own)


# Cards

_NVIDIA: Final = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_ROCM: Final = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")


def _nvidia(ask: Ask, root: Path, notes: list[str]) -> list[Gpu]:
    said = ask(_NVIDIA)
    if said is not None:
        return read_nvidia(said, notes)
    with suppress(OSError):
        cards = sorted((root / "proc/driver/nvidia/gpus").iterdir())
        for card in cards[:_MOST_CARDS]:
            match = re.search(r"(?m)^Model:\s*(.+)$", _text(card / "information"))
            name = safe_text(match[1].strip(), 60) if match else "an NVIDIA card"
            notes.append(f"{name} is here, and its memory could not be told: nvidia-smi is not installed")
    return []


def read_nvidia(said: Said, notes: list[str]) -> list[Gpu]:
    """The cards that `nvidia-smi` told, a line each: name, and MiB in all and free."""
    if said.problem:
        notes.append(f"cards of NVIDIA could not be told: nvidia-smi {said.problem}")
        return []
    found: list[Gpu] = []
    for line in said.text.splitlines():
        if not line.strip() or line.strip() == "No devices were found":
            continue
        *names, total, free = ["", "", *line.split(",")][-max(3, line.count(",") + 1) :]
        name = safe_text(",".join(names).strip(), 60) or "a card without a name"
        size = _believed(_mib(total), _MOST_OF_CARD)
        if size is None:
            notes.append(f"nvidia-smi says of {name} a memory of '{safe_text(total.strip(), 30)}': it is not counted")
            continue
        found.append(Gpu(name, size, _part(_mib(free), size)))
    return found


def _mib(text: str) -> int | None:
    text = text.strip()
    return int(text) * MIB if text.isascii() and text.isdecimal() and len(text) < 12 else None


def _amd(ask: Ask, root: Path, notes: list[str]) -> list[Gpu]:
    said = ask(_ROCM)
    if said is not None and not said.problem:
        return read_rocm(said, notes)
    found = read_amdgpu(root / "sys/class/drm")
    if said is not None and not found:
        notes.append(f"cards of AMD could not be told: rocm-smi {said.problem}")
    return found


def read_rocm(said: Said, notes: list[str]) -> list[Gpu]:
    """The cards that `rocm-smi` told as JSON, in bytes; warnings may stand before it."""
    try:
        cards = json.loads(said.text[said.text.index("{") :])
    except (ValueError, RecursionError):
        notes.append("cards of AMD could not be told: rocm-smi prints no JSON")
        return []
    found: list[Gpu] = []
    for key, card in cards.items() if isinstance(cards, dict) else ():
        if not isinstance(card, dict) or not str(key).startswith("card"):
            continue
        total = _believed(_bytes(card.get("VRAM Total Memory (B)")), _MOST_OF_CARD)
        names = (card.get(field) for field in ("Card Series", "Card series", "Card Model", "Card model"))
        told = next((name for name in names if isinstance(name, str) and name.strip()), "an AMD card")
        name = safe_text(told.strip(), 60)
        if total is None:
            shown = safe_text(str(card.get("VRAM Total Memory (B)")), 30)
            notes.append(f"rocm-smi says of {name} a memory of '{shown}': it is not counted")
            continue
        used = _part(_bytes(card.get("VRAM Total Used Memory (B)")), total)
        found.append(Gpu(name, total, None if used is None else total - used))
    return found


def read_amdgpu(folder: Path) -> list[Gpu]:
    """The cards of AMD as their driver tells them, in bytes."""
    found: list[Gpu] = []
    with suppress(OSError):
        for card in sorted(folder.glob("card[0-9]*"))[:_MOST_CARDS]:
            total = _believed(_bytes(_text(card / "device/mem_info_vram_total").strip()), _MOST_OF_CARD)
            if total is None or "-" in card.name:
                continue
            used = _part(_bytes(_text(card / "device/mem_info_vram_used").strip()), total)
            name = safe_text(_text(card / "device/product_name").strip(), 60) or "an AMD card"
            found.append(Gpu(name, total, None if used is None else total - used))
    return found


def _bytes(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _believed(size: int | None, most: int = _MOST) -> int | None:
    """A size of memory as machines have it, else None."""
    return size if size is not None and _LEAST <= size <= most else None


def _part(size: int | None, total: int) -> int | None:
    return size if size is not None and size <= total else None


def _text(path: Path) -> str:
    """A small file of the system; nothing where it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(65_536).decode(errors="replace")
    except OSError:
        return ""
