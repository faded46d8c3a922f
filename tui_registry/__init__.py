"""A decentralised registry of AI models and agents, explored from the terminal.

    from tui_registry import AIModel, Datastore

    with Datastore.open() as registry:
        op = registry.add_model(AIModel(name="my-finetune", license="Apache-2.0"))

The names below are the public Python API and stay stable; each is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .crdt import (
        AgentOp as AgentOp,
        Identity as Identity,
        ModelOp as ModelOp,
        OpError as OpError,
        check_op as check_op,
        parse_op as parse_op,
    )
    from .datastore import Datastore as Datastore, StoreError as StoreError
    from .errors import InvalidRecord as InvalidRecord, Problem as Problem, RegistryError as RegistryError
    from .query import QueryError as QueryError
    from .records import (
        AgentFramework as AgentFramework,
        AgentResourceRequirements as AgentResourceRequirements,
        AgentType as AgentType,
        AIAgent as AIAgent,
        AIModel as AIModel,
        ModelFramework as ModelFramework,
        ModelResourceRequirements as ModelResourceRequirements,
        ModelType as ModelType,
        Other as Other,
        QuantizationType as QuantizationType,
    )

__version__ = "0.2.0.dev0"

_HOMES = {
    **dict.fromkeys(("AgentOp", "Identity", "ModelOp", "OpError", "check_op", "parse_op"), ".crdt"),
    **dict.fromkeys(("Datastore", "StoreError"), ".datastore"),
    **dict.fromkeys(("InvalidRecord", "Problem", "RegistryError"), ".errors"),
    "QueryError": ".query",
    **dict.fromkeys(
        (
            "AIAgent",
            "AIModel",
            "AgentFramework",
            "AgentResourceRequirements",
            "AgentType",
            "ModelFramework",
            "ModelResourceRequirements",
            "ModelType",
            "Other",
            "QuantizationType",
        ),
        ".records",
    ),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
