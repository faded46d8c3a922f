"""Amounts and moments in words, as every face says them. Exact: they hide nothing of what a record states."""

from __future__ import annotations

from tui_registry.text import age, count_words, exact, moment_utc, parse_mb, plural, size_mb


def vcpus(count: int) -> str:
    """`1 vCPU`, `4 vCPUs`."""
    return plural(count, "vCPU")


def memory(megabytes: int) -> str:
    """A size in MB of 1024 KB: 16384 -> `16 GB`; one that no unit says exactly stays in MB: `16,400 MB`."""
    words = size_mb(megabytes)
    try:
        rounded = parse_mb(words) != megabytes
    except ValueError:
        rounded = True
    return f"{exact(megabytes)} MB" if rounded else words


def gigabytes(count: int) -> str:
    """A size in GB of 1024 MB: 20 -> `20 GB`, 1024 -> `1 TB`."""
    return memory(1024 * count)


def tokens(count: int) -> str:
    """`8,192 tokens`."""
    return f"{exact(count)} tokens"


def speed(count: int) -> str:
    """Tokens each second: `1,200 tokens/s`."""
    return f"{exact(count)} tokens/s"


def parameters(count: int) -> str:
    """A count with its short form: `7,615,616,512 (7.6 B)`."""
    return f"{exact(count)} ({count_words(count)})" if count >= 1000 else exact(count)


def moment(seconds: int, now: int) -> str:
    """A time with its age, both in Unix seconds: `2026-11-19 08:12:05 UTC (3 d ago)`."""
    return f"{moment_utc(seconds)} ({ago(now - seconds)})"


def ago(seconds: int) -> str:
    """How long ago something was: `now`, `3 d ago`, `in 3 d`."""
    since = age(seconds)
    return since if since == "now" or since.startswith("in ") else f"{since} ago"


def bar(share: float, width: int) -> str:
    """`[=====>    ]` in so many cells, at least 5 of them."""
    inner = max(3, width - 2)
    done = round(share * inner)
    return "[" + ("=" * inner if done >= inner else ("=" * done + ">").ljust(inner)) + "]"


def percent(share: float) -> str:
    """Rounded down: 100% is said when it is done, and not before."""
    return f"{int(100 * share)}%"


def clock(seconds: float) -> str:
    """`0:04`, `12:30`, `3:05:00`; nobody waits longer than 99 hours for a number."""
    whole = min(int(seconds + 0.5), 359_999)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
