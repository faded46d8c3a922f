"""How replicas agree: operations, keys and signatures, the validity rules and the state of a key. No I/O."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .claims import claimed_hash as claimed_hash
    from .claims import digest_of as digest_of
    from .keys import Identity as Identity
    from .op import AgentOp as AgentOp
    from .op import ModelOp as ModelOp
    from .op import Op as Op
    from .op import OpError as OpError
    from .parsing import parse_op as parse_op
    from .register import heads as heads
    from .register import winner as winner
    from .rules import Ancestor as Ancestor
    from .rules import check_against as check_against
    from .rules import check_alone as check_alone
    from .rules import check_op as check_op
    from .rules import claim_of as claim_of
    from .sign import chain_of_children as chain_of_children
    from .sign import sign_rm as sign_rm
    from .sign import sign_up as sign_up
    from .version import RULES_VERSION as RULES_VERSION

_HOMES = {
    **dict.fromkeys(("claimed_hash", "digest_of"), ".claims"),
    "Identity": ".keys",
    **dict.fromkeys(("AgentOp", "ModelOp", "Op", "OpError"), ".op"),
    "parse_op": ".parsing",
    **dict.fromkeys(("heads", "winner"), ".register"),
    **dict.fromkeys(("Ancestor", "check_against", "check_alone", "check_op", "claim_of"), ".rules"),
    "RULES_VERSION": ".version",
    **dict.fromkeys(("chain_of_children", "sign_rm", "sign_up"), ".sign"),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
