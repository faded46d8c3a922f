"""How replicas agree: operations, keys and signatures, the validity rules and the state of a key. No I/O."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .key_state import heads, winner
    from .keys import Identity
    from .op import AgentOp, AnyOp, ManifestOp, ModelOp, Op, OpError, claimed_hash, digest_of, parse_op
    from .rules import Ancestor, check_against, check_alone, check_op, claim_of
    from .sign import chain_of_children, sign_rm, sign_up

__all__ = [
    "AgentOp", "Ancestor", "AnyOp", "Identity", "ManifestOp", "ModelOp", "Op", "OpError", "chain_of_children",
    "check_against", "check_alone", "check_op", "claim_of", "claimed_hash", "digest_of", "heads", "parse_op",
    "sign_rm", "sign_up", "winner",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("heads", "winner"), ".key_state"),
        "Identity": ".keys",
        **dict.fromkeys(
            ("AgentOp", "AnyOp", "ManifestOp", "ModelOp", "Op", "OpError", "claimed_hash", "digest_of", "parse_op"),
            ".op",
        ),
        **dict.fromkeys(("Ancestor", "check_against", "check_alone", "check_op", "claim_of"), ".rules"),
        **dict.fromkeys(("chain_of_children", "sign_rm", "sign_up"), ".sign"),
    },
)
