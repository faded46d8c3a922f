"""Small frozen values that compare by content, for modules that every start-up loads.

`dataclass` writes and compiles the code of each class, which takes up to a millisecond apiece; here one `__init__`
serves all. `match` statements, `==`, `hash` and `repr` work as they do on frozen dataclasses.

`NamedTuple` is `typing`'s to a reader and to the type checker. That one compiles the text of each annotation, 0.2 ms a
class; nothing here asks for it, and some seventy classes stand between the start and the first frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, dataclass_transform

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _NamedTupleMaker(type):
        """Makes of a class statement what `typing.NamedTuple` makes of it, but that annotations stay text."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            kinds = body.get("__annotations__", {})
            defaults = [body[field] for field in kinds if field in body]
            made = namedtuple(name, kinds, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                if key not in kinds:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_NamedTupleMaker):
        """The base to name; what is made is a plain tuple with names."""


@dataclass_transform(frozen_default=True)
class Frozen:
    """A value whose fields are the annotations of its class and its bases, with what stands there as defaults."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _uncompared: ClassVar[frozenset[str]] = frozenset()
    _hidden: ClassVar[frozenset[str]] = frozenset()
    _by_keyword: ClassVar[frozenset[str]] = frozenset()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls, *, kw_only: bool = False, uncompared: tuple[str, ...] = (), hidden: tuple[str, ...] = ()
    ) -> None:
        """
        Args:
            kw_only: the fields of this class are given by name.
            uncompared: fields that `==` and `hash` leave out.
            hidden: fields that `repr` leaves out.
        """
        # As text, since modules here postpone annotations; `inspect` would cost more than all of this.
        kinds: dict[str, str] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063
        own = [name for name, kind in kinds.items() if not kind.startswith("ClassVar")]
        cls._fields = (*cls._fields, *own)
        cls._uncompared |= set(uncompared)
        cls._hidden |= set(hidden)
        cls._by_keyword |= set(own if kw_only else ())
        cls.__match_args__ = tuple([name for name in cls._fields if name not in cls._by_keyword])  # type: ignore[misc]

    def __init__(self, *values: object, **named: object) -> None:
        names = self.__match_args__
        if len(values) > len(names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(names)}")
        content = self.__dict__
        content.update(zip(names, values, strict=False))
        for name in named:
            if name in content or name not in self._fields:
                raise TypeError(f"{type(self).__name__} takes {', '.join(self._fields)}, each once, not {name}")
        content.update(named)
        if len(content) < len(self._fields):
            # What is not given is the default, which stands in the class.
            for name in self._fields:
                if name not in content and not hasattr(self, name):
                    raise TypeError(f"{type(self).__name__} needs {name}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _content(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self._fields if name not in self._uncompared])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Frozen)
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._content()))

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in self._fields if name not in self._hidden]
        return f"{type(self).__name__}({', '.join(shown)})"
