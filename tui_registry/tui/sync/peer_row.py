"""One line of the table of peers: its columns for a width, and what stands in them. Pure."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from tui_registry.text import ELLIPSIS, age, count_words, exact, safe_text
from tui_registry.tui.kit.lists import GAP, Column, RowStyles, cell
from tui_registry.tui.sync.peer_view import PeerView, Pulling

# Longer texts are cut before they are made safe.
_LONGEST: Final = 400
_NARROW, _ROOMY = 97, 122


def peer_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit into so many cells; the address takes what is left."""
    if width < _NARROW:
        fixed = [_PEER, Column("THEIRS", 7, True), Column("OURS", 7, True), Column("STATE", 20), Column("SYNCED", 6)]
    else:
        fixed = [
            Column("PEER", 16),
            Column("THEIRS", 10, True),
            Column("OURS", 10, True),
            Column("STATE", 24 if width < _ROOMY else 34),
            Column("LAST SYNC", 9),
        ]
        if width >= _ROOMY:
            fixed.append(Column("RATE", 22))
    address = Column("ADDRESS", max(8, width - sum(column.width + GAP for column in fixed)))
    return (fixed[0], address, *fixed[1:])


def peer_strip(
    view: PeerView, columns: tuple[Column, ...], now: int, width: int, styles: RowStyles, pointed: bool
) -> Strip:
    """A peer's line; the cursor is a `>` and a failure a `!`, so that colour is never alone."""
    segments = [
        Segment(">" if pointed else " ", styles.name),
        Segment(f"{'!' if view.failure is not None else ' '} ", styles.mark),
    ]
    used = cell_len("".join(segment.text for segment in segments))
    for place, column in enumerate(columns):
        if place:
            segments.append(Segment(" " * GAP, styles.other))
            used += GAP
        if column.title == "STATE" and view.failure is not None:
            # A sentence takes the rest of the line: a peer that fails has no rate, and the detail has its last sync.
            segments.append(Segment(cell(state_text(view, width - used), max(0, width - used)), styles.mark))
            break
        segments.append(Segment(_cell(view, column, now), styles.name if place == 0 else styles.other))
        used += column.width
    return Strip(segments).adjust_cell_length(width, styles.name)


def state_text(view: PeerView, width: int) -> str:
    """How this replica stands to the peer, in at most so many cells."""
    if view.pulling is not None:
        return _pulling_text(view.pulling, width)
    if view.failure is not None:
        return _failure_text(view.failure_word, view.failure, width)
    peer = view.peer
    if peer.identical:
        return "identical"
    if peer.their_size is not None and peer.next_index < peer.their_size:
        return f"behind by {exact(peer.their_size - peer.next_index)}"
    return "never pulled" if peer.last_sync is None else "up to date"


def bar(share: float, width: int) -> str:
    """`[=====>    ]` in so many cells, at least 5 of them."""
    inner = max(3, width - 2)
    done = round(share * inner)
    return "[" + ("=" * inner if done >= inner else ("=" * done + ">").ljust(inner)) + "]"


def percent(share: float) -> str:
    """Rounded down: 100% is said when it is done, and not before."""
    return f"{int(100 * share)}%"


def rate_text(pulling: Pulling | None) -> str:
    """`5,900 op/s  0:04 left`, or `-`."""
    progress = None if pulling is None or pulling.ended else pulling.progress
    if progress is None or not progress.rate:
        return "-"
    left = progress.seconds_left
    return f"{exact(round(progress.rate))} op/s" + (f"  {_clock(left)} left" if left else "")


def address_text(address: str, width: int) -> str:
    """An address in so many cells: of a URL its beginning, without `http://` where that is too long; of a path its
    end."""
    shown = safe_text(address, _LONGEST)
    if cell_len(shown) <= width:
        return shown
    if "://" in shown:
        return cell(shown.removeprefix("http://").removeprefix("https://"), width).rstrip()
    while cell_len(shown) > width - 1:
        shown = shown[1:]
    return ELLIPSIS + shown


# How


_PEER: Final = Column("PEER", 10)


def _cell(view: PeerView, column: Column, now: int) -> str:
    match column.title:
        case "PEER":
            text = safe_text(view.name, 40)
        case "ADDRESS":
            text = address_text(view.peer.address, column.width)
        case "THEIRS":
            text = "?" if view.theirs is None else _count(view.theirs, column.width)
        case "OURS":
            text = _count(view.ours, column.width)
        case "STATE":
            text = state_text(view, column.width)
        case "RATE":
            text = rate_text(view.pulling)
        case _:
            text = _synced(view, now)
    return cell(text, column.width, column.right)


def _count(number: int, width: int) -> str:
    whole = exact(number)
    return whole if len(whole) <= width else count_words(number)


def _synced(view: PeerView, now: int) -> str:
    if view.pulling is not None and not view.pulling.waiting:
        return "now"
    return "-" if view.peer.last_sync is None else age(max(0, now - view.peer.last_sync))


def _pulling_text(pulling: Pulling, width: int) -> str:
    if pulling.stopping:
        return "stopping"
    if pulling.waiting:
        return "waits for its turn"
    if pulling.of is None:
        return "connecting"
    share = pulling.share
    if share is None:
        return "pulling"
    end = percent(share).rjust(5)
    room = width - len("pulling ") - len(end)
    return f"pulling {bar(share, min(room, 24))}{end}" if room >= 5 else f"pulling{end}"


def _failure_text(word: str, reason: str, width: int) -> str:
    reason = safe_text(reason, _LONGEST)
    whole = f"{word}: {reason}"
    for text in (f"{whole}  r to retry", whole, whole.split(". ")[0]):
        if cell_len(text) <= width:
            return text
    return set_cell_size(whole, max(0, width - 1)).rstrip() + ELLIPSIS


def _clock(seconds: float) -> str:
    """`0:04`, `12:30`, `3:05:00`; nobody waits longer than 99 hours for a number."""
    whole = min(int(seconds + 0.5), 359_999)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
