"""The table of peers: a line for each, one of them in full, and what a peer is while there is none.

Beside the table itself all is pure: what the replica knows of a peer, with the pull that runs, made into texts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip

from tui_registry.datastore import Peer
from tui_registry.present.amounts import bar, clock, moment, percent
from tui_registry.present.elsewhere import SIGNED_ELSEWHERE
from tui_registry.present.pulls import Concern, PullResult, Tally, concerns_of, kept_out, key_words, root_words
from tui_registry.text import ELLIPSIS, address_short, age, count_words, exact, plural, safe_text, size_bytes
from tui_registry.tui.kit.actions import action
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, ItemList, RowStyles, cell
from tui_registry.tui.kit.text_flow import beside, field, half, paragraph, stack
from tui_registry.tui.sync.add_peer import EXAMPLES
from tui_registry.tui.sync.pushes import Pushing
from tui_registry.tui.sync.running_pulls import Pulling

# Longer texts are cut before they are made safe.
_LONGEST: Final = 600
_NARROW, _ROOMY = 97, 122
_LABEL: Final = 10
_MUTED: Final = "$foreground-muted"
_UNREACHED: Final = frozenset({"refused", "unreachable", "timeout", "no_directory", "insecure"})


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer, its pull or push if one runs, and what the last pull of this session came to."""

    peer: Peer
    pulling: Pulling | None = None
    result: PullResult | None = None
    pushing: Pushing | None = None

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def theirs(self) -> int | None:
        """Ops in the peer's log, as far as known."""
        if self.pulling is not None and self.pulling.of is not None:
            return self.pulling.of
        return self.peer.their_size

    @property
    def ours(self) -> int:
        """Ops of the peer's log that were read."""
        pulling = self.pulling
        if pulling is not None and pulling.of is not None:
            # A log that is read again from some place on was read up to there before.
            return max(pulling.done, min(self.peer.next_index, pulling.of))
        return self.peer.next_index

    @property
    def failure(self) -> str | None:
        """Why the last pull failed; None while another one runs."""
        error = self.peer.last_error
        if error is None or self.pulling is not None or self.pushing is not None:
            return None
        return error

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """What is to be told of its key; nothing while a pull may change that."""
        return () if self.pulling is not None else concerns_of(self.peer, action("sync.trust").footer_key)

    @property
    def failure_word(self) -> str:
        """`down` for a peer that was not reached, `failed` for one that was."""
        error = None if self.result is None else self.result.error
        return "failed" if error is not None and error.code not in _UNREACHED else "down"


