"""What never leaves this replica: drafts, saved searches and the history of searches, names given to owners,
what domains said of keys, and the hashes of the tokens that its node takes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from tui_registry import query as language
from tui_registry.errors import KINDS, Kind
from tui_registry.frozen import NamedTuple
from tui_registry.query.folding import words
from tui_registry.replica.store.connection import Pool, StoreError, said_plainly
from tui_registry.replica.store.key import FileState, file_state

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch
_REMEMBERED = 200
_MOST_SAVED = 500
_ADDRESS = re.compile(r"[0-9a-fA-F]{40}").fullmatch
# What a token may be used for: writing records over REST, pushing operations, reading how the node is doing.
TokenScope: TypeAlias = Literal["write", "push", "metrics"]
TOKEN_SCOPES: Final[tuple[TokenScope, ...]] = get_args(TokenScope)
# The one token of 0.1, as itself; its name in lists is that of its file.
TOKEN_FILE = "node.token"  # noqa: S105 - its name, not its content
_FILE_TOKEN = re.compile(rb"[A-Za-z0-9_-]{32,128}").fullmatch
# So that whoever finds one in a log or a repository knows what it opens.
_MARK = "tuir_"


class Draft(NamedTuple):
    """A form not yet signed. `fields` holds the text as typed; `record_id` and `seen` are set where it edits."""

    key: str
    kind: Kind
    record_id: str | None
    seen: tuple[str, ...]
    fields: Mapping[str, str]
    saved_at: int = 0


class Drafts:
    """Forms not yet signed, kept as typed, so that neither Esc nor a crash loses work.

    There is no limit to their number: only the person who typed a draft may end it.
    """

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def all(self) -> list[Draft]:
        """Every draft, the last saved first."""
        with self._pool.read() as db:
            return _read_drafts(db)

    def get(self, key: str) -> Draft | None:
        """The draft with that key, None when there is none."""
        with self._pool.read() as db:
            return next(iter(_read_drafts(db, key)), None)

    def save(self, draft: Draft) -> None:
        """Keep a form as typed, in place of the draft with the same key; `saved_at` is set here."""
        with self._pool.write() as db:
            self._write(db, draft)

    def replace(self, before: Draft | None, draft: Draft) -> bool:
        """Keep a form as typed, as `save`, unless another form wrote a draft with the same key meanwhile.

        Args:
            before: the draft with that key as the caller knows it, None when it knows of none.

        Returns:
            False when another one is there by now: then nothing is written.
        """
        with self._pool.write() as db:
            stored = next(iter(_read_drafts(db, draft.key)), None)
            if stored is not None and (before is None or stored.fields != before.fields):
                return False
            self._write(db, draft)
        return True

    def drop(self, key: str, known: Draft | None = None) -> bool:
        """Forget a draft; none with that key is fine.

        Args:
            known: the draft with that key as the caller knows it.

        Returns:
            False when another form wrote there since: then its draft stays.
        """
        with self._pool.write() as db:
            stored = next(iter(_read_drafts(db, key)), None)
            if known is not None and stored is not None and stored.fields != known.fields:
                return False
            db.execute("DELETE FROM drafts WHERE key = ?", (key,))
        return True

    def _write(self, db: sqlite3.Connection, draft: Draft) -> None:
        fields, seen = json.dumps(dict(draft.fields)), json.dumps(draft.seen)
        db.execute(
            "INSERT OR REPLACE INTO drafts (key, kind, record_id, seen, fields, saved_at) VALUES (?, ?, ?, ?, ?, ?)",
            (draft.key, draft.kind, draft.record_id, seen, fields, self._clock()),
        )


class Searches:
    """Saved searches, which a query names with `@name`, and the history of searches."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def saved(self) -> dict[str, str]:
        """Queries by name."""
        with self._pool.read() as db:
            return dict(db.execute("SELECT name, query FROM saved_searches ORDER BY name LIMIT ?", (_MOST_SAVED,)))

    def save(self, name: str, query: str) -> None:
        """Keep a query under a name, in place of the one that had it.

        Raises:
            QueryError: the query cannot be read, or is unfinished at its end.
            StoreError: `bad_search_name`.
        """
        language.parse(query, now=self._clock(), saved=self.named_in(query), whole=True, strict=True)
        if not _NAME(name):
            raise StoreError(
                "bad_search_name",
                "a saved search's name is 1 to 32 of letters, digits, '.', '_' and '-', and begins with a letter or "
                "digit",
            )
        with self._pool.write() as db:
            db.execute("INSERT OR REPLACE INTO saved_searches (name, query) VALUES (?, ?)", (name, query))

    def drop(self, name: str) -> None:
        """Forget a saved search.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.write() as db:
            if db.execute("DELETE FROM saved_searches WHERE name = ?", (name,)).rowcount == 0:
                raise StoreError("not_found", f"there is no saved search named '{name[:32]}'")
            db.execute("DELETE FROM watches WHERE what = ?", (f"@{name}",))

    def named_in(self, query: str) -> Mapping[str, str] | None:
        """The saved searches, where a query may name some."""
        return self.saved() if "@" in query else None

    def history(self, limit: int = 50) -> list[str]:
        """The queries last asked, the latest first."""
        with self._pool.read() as db:
            rows = db.execute("SELECT query FROM search_history ORDER BY asked_at DESC LIMIT ?", (limit,))
            return [query for (query,) in rows]

    def remember(self, query: str) -> None:
        """Put a query at the head of the history; a repeated one moves there."""
        query = query.strip()
        if not query:
            return
        with self._pool.write() as db:
            db.execute("INSERT OR REPLACE INTO search_history (query, asked_at) VALUES (?, ?)", (query, self._clock()))
            db.execute(
                "DELETE FROM search_history WHERE query IN "
                "(SELECT query FROM search_history ORDER BY asked_at DESC, query LIMIT -1 OFFSET ?)",
                (_REMEMBERED,),
            )


class Own(NamedTuple):
    """What a person keeps to themselves about a record.

    Attributes:
        id: 64 hex digits. kind, name: of the record, None where it is not here.
        starred_at, noted_at: Unix seconds, None where there is no star, no note.
        note: as it was written.
    """

    id: str
    kind: Kind | None = None
    name: str | None = None
    starred_at: int | None = None
    note: str | None = None
    noted_at: int | None = None


class Stars:
    """Stars and notes that a person puts to records, their own and others', and that nobody else learns of.

    They are by id: whatever becomes of a record, deleted, purged or lost, they stay until they are taken away, and are
    there when it comes back.
    """

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def of(self, identifier: str) -> Own:
        """What is kept about the record of that id (64 hex digits), which need not be here."""
        with self._pool.read() as db:
            return next(iter(_read_own(db, bytes.fromhex(identifier))), Own(identifier))

    def all(self) -> list[Own]:
        """All that have a star or a note, by name; those that are not here last."""
        with self._pool.read() as db:
            return _read_own(db)

    def star(self, identifiers: Iterable[str], starred: bool) -> int:
        """Put stars to records, or take them away; of how many that changed.

        Raises:
            StoreError: `too_many_stars`: none was put then.
        """
        ids = [(bytes.fromhex(identifier),) for identifier in dict.fromkeys(identifiers)]
        with self._pool.write() as db:
            before = _rows(db, "stars")
            if starred:
                now = self._clock()
                db.executemany(
                    "INSERT OR IGNORE INTO stars (id, starred_at) VALUES (?, ?)", [(*one, now) for one in ids]
                )
            else:
                db.executemany("DELETE FROM stars WHERE id = ?", ids)
            after = _rows(db, "stars")
            if starred and after > MOST_STARS:
                raise StoreError(
                    "too_many_stars", f"there would be {after:,} stars, and {MOST_STARS:,} are the most: take some away"
                )
        return abs(after - before)

    def note(self, identifier: str, text: str) -> bool:
        """Write a note to a record in place of the one that it has, or take that away with an empty text; whether that
        changed anything.

        Raises:
            StoreError: `bad_note`: it is too long, or no text; `too_many_notes`.
        """
        text = text.strip()
        if len(text) > MOST_NOTE:
            raise StoreError("bad_note", f"a note has up to {MOST_NOTE:,} characters, and this one {len(text):,}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise StoreError("bad_note", "the note is no text: it has half of a character in it") from None
        key = bytes.fromhex(identifier)
        with self._pool.write() as db:
            before = db.execute("SELECT text FROM notes WHERE id = ?", (key,)).fetchone()
            if text == ("" if before is None else before[0]):
                return False
            if not text:
                db.execute("DELETE FROM notes WHERE id = ?", (key,))
                return True
            if before is None and _rows(db, "notes") >= MOST_STARS:
                raise StoreError("too_many_notes", f"there are {MOST_STARS:,} notes, the most: take some away")
            db.execute(
                "INSERT OR REPLACE INTO notes (id, text, words, written_at) VALUES (?, ?, ?, ?)",
                (key, text, _in_a_line(text), self._clock()),
            )
        return True


# The most stars, and the most notes: all are looked through while somebody types.
MOST_STARS: Final = 10_000
MOST_NOTE: Final = 2_000

_OWN = (
    "SELECT i.id, k.kind, c.name, s.starred_at, n.text, n.written_at FROM ({}) i LEFT JOIN stars s ON s.id = i.id "
    "LEFT JOIN notes n ON n.id = i.id LEFT JOIN keys k ON k.id = i.id LEFT JOIN catalogue c ON c.rid = k.rid "
    "WHERE s.id IS NOT NULL OR n.id IS NOT NULL ORDER BY c.name IS NULL, c.name COLLATE NOCASE, i.id"
)


def _read_own(db: sqlite3.Connection, identifier: bytes | None = None) -> list[Own]:
    whose = "SELECT id FROM stars UNION SELECT id FROM notes" if identifier is None else "SELECT ? AS id"
    rows = db.execute(_OWN.format(whose), () if identifier is None else (identifier,))
    return [Own(key.hex(), None if code is None else KINDS[code], *told) for key, code, *told in rows]


def _rows(db: sqlite3.Connection, table: str) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _in_a_line(text: str) -> str:
    """The words of a note, each with a space before it and after it."""
    return f" {' '.join(words(text))} "


def word_notes_anew(db: sqlite3.Connection) -> None:
    """Make the words of all notes as this program makes them."""
    notes = db.execute("SELECT text, id FROM notes").fetchall()
    db.executemany("UPDATE notes SET words = ? WHERE id = ?", [(_in_a_line(text), key) for text, key in notes])


class OwnerNames:
    """Names that this replica's user gives to owners' keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def all(self) -> dict[str, str]:
        """Names by address."""
        with self._pool.read() as db:
            return {owner.hex(): name for owner, name in db.execute("SELECT address, name FROM owner_names")}

    def set(self, address: str, name: str) -> None:
        """Give an owner's key a name, or take it away with an empty one.

        Args:
            address: 40 hex digits.

        Raises:
            ValueError: the address is none.
        """
        if not _ADDRESS(address):
            raise ValueError(f"an address is 40 hex digits, not {address[:50]!r}")
        owner, name = bytes.fromhex(address), name.strip()
        with self._pool.write() as db:
            if name:
                db.execute("INSERT OR REPLACE INTO owner_names (address, name) VALUES (?, ?)", (owner, name))
            else:
                db.execute("DELETE FROM owner_names WHERE address = ?", (owner,))


