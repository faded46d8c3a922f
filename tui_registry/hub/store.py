"""An object store (S3 and what speaks like it, Google Cloud Storage, Azure Blob), asked within bounds.

Who we are to a store is said by the store's own environment, and by nothing else: AWS_ACCESS_KEY_ID and its kin, a role
of the machine, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME and so on, as obstore's documentation lists
them. None of that is ever shown: what a store answers may quote it, so only its code is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.hosts import is_loopback
from tui_registry.text import safe_text

try:
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        NotSupportedError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )
    from obstore.store import HTTPStore, from_url
except ImportError:
    # Without the extra no store is opened: `open_store` says so.
    _IS_INSTALLED = False
else:
    _IS_INSTALLED = True

if TYPE_CHECKING:
    from obstore import PutMode, PutResult, UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

T = TypeVar("T")

SCHEMES: Final = ("s3", "gs", "az")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_PLAIN = "AWS_ALLOW_HTTP"
_YES = frozenset(("1", "true", "yes", "on"))
# What a store says to a person who asks why, and never more of its words.
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>", re.ASCII)
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})", re.ASCII)
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist", re.ASCII)
# Where the machine that runs us would say who we are, and does not.
_NO_IDENTITY = re.compile(
    r"169\.254\.169\.254|/latest/api/token|/latest/meta-data|/computeMetadata/|metadata/identity|token request",
    re.ASCII,
)
_MISSING = "an object store needs more packages: pip install 'tui-registry[hub]'"


class BucketError(RegistryError):
    """An object store that does not do what was asked of it, in one sentence that is safe to show.

    Codes: `bad_store` (an address that is none), `no_extra` (obstore is not installed), `no_bucket`, `no_rights`,
    `store_away` (it cannot be reached, or does not answer rightly), `no_conditions` (it writes over what is there,
    though asked not to), `too_large`.
    """


class Patience(NamedTuple):
    """How long one request may take.

    Attributes:
        connect_seconds, seconds: for a connection, and for the whole of a request.
        retries: of one, after a break or an answer of 5xx. retry_seconds: for all of them.
    """

    connect_seconds: float = 5.0
    seconds: float = 60.0
    retries: int = 4
    retry_seconds: float = 60.0


class Found(NamedTuple):
    """What lies in a store under a name.

    Attributes:
        version: what tells it from another thing under that name, for `Store.replace`.
        notes: what was written beside it.
    """

    data: bytes
    version: Version
    notes: dict[str, str]


class Version(NamedTuple):
    """What a store tells two contents of one name by: an ETag, and on some a number."""

    etag: str | None
    number: str | None


def open_store(address: str, patience: Patience | None = None, *, to_read: bool = False) -> Store:
    """The store at an address: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. Nothing is asked yet.

    Args:
        to_read: what a store or a CDN gives to everybody at an http(s) URL will do, too.

    Raises:
        BucketError: `bad_store`, `no_extra`.
    """
    patience = patience or Patience()
    shown = _shown(address)
    try:
        parts = urlsplit(address)
        host, secret = parts.hostname, parts.username is not None or bool(parts.query or parts.fragment)
    except ValueError:
        raise _bad(shown) from None
    if secret:
        raise BucketError(
            "bad_store",
            f"{shown} says more than a place: leave out names, passwords and queries, and give them to the environment "
            "of the store, such as AWS_ACCESS_KEY_ID",
        )
    scheme = parts.scheme.lower()
    schemes = (*SCHEMES, "http", "https") if to_read else SCHEMES
    if scheme not in schemes or not host or any(part in (".", "..") for part in parts.path.split("/")):
        raise _bad(shown)
    if not _IS_INSTALLED:
        raise BucketError("no_extra", _MISSING)
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "") if scheme == "s3" else ""
    plain = endpoint if scheme == "s3" else address
    is_plain = plain.lower().startswith("http://")
    if is_plain and not is_loopback(urlsplit(plain).hostname or "") and os.environ.get(_PLAIN, "").lower() not in _YES:
        raise BucketError(
            "bad_store",
            f"{shown} would be spoken to in the clear (http://): anybody on the way could read and change it. Give "
            f"it an https:// address, or set {_PLAIN}=true if the way is yours alone",
        )
    # These are in the place of whatever the environment says of them.
    client: ClientConfig = {
        "allow_http": is_plain,
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "timeout": timedelta(seconds=patience.seconds),
    }
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_seconds),
    }
    try:
        if scheme in SCHEMES:
            opened: ObjectStore = from_url(address, client_options=client, retry_config=retry)
        else:
            # Not by `from_url`: it knows some hosts as stores that ask who we are.
            opened = HTTPStore.from_url(address, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        if "Account must be specified" in str(error):
            raise BucketError(
                "bad_store", f"{shown} is a container of an account: name that in AZURE_STORAGE_ACCOUNT_NAME"
            ) from None
        raise _bad(shown) from None
    return Store(opened, shown)


class _NotMetError(Exception):
    """What was to be written under a condition was not: it is not met."""


class Store:
    """One place in an object store. Safe to use from any thread; every method may raise `BucketError`.

    Attributes:
        shown: its address, safe to show; it holds no secret.
    """

    def __init__(self, opened: ObjectStore, shown: str, *, bears_headers: bool = True) -> None:
        """
        Args:
            opened: of obstore, below whose prefix all paths are.
            bears_headers: whether headers can be kept beside what it holds; files on a disk bear none.
        """
        self._opened = opened
        self.shown = shown
        self._bears_headers = bears_headers

    def get(self, path: str, most: int) -> Found | None:
        """What lies there, None where nothing does.

        Raises:
            BucketError: `too_large`: more than `most` bytes.
        """

        def ask() -> Found:
            found = self._opened.get(path)
            meta = found.meta
            if meta["size"] > most:
                raise BucketError(
                    "too_large",
                    f"{self.shown} has a {safe_text(path, 120)} of {meta['size']:,} bytes: none is so large",
                )
            data = bytes(found.bytes())
            version = Version(meta["e_tag"], meta["version"])
            return Found(data, version, {str(name).lower(): value for name, value in found.attributes.items()})

        with suppress(FileNotFoundError):
            return self._asked(ask)
        return None

    def create(self, path: str, data: bytes, headers: dict[str, str]) -> bool:
        """Write what is not there yet; False where something is."""
        return self._put(path, data, headers, "create") is not None

    def replace(self, path: str, data: bytes, headers: dict[str, str], version: Version) -> bool:
        """Write in the place of just this version; False where another one is there by now, or none."""
        mode: UpdateVersion = {}
        if version.etag is not None:
            mode["e_tag"] = version.etag
        if version.number is not None:
            mode["version"] = version.number
        return self._put(path, data, headers, mode) is not None

    def put(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        """Write whatever is there."""
        self._put(path, data, headers, "overwrite")

    def names(self, folder: str) -> Iterator[str]:
        """The paths of all that lies below a folder."""
        pages = self._opened.list(folder, chunk_size=1000)
        while True:
            try:
                page = self._asked(lambda: next(pages, None))
            except FileNotFoundError:
                return
            if page is None:
                return
            yield from (found["path"] for found in page)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        try:
            found = self._asked(lambda: self._opened.list_with_delimiter(folder))
        except FileNotFoundError:
            return []
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def remove(self, paths: Sequence[str]) -> None:
        """Take away what lies there; what is not there is not missed."""
        for at in range(0, len(paths), 1000):
            with suppress(FileNotFoundError):
                self._asked(partial(self._opened.delete, paths[at : at + 1000]))

    # How

    def _put(self, path: str, data: bytes, headers: dict[str, str], mode: PutMode) -> PutResult | None:
        """None where a condition was not met."""
        told = dict(headers) if self._bears_headers else {}
        try:
            return self._asked(
                lambda: self._opened.put(path, data, attributes=told or None, mode=mode, use_multipart=False)
            )
        except (_NotMetError, FileNotFoundError):
            # Of what is to be replaced there may be nothing left.
            return None
        except NotImplementedError:
            raise self.no_conditions() from None

    def no_conditions(self) -> BucketError:
        """That the store has no conditional puts, and what that risks."""
        return BucketError(
            "no_conditions",
            f"{self.shown} writes over what is there even where it is asked not to (no conditional puts): two that "
            "publish there at once would spoil each other's log unnoticed. Use a store that has them; or see to it "
            "that nobody else ever publishes there, and say so with --alone",
        )

    def _asked(self, ask: Callable[[], T]) -> T:
        """Ask, and tell what goes wrong in words.

        Raises:
            _NotMetError: a condition was not met. FileNotFoundError: there is nothing. NotImplementedError: the store
                cannot do that.
        """
        try:
            return ask()
        except FileNotFoundError as error:
            if _NO_BUCKET.search(str(error)) is not None:
                raise BucketError("no_bucket", f"{self.shown}: there is no such bucket. Make it first") from None
            raise
        except (AlreadyExistsError, PreconditionError):
            raise _NotMetError from None
        except NotSupportedError:
            raise NotImplementedError from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise self._no_rights(str(error)) from None
        except BaseError as error:
            raise self._away(str(error)) from None

    def _no_rights(self, said: str) -> BucketError:
        return BucketError(
            "no_rights",
            f"{self.shown} does not let us do that{_code(said)}. Look at the credentials in its environment, and at "
            "what they allow below this prefix: to get, put, list and delete; to get alone where only tiles are read",
        )

    def _away(self, said: str) -> BucketError:
        status = _STATUS.search(said)
        if status is not None and status[1] == "501":
            return self.no_conditions()
        if _NO_IDENTITY.search(said) is not None:
            return BucketError(
                "no_rights",
                f"{self.shown}: nothing here says who we are to it. Set its credentials in the environment, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        if status is not None:
            return BucketError(
                "store_away", f"{self.shown} answers with status {status[1]}{_code(said)}. Try again later"
            )
        return BucketError(
            "store_away",
            f"{self.shown} cannot be reached, or does not answer in time. Look at its address and the network",
        )


def _code(said: str) -> str:
    found = _CODE.search(said)
    return "" if found is None else f" ({found[1]})"


def _shown(address: str) -> str:
    """An address without what may be secret in it."""
    scheme, _, rest = address.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    return safe_text(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".rstrip("/"), 200)


def _bad(shown: str) -> BucketError:
    return BucketError(
        "bad_store",
        f"{shown} is no object store: write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
    )
