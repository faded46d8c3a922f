"""Names that moved; this module goes as soon as `history` and `sync` import them from where they are."""

from tui_registry.present.amounts import moment as moment
from tui_registry.tui.browse.record_detail import Surroundings as Surroundings