class SaidBy(NamedTuple):
    """A domain that said of a key that it is its own, and when it was asked, in Unix seconds. The name is as it
    travels: ASCII."""

    domain: str
    said_at: int


class Domains:
    """What domains said of keys (`sync.domains`), each when it was last asked."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def all(self) -> dict[str, tuple[SaidBy, ...]]:
        """By the addresses of the keys, the domains in the order of their names."""
        found: dict[str, tuple[SaidBy, ...]] = {}
        with self._pool.read() as db:
            for address, *said in db.execute("SELECT address, domain, said_at FROM domain_keys ORDER BY domain"):
                found[address.hex()] = (*found.get(address.hex(), ()), SaidBy(*said))
        return found

    def put(self, domain: str, addresses: Iterable[str]) -> int:
        """Keep what a domain says now, in place of what it said before; returns when that is."""
        at = self._clock()
        with self._pool.write() as db:
            db.execute("DELETE FROM domain_keys WHERE domain = ?", (domain,))
            db.executemany(
                "INSERT INTO domain_keys (address, domain, said_at) VALUES (?, ?, ?)",
                [(bytes.fromhex(address), domain, at) for address in addresses],
            )
        return at

    def drop(self, domain: str) -> bool:
        """Forget what a domain said; False where it said nothing."""
        with self._pool.write() as db:
            return db.execute("DELETE FROM domain_keys WHERE domain = ?", (domain,)).rowcount > 0


def said_of(db: sqlite3.Connection, owner: bytes) -> tuple[SaidBy, ...]:
    """The domains that said of a key that it is theirs."""
    rows = db.execute("SELECT domain, said_at FROM domain_keys WHERE address = ? ORDER BY domain", (owner,))
    return tuple(SaidBy(domain, at) for domain, at in rows)


class Token(NamedTuple):
    """A token of the node, without what it is: that was shown once.

    Attributes:
        scopes: in the order of `TOKEN_SCOPES`.
        created_at: Unix seconds; None for the file of 0.1.
    """

    name: str
    scopes: tuple[TokenScope, ...]
    created_at: int | None


class Tokens:
    """The tokens that this replica's node takes: several, each with a name and scopes, each revocable by itself.

    A token is 256 random bits, and kept as its SHA-256: who reads the database can use none of them. A slow hash with
    a salt, as for passwords, would add nothing: nobody can try 2^256 tokens, and no two are alike.

    The file `node.token` of 0.1 goes on working as a token for everything, for as long as it is there.
    """

    def __init__(self, data_dir: Path, pool: Pool, clock: Callable[[], int]) -> None:
        self._file = data_dir / TOKEN_FILE
        self._pool = pool
        self._clock = clock
        self._guard = threading.Lock()
        self._watcher: sqlite3.Connection | None = None
        self._turn = 0
        self._seen: tuple[int, FileState | None] | None = None
        self._known: list[tuple[bytes, Token]] = []

    def all(self) -> list[Token]:
        """Every token, that of the file first, then by name.

        Raises:
            StoreError: `bad_token_file`: the file of 0.1 is there, and cannot be read or holds no token.
        """
        with self._pool.read() as db:
            stored = [token for _, token in _stored_tokens(db)]
        return ([] if self.file_token() is None else [_OF_FILE]) + stored

    def add(self, name: str, scopes: Iterable[TokenScope]) -> str:
        """Make a token; returns it, which nothing tells a second time.

        Raises:
            StoreError: `bad_token_name`, `token_exists`.
            ValueError: there is no scope, or one that there is not.
        """
        token, digest, allowed = new_token(name, scopes)
        with self._pool.write() as db:
            if db.execute("SELECT 1 FROM tokens WHERE name = ?", (name,)).fetchone() is not None:
                raise StoreError(
                    "token_exists", f"there is a token named '{name}': choose another name, or revoke that one first"
                )
            db.execute(
                "INSERT INTO tokens (name, digest, scopes, created_at) VALUES (?, ?, ?, ?)",
                (name, digest, " ".join(allowed), self._clock()),
            )
        return token

    def revoke(self, name: str) -> None:
        """Let a token open nothing any more. That of the file of 0.1 goes with its file.

        Raises:
            StoreError: `not_found`; `read_only`: the file cannot be deleted.
        """
        if name == TOKEN_FILE:
            try:
                self._file.unlink()
            except FileNotFoundError:
                raise StoreError("not_found", f"there is no file {self._file}") from None
            except OSError as error:
                raise StoreError("read_only", f"{self._file} cannot be deleted ({error.strerror})") from error
            return
        with self._pool.write() as db:
            if db.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount == 0:
                raise StoreError("not_found", f"there is no token named '{name[:32]}': 'token list' names them")

    def take_over(self, stored: Iterable[tuple[bytes, Token]]) -> None:
        """Let these be all that there are beside the file's, as the nodes of a hub have one set. Where they are
        already, nothing is written.

        Args:
            stored: each as the SHA-256 of the token, and what is known of it.
        """
        wanted = {token.name: (digest, token) for digest, token in stored}
        with self._pool.read() as db:
            if {token.name: (digest, token) for digest, token in _stored_tokens(db)} == wanted:
                return
        with self._pool.write() as db:
            db.execute("DELETE FROM tokens")
            db.executemany(
                "INSERT INTO tokens (name, digest, scopes, created_at) VALUES (?, ?, ?, ?)",
                [(name, digest, " ".join(token.scopes), token.created_at) for name, (digest, token) in wanted.items()],
            )

    def find(self, given: bytes) -> Token | None:
        """The token that these bytes are, as things stand at this moment: what another process added or revoked
        counts. Takes as long for a near miss as for a far one; quick, and waits for no other reader."""
        from hmac import compare_digest  # every command passes through this module, and few look for a token

        digest, found = _digest(given), None
        for known, token in self._current():
            if compare_digest(known, digest):
                found = token
        return found

    def file_token(self) -> str | None:
        """What the file of 0.1 holds; None where there is none.

        Raises:
            StoreError: `bad_token_file`.
        """
        try:
            raw = _closed_to_others(self._file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError("bad_token_file", f"{self._file} cannot be read ({error.strerror})") from error
        if not _FILE_TOKEN(raw):
            raise StoreError(
                "bad_token_file", f"{self._file} holds no token: delete it, and make one with 'token add NAME'"
            )
        return raw.decode()

    def close(self) -> None:
        """Let go of the database."""
        with self._guard:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None

    def _current(self) -> list[tuple[bytes, Token]]:
        with self._guard, said_plainly(self._pool.path):
            turn = self._pool.turn()
            if self._watcher is not None and turn != self._turn:
                self._watcher.close()
                self._watcher = self._seen = None
            if self._watcher is None:
                # Its own: those of the pool may all be lent to searches, and a write must not wait for these to be let
                # in. And one that wrote would not see its own commits in the version.
                self._watcher, self._turn = self._pool.connect(), turn
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
            seen = (int(version), file_state(self._file))
            if seen != self._seen:
                self._known = _stored_tokens(self._watcher)
                try:
                    token = self.file_token()
                except StoreError:
                    token = None  # told where a node starts and where tokens are listed; the others go on working
                if token is not None:
                    self._known.append((_digest(token.encode()), _OF_FILE))
                self._seen = seen
            return self._known


def new_token(name: str, scopes: Iterable[TokenScope]) -> tuple[str, bytes, tuple[TokenScope, ...]]:
    """A token that is kept nowhere yet: as it is, its digest, and its scopes in their order.

    Raises:
        StoreError: `bad_token_name`; `token_exists`: it is the name of the file of 0.1.
        ValueError: there is no scope, or one that there is not.
    """
    allowed = [*scopes]
    if not allowed or not {*allowed} <= {*TOKEN_SCOPES}:
        raise ValueError(f"a token has scopes of {', '.join(TOKEN_SCOPES)}, not {allowed!r}")
    if not _NAME(name):
        raise StoreError(
            "bad_token_name",
            "a token's name is 1 to 32 of letters, digits, '.', '_' and '-', and begins with a letter or digit",
        )
    if name == TOKEN_FILE:
        raise StoreError("token_exists", f"{TOKEN_FILE} is what the token in the file of that name is called")
    from secrets import token_urlsafe  # every command passes through this module, and few make a token

    token = _MARK + token_urlsafe(32)
    return token, _digest(token.encode()), tuple(scope for scope in TOKEN_SCOPES if scope in allowed)


# How


_OF_FILE = Token(TOKEN_FILE, TOKEN_SCOPES, None)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _stored_tokens(db: sqlite3.Connection) -> list[tuple[bytes, Token]]:
    rows = db.execute("SELECT digest, name, scopes, created_at FROM tokens ORDER BY name")
    return [
        (digest, Token(name, tuple(scope for scope in TOKEN_SCOPES if scope in scopes.split()), created_at))
        for digest, name, scopes, created_at in rows
    ]


def _closed_to_others(path: Path) -> bytes:
    """The beginning of a file, without white space around it; others can read it no longer, where it can be written.

    What a symbolic link leads to is read, as secrets of a cluster are mounted so, and stays as open as its keeper made
    it. A pipe is not waited for: this is read where a node answers, which would stand still.

    Raises:
        OSError: also where it is no plain file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        if mode & 0o077 and not path.is_symlink():
            try:
                os.fchmod(handle, 0o600)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
        return file.read(256).strip()


def _read_drafts(db: sqlite3.Connection, key: str | None = None) -> list[Draft]:
    rows = db.execute(
        "SELECT key, kind, record_id, seen, fields, saved_at FROM drafts WHERE ? IS NULL OR key = ? "
        "ORDER BY saved_at DESC, rowid DESC",
        (key, key),
    )
    return [
        Draft(key, kind, record_id, tuple(json.loads(seen)), json.loads(fields), saved_at)
        for key, kind, record_id, seen, fields, saved_at in rows
    ]
