"""What every field has: a name, a default, a form for files, and errors that say what it takes."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from talon.ir.errors import TalonTypeError, TalonValueError
from talon.ir.values import brief, same_value

Shape = tuple[int, ...]


class Missing:
    """The type of `MISSING`, which marks a field without a default."""

    def __repr__(self) -> str:
        return "<required>"


MISSING = Missing()


class Field:
    """One declared field. Subclasses say how a value is taken in (`coerce`) and which values are legal (`check`)."""

    kind = "value"
    is_array = False
    optional = False
    """Whether None is a legal value."""
    free = False
    """Whether values of any type are legal, so that files must say the type of each beside its value."""

    def __init__(
        self,
        *,
        doc: str,
        default: Any = MISSING,
        kw_only: bool = False,
        unit: str | None = None,
        always_stored: bool | None = None,
        stored_as: str | None = None,
    ) -> None:
        self.doc = doc
        self.default = default
        self.kw_only = kw_only
        self.unit = unit
        # Our keyword-only additions are written only when set, so that files keep the published layout.
        self.always_stored = (not kw_only) if always_stored is None else always_stored
        self.required = default is MISSING
        self._stored_as = stored_as
        self.name = ""
        self.key = ""
        """The name under which files hold the field."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.key = self._stored_as or name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.load_field(self)

    @cached_property
    def absent(self) -> Any:
        """The value of a field that was not given."""
        return self.coerce(self.default)

    def coerce(self, value: Any) -> Any:
        """Bring a legal value into its one form; raise `TalonTypeError` for another type."""
        raise NotImplementedError(type(self).__name__)

    def plain(self, value: Any) -> Any:
        """The simplest form that `coerce` brings back to `value`, as documents hold it."""
        return value

    def check(self, value: Any) -> None:
        """Raise `TalonValueError` when the value is outside the declared range."""

    def same(self, a: Any, b: Any) -> bool:
        return same_value(a, b)

    def range_text(self) -> str:
        """The legal range in words, for messages and reference pages."""
        return ""

    def none(self, value: None, expected: str) -> None:
        """None, where that is the default."""
        if self.default is not None:
            raise self.wrong_type(value, expected)

    def wrong_type(self, value: Any, expected: str) -> TalonTypeError:
        return TalonTypeError(
            "T204", f"{self.name} takes {expected}", expected=expected, found=f"{type(value).__name__} {brief(value)}"
        )

    def out_of_range(self, value: Any) -> TalonValueError:
        return TalonValueError("T202", f"{self.name} is out of range", expected=self.range_text(), found=brief(value))