class PeerTable(ItemList[PeerView]):
    """A line for each peer; the cursor stays on its peer when others come and go."""

    MARKED: ClassVar[bool] = True

    def columns(self, width: int) -> tuple[Column, ...]:
        return peer_columns(width)

    def key_of(self, item: PeerView) -> Hashable:
        return item.name

    def draw(self, item: PeerView, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        return peer_strip(item, columns, host_of(self).now(), width, styles, pointed)


# A line


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
    """A peer's line; the cursor is a `>`, and a failure or what is odd about its key a `!`, so that colour is never
    alone."""
    trouble = view.failure is not None or bool(view.concerns)
    segments = [
        Segment(">" if pointed else " ", styles.name),
        Segment(f"{'!' if trouble else ' '} ", styles.mark),
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
        odd = column.title == "STATE" and bool(view.concerns)
        style = styles.name if place == 0 else styles.mark if odd else styles.other
        segments.append(Segment(_cell(view, column, now), style))
        used += column.width
    return Strip(segments).adjust_cell_length(width, styles.name)


def state_text(view: PeerView, width: int) -> str:
    """How this replica stands to the peer, in at most so many cells."""
    if view.pulling is not None:
        return _pulling_text(view.pulling, width)
    if view.pushing is not None:
        return _share_text("pushing", "stopping" if view.pushing.stopping else "", view.pushing.share, width)
    if view.failure is not None:
        return _failure_text(view.failure_word, view.failure, width)
    stands = _stands(view.peer)
    for concern in view.concerns:
        both = f"{concern.brief}, {stands}"
        return both if cell_len(both) <= width else concern.brief
    return stands


def _stands(peer: Peer) -> str:
    if peer.identical:
        return "identical"
    if peer.their_size is not None and peer.next_index < peer.their_size:
        return f"behind by {exact(peer.their_size - peer.next_index)}"
    return "never pulled" if peer.last_sync is None else "up to date"


def rate_text(pulling: Pulling | None) -> str:
    """`5,900 op/s  0:04 left`, or `-`."""
    progress = None if pulling is None or pulling.ended else pulling.progress
    if progress is None or not progress.rate:
        return "-"
    left = progress.seconds_left
    return f"{exact(round(progress.rate))} op/s" + (f"  {clock(left)} left" if left else "")


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
    return _share_text("pulling", "", pulling.share, width)


def _share_text(doing: str, instead: str, share: float | None, width: int) -> str:
    """What is done, with its bar where that is known and fits."""
    if instead or share is None:
        return instead or doing
    end = percent(share).rjust(5)
    room = width - len(f"{doing} ") - len(end)
    return f"{doing} {bar(share, min(room, 24))}{end}" if room >= 5 else f"{doing}{end}"


def _failure_text(word: str, reason: str, width: int) -> str:
    reason = safe_text(reason, _LONGEST)
    whole = f"{word}: {reason}"
    for text in (f"{whole}  r to retry", whole, whole.split(". ")[0]):
        if cell_len(text) <= width:
            return text
    return set_cell_size(whole, max(0, width - 1)).rstrip() + ELLIPSIS


# All of them, and one in full


def summary(views: Iterable[PeerView], conflicts: int = 0) -> tuple[str, Tone]:
    """All peers in a few words, and how many records of one's own are in conflict."""
    views = list(views)
    if not views:
        return "", "note"
    failing = sum(view.failure is not None for view in views)
    running = sum(view.pulling is not None for view in views)
    words = [plural(len(views), "peer")]
    words += [f"{exact(failing)} failing"] if failing else []
    odd = sum(bool(view.concerns) for view in views)
    words += [f"{plural(odd, 'key')} to look at: {action('sync.trust').footer_key}"] if odd else []
    words += [f"{plural(running, 'pull')} running"] if running else []
    if conflicts:
        words.append(f"{plural(conflicts, 'conflict')}: {action('app.conflicts').footer_key} shows it")
    return " · ".join(words), "problem" if failing or odd else "note"


def peer_detail(view: PeerView, now: int, width: int) -> Content:
    """Everything known of a peer, what matters most first."""
    head = _head(view, width)
    if width < _IN_TWO:
        return stack([*head, *_standing(view, width), *_past(view, now, width)])
    room = half(width)
    return stack([*head, *beside(_standing(view, room), _past(view, now, room), width)])


def _standing(view: PeerView, width: int) -> list[Content]:
    lines = _state(view, width)
    for concern in view.concerns:
        lines += field("trouble", f"{concern.sentence}. {concern.remedy}", width, _LABEL, "$text-warning")
    lines += field("cursor", _cursor(view), width, _LABEL)
    return lines + field("kept out", _kept_out(view), width, _LABEL)


def _past(view: PeerView, now: int, width: int) -> list[Content]:
    peer, lines = view.peer, list[Content]()
    if view.pulling is None and view.result is not None and view.result.ok:
        lines += field("last pull", _came_to(view.result), width, _LABEL)
    lines += field("synced", _times(view, now), width, _LABEL)
    if peer.pinned is not None:
        root = "" if peer.root_fits is None else f" · its root {root_words(peer)}"
        lines += field("key", f"{key_words(peer)}{root}", width, _LABEL)
    elif peer.node is not None:
        # Nothing proves it: whoever answers can say any address.
        says = f"says its key is {address_short(peer.node)} ({safe_text(peer.node, 40)})"
        lines += field("node", says, width, _LABEL)
    return lines


# Cells from which on a peer is told in two columns.
_IN_TWO: Final = 130


def no_peers(width: int) -> Content:
    """What a peer is, and how to add one."""
    key = action("sync.add").footer_key
    lines = [Content.styled("There are no peers yet.", "bold"), Content("")]
    lines += paragraph("A peer is a node or a folder that this replica pulls records from.", width)
    lines += paragraph("Nothing travels until you pull. Each record is signed by its owner.", width)
    lines += [Content(""), Content.assemble((f"  {key}  ", "bold $text-accent"), "add one, for example")]
    for address, words in EXAMPLES:
        lines.append(Content.assemble(f"       {address}  ", (words, _MUTED)))
    take = Content.assemble(
        (f"  {action('sync.take').footer_key}  ", "bold $text-accent"), "look at one first, or take a bundle's file"
    )
    lines += [Content(""), take]
    return stack([line.truncate(width, ellipsis=True) for line in lines])


def _head(view: PeerView, width: int) -> list[Content]:
    name = safe_text(view.name, 40)
    address = paragraph(safe_text(view.peer.address, _LONGEST), width - len(name) - 2)
    indent = " " * (len(name) + 2)
    first = Content.assemble((name, "bold $text-primary"), "  ") + address[0]
    return [first, *(Content(indent) + line for line in address[1:])]


def _state(view: PeerView, width: int) -> list[Content]:
    room = width - _LABEL
    if view.failure is not None:
        reason = safe_text(view.failure, _LONGEST).rstrip(".")
        end = "" if reason.endswith("?") else "."
        key = action("sync.retry").footer_key
        return field("state", f"{view.failure_word}: {reason}{end} {key} tries again", width, _LABEL, "$text-warning")
    pulling, pushing = view.pulling, view.pushing
    if pulling is None and pushing is not None:
        far = f" · {exact(pushing.done)} of {exact(pushing.of)} offered" if pushing.of else ""
        return field("state", f"{state_text(view, min(room, 60))}{far}", width, _LABEL)
    if pulling is None or pulling.share is None or pulling.stopping:
        said = _said_in_full(state_text(view, room) if pulling is not None else _stands(view.peer), view)
        return field("state", said, width, _LABEL)
    end = f" {percent(pulling.share)}"
    progress = pulling.progress
    return [
        *field("state", f"{bar(pulling.share, min(room - len(end), 60))}{end}", width, _LABEL),
        *field("", _so_far(pulling), width, _LABEL),
        *field("so far", (Tally() if progress is None else progress.so_far).brief, width, _LABEL),
    ]


def _said_in_full(state: str, view: PeerView) -> str:
    if view.pulling is not None and view.pulling.stopping:
        return "stopping when the batch at hand is stored; what was read is kept"
    if view.pulling is not None:
        return state
    if view.peer.identical:
        if view.peer.left_out:
            return f"identical but for {plural(view.peer.left_out, 'operation')} left out here"
        return "identical: both logs hold the same operations"
    key = action("sync.pull").footer_key
    if state.startswith("behind"):
        return f"{state} operations of its log: {key} reads on"
    if state == "never pulled":
        return f"never pulled: {key} reads its log"
    if any(number for _, number in kept_out(view.peer)):
        return "up to date: all of its log was read, and not all of it was kept"
    return "up to date: all of its log was read; the two logs need not be the same"


def _so_far(pulling: Pulling) -> str:
    """As long on every batch, or the lines below would jump."""
    of = exact((pulling.of or 0) - pulling.start)
    words = [f"{exact(pulling.done - pulling.start)} of {of} read"]
    rate = rate_text(pulling)
    words += [] if rate == "-" else rate.split("  ")
    if pulling.progress is not None:
        words.append(size_bytes(pulling.progress.so_far.bytes))
    return " · ".join(words)


def _cursor(view: PeerView) -> str:
    if view.theirs is None:
        return "at 0, its log was never seen"
    epoch = "" if view.peer.epoch is None else f" · epoch {safe_text(view.peer.epoch, 40)[:8]}…"
    return f"at {exact(view.ours)} of {exact(view.theirs)} in its log{epoch}"


def _kept_out(view: PeerView) -> str:
    words = []
    for count, number in kept_out(view.peer):
        why = count.kept_out or f"{action('sync.quarantine').footer_key} shows why"
        words.append(f"{exact(number)} {count.brief or count.name}" + (f" ({why})" if number else ""))
    return " · ".join(words)


def _came_to(result: PullResult) -> str:
    own = f" · {exact(result.elsewhere)} {SIGNED_ELSEWHERE}" if result.elsewhere else ""
    what = f"{exact(result.read)} read · {result.brief}{own} · {size_bytes(result.bytes)} in {result.seconds:.1f} s"
    if result.restarted:
        what += ". Its log began anew, and was read from its start"
    if result.first_rejection is not None:
        what += f". First rejection: {result.first_rejection}"
    return what


def _times(view: PeerView, now: int) -> str:
    peer = view.peer
    synced = "never" if peer.last_sync is None else moment(peer.last_sync, now)
    if peer.last_try is None or peer.last_try == peer.last_sync:
        return synced
    return f"{synced} · last tried {moment(peer.last_try, now)}"
