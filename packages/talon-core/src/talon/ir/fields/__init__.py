"""Field descriptors: what a primitive declares once, and everything else is derived from.

A class attribute of a declaration is a `Field`, a non-data descriptor: values sit in the instance's `__dict__`, and an
array that is absent there is a lazy one, loaded on first access. `talon.ir.declare` has the functions that make them.
"""

from talon.ir.fields.arrays import ArrayField as ArrayField
from talon.ir.fields.arrays import PerNeuronField as PerNeuronField
from talon.ir.fields.base import MISSING as MISSING
from talon.ir.fields.base import Field as Field
from talon.ir.fields.base import Missing as Missing
from talon.ir.fields.base import Shape as Shape
from talon.ir.fields.plain import BoolField as BoolField
from talon.ir.fields.plain import ChoiceField as ChoiceField
from talon.ir.fields.plain import FloatField as FloatField
from talon.ir.fields.plain import IntField as IntField
from talon.ir.fields.plain import TextField as TextField
from talon.ir.fields.several import FactorField as FactorField
from talon.ir.fields.several import IntsField as IntsField
from talon.ir.fields.several import MappingField as MappingField
from talon.ir.fields.several import TypeField as TypeField
from talon.ir.fields.several import ValueField as ValueField
