"""Signed records for tests of bundles, and bundles with something wrong in them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.seeds import NOW, owner, signed
from tui_registry.cli.build import read_signed
from tui_registry.crdt import Op, sign_up
from tui_registry.errors import Json, Record
from tui_registry.formfile.bundle import (
    FORMFILE,
    MANIFEST,
    OP,
    RECORD,
    SIZES,
    Bundle,
    SignedRecord,
    make_bundle,
    read_archive,
    write_archive,
)

MAKER = owner("bundle maker")
NAME = "research crew"
TEMPLATE = """\
# A crew of three
#? port = 8080
#? passwd
NAME research-crew
DESCRIPTION {{ description }}
VCPU {{vcpus}}
MEMORY {{ memory_mb }}
DISK {{ disk_gb }}
USER username:crew passwd:{{ passwd }}
ENV PORT={{ port }}
ENTRYPOINT ["python3", "-m", "crew"]
"""
VALUES = {"passwd": 'correct "horse"', "port": "80"}


def root(template: str = TEMPLATE, **fields: Json) -> Op:
    """The first operation of an agent with that template."""
    return signed(MAKER, "agent", NAME, description="Reads papers — slowly", formfile_template=template, **fields)


def update(before: Op, *, by: str = "bundle maker", **fields: Json) -> Op:
    """A later operation on the same record, signed by anyone."""
    assert before.record is not None
    identity = owner(by)
    record: Record = {**before.record, "owner_id": identity.address, "updated_at": NOW, **fields}
    return sign_up(identity, before.kind, record, children=[before.hash], clock=2)


def signed_record(op: Op | None = None) -> SignedRecord:
    """The record of an operation, checked."""
    return read_signed((op or root()).to_json(), NAME)


def sample() -> Bundle:
    """A bundle that is sound."""
    return make_bundle(signed_record(), VALUES)


def files(bundle: Bundle) -> dict[str, bytes]:
    """What is in it, by name."""
    return read_archive(bundle.data, SIZES).members


def changed(bundle: Bundle, replaced: dict[str, bytes] | None = None, **manifest: Any) -> bytes:
    """The bundle with other files or another manifest, whose sums are right again: the best that a forger can do."""
    members = {**files(bundle), **(replaced or {})}
    tree = json.loads(members[MANIFEST])
    for name in (FORMFILE, OP, RECORD):
        tree["files"][name] = {"size": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest()}
    tree = {name: value for name, value in {**tree, **manifest}.items() if value is not ...}
    members[MANIFEST] = json.dumps(tree, indent=2).encode() + b"\n"
    return write_archive(members, bundle.signed.updated_at)
