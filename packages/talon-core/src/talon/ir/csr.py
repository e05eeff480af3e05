"""Sparse matrices by rows: what a field declared `sparse=True` takes beside arrays, and gives as it was taken."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn, Protocol

import numpy as np

from talon.ir.arrays import ArrayRef, as_array
from talon.ir.errors import TalonError, TalonFrozenError, TalonTypeError, TalonValueError
from talon.ir.grouped import Grouped
from talon.ir.values import read_only, same_array

PARTS = ("indptr", "indices", "data", "shape")
"""The arrays that say a matrix, as files name them."""
ROWS = np.dtype(np.int64)
"""The dtype of `indptr`."""
LONGEST = 1 << 40
"""No axis is longer."""


class ByRows(Protocol):
    """What is taken for a matrix by rows: `scipy.sparse.csr_array` and whatever else has these."""

    @property
    def indptr(self) -> Any: ...
    @property
    def indices(self) -> Any: ...
    @property
    def data(self) -> Any: ...
    @property
    def shape(self) -> Any: ...


class CSR(Grouped):
    """A matrix of which only some elements are there: those of row r are `data[indptr[r]:indptr[r + 1]]`, in the
    columns `indices[indptr[r]:indptr[r + 1]]`, which ascend and differ. What is not there is 0.

    Immutable. The arrays are read-only views of what was passed where that has the dtype already: `indptr` int64,
    `indices` int32, or int64 where a row is too long for that. An element that is there may be 0: it is kept.
    """

    __slots__ = ("data", "indices", "indptr", "shape")

    names: ClassVar[tuple[str, ...]] = PARTS
    values: ClassVar[str] = "data"

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    shape: tuple[int, int]

    def __init__(self, indptr: Any, indices: Any, data: Any, shape: Any) -> None:
        rows, columns = lengths_of(shape)
        values = _line("data", data)
        pointers, places = _whole("indptr", indptr), _whole("indices", indices)
        check(pointers, places, len(values), (rows, columns))
        self._set(pointers, places.astype(column_dtype(columns), copy=False), values, (rows, columns))

    def _set(self, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, shape: tuple[int, int]) -> None:
        for name, value in (("indptr", indptr), ("indices", indices), ("data", data)):
            object.__setattr__(self, name, read_only(value))
        object.__setattr__(self, "shape", shape)

    @classmethod
    def from_dense(cls, array: Any) -> CSR:
        """The elements of a matrix that are not 0. A -0.0 is 0 and becomes 0.0: in a sum neither changes a bit."""
        dense = as_array("a matrix", array)
        if dense.ndim != 2:
            raise wrong("a matrix has two axes", "shape (rows, columns)", f"shape {dense.shape}")
        rows, columns = np.nonzero(dense)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
        return cls(indptr, columns, dense[rows, columns], dense.shape)

    @classmethod
    def of(cls, value: Any) -> CSR:
        """A matrix of anything with `indptr, indices, data, shape`, such as `scipy.sparse.csr_array`.

        Others need not keep the columns of a row in order: they are brought into it. Columns that stand twice are
        refused, as in `CSR(...)`: their sum would depend on its order.
        """
        if isinstance(value, cls):
            return value
        if (form := getattr(value, "format", "csr")) != "csr":
            raise TalonTypeError(
                "T204",
                "a sparse matrix is not stored by rows",
                expected="the format csr",
                found=f"the format {form!r:.40}",
                help="convert it, for example with .tocsr()",
            )
        parts = {name: getattr(value, name) for name in PARTS}
        pointers, places, values = _whole("indptr", parts["indptr"]), _whole("indices", parts["indices"]), parts["data"]
        if len(places) == len(values) and not ascending(pointers, places):
            check_pointers(pointers, len(places), lengths_of(parts["shape"])[0])
            order = np.lexsort((places, np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))))
            places, values = places[order], np.asarray(values)[order]
        return cls(pointers, places, values, parts["shape"])

    @property
    def nnz(self) -> int:
        """How many elements are there."""
        return len(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return 2

    @property
    def size(self) -> int:
        """How many elements are there: what it takes to look at all of them."""
        return len(self.data)

    @property
    def nbytes(self) -> int:
        return self.indptr.nbytes + self.indices.nbytes + self.data.nbytes

    @property
    def rows(self) -> np.ndarray:
        """The row of every element that is there."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def parts(self) -> dict[str, np.ndarray]:
        """The arrays that say the matrix, by name."""
        return {**{name: getattr(self, name) for name in PARTS[:3]}, "shape": read_only(np.array(self.shape, np.int64))}

    @classmethod
    def of_parts(cls, parts: Mapping[str, np.ndarray]) -> CSR:
        return cls(parts["indptr"], parts["indices"], parts["data"], parts["shape"].tolist())

    @classmethod
    def shape_of_parts(cls, parts: Mapping[str, ArrayRef]) -> tuple[int, int]:
        said = parts["shape"]
        if said.shape != (2,) or said.dtype != ROWS:
            raise wrong("shape is not that of a matrix", f"{ROWS} (2,)", f"{said.dtype} {said.shape}")
        rows, columns = lengths_of(said.load().tolist())
        count = parts["data"].shape
        for name, dtype, shape in (("indptr", ROWS, (rows + 1,)), ("indices", column_dtype(columns), count)):
            ref = parts[name]
            if ref.dtype != dtype or ref.shape != shape or len(count) != 1:
                raise wrong(f"{name} does not fit", f"{dtype} {shape}", f"{ref.dtype} {ref.shape}")
        return rows, columns

    def toarray(self) -> np.ndarray:
        """The whole matrix as an array."""
        dense = np.zeros(self.shape, self.dtype)
        dense[self.rows, self.indices] = self.data
        return dense

    def astype(self, dtype: Any) -> CSR:
        """A copy with elements of another dtype."""
        return self._with(self.data.astype(dtype))

    def scaled(self, scale: np.ndarray, product: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> CSR:
        """A matrix whose elements are `product(elements, scales)`."""
        return self._with(product(self.data, np.broadcast_to(scale, self.shape)[self.rows, self.indices]))

    def copy(self) -> CSR:
        """A matrix that shares no array with this one."""
        return self._with(self.data.copy(), self.indptr.copy(), self.indices.copy())

    def _with(self, data: np.ndarray, indptr: np.ndarray | None = None, indices: np.ndarray | None = None) -> CSR:
        made = CSR.__new__(CSR)
        made._set(
            self.indptr if indptr is None else indptr, self.indices if indices is None else indices, data, self.shape
        )
        return made

    def by_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The elements column by column: where each column begins and ends, the rows (ascending), and the values."""
        order = np.argsort(self.indices, kind="stable")
        counts = np.bincount(self.indices, minlength=self.shape[1])
        return np.concatenate([[0], np.cumsum(counts)]), self.rows[order], self.data[order]

    def same_as(self, other: object) -> bool:
        """Equality to the bit, of the elements and of which are there."""
        return (
            isinstance(other, CSR)
            and self.shape == other.shape
            and all(same_array(getattr(self, name), getattr(other, name)) for name in PARTS[:3])
        )

    def __eq__(self, other: object) -> bool:
        return self.same_as(other) if isinstance(other, CSR) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        # Without it numpy would take a matrix for one object, and what fails then does not say why.
        raise TalonTypeError(
            "T204",
            "a sparse matrix is used where an array is needed",
            expected="an array",
            found=repr(self),
            help="say .toarray() if the whole matrix may be made",
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise TalonFrozenError(
            "T203", f"a CSR cannot be changed (tried to set {name!r})", help="make another: ir.CSR(...)"
        )

    def __delattr__(self, name: str) -> None:
        raise TalonFrozenError("T203", f"a CSR cannot be changed (tried to delete {name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        return CSR, (self.indptr, self.indices, self.data, self.shape)

    def __repr__(self) -> str:
        return f"CSR({self.dtype}{list(self.shape)}, {self.nnz} elements)"


def looks_sparse(value: Any) -> bool:
    """Whether a value has what a matrix by rows has."""
    return not isinstance(value, np.ndarray) and all(hasattr(value, name) for name in PARTS)


def column_dtype(columns: int) -> np.dtype[Any]:
    """The dtype of `indices`: of equal matrices the same, whoever made them."""
    return np.dtype(np.int32 if columns <= np.iinfo(np.int32).max else np.int64)


def lengths_of(shape: Any) -> tuple[int, int]:
    """A shape as two numbers."""
    try:
        found = tuple(operator.index(n) for n in shape)
    except TypeError:
        found = ()
    if len(found) != 2 or not all(0 < n <= LONGEST for n in found):
        raise wrong("shape is not that of a matrix", "two axes, each >= 1", f"{shape!r:.80}")
    return found[0], found[1]


def _line(name: str, value: Any) -> np.ndarray:
    """An array with one axis, which may have no elements."""
    array = np.asarray(value)
    if array.ndim != 1:
        raise wrong(f"{name} has another number of axes", "one axis", f"shape {array.shape}")
    # No field is empty, but a matrix may have no elements.
    return as_array(name, value if array.size else np.zeros(1, array.dtype))[: len(array)]


def _whole(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim == 1 and not array.size and not hasattr(value, "dtype"):
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise wrong(
            f"{name} is no line of whole numbers", "one axis of an integer dtype", f"{array.dtype} {array.shape}"
        )
    if array.dtype == np.uint64 and array.size and int(array.max()) >> 63:
        raise wrong(f"{name} has a number that is too large", f"below {1 << 63}", array.max())
    return array.astype(np.int64, copy=False)


def check(indptr: np.ndarray, indices: np.ndarray, count: int, shape: tuple[int, int]) -> None:
    """Raise `TalonValueError` (T201) for arrays that are no matrix of this shape with `count` elements."""
    if len(indices) != count:
        raise wrong("indices and data differ in length", f"{len(indices)} elements, as indices", f"{count} in data")
    check_pointers(indptr, count, shape[0])
    if not count:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= shape[1]:
        raise wrong("a column is out of range", f"0 to {shape[1] - 1}", low if low < 0 else high)
    if not ascending(indptr, indices):
        raise wrong(
            "the columns of a row do not ascend",
            "each column of a row once, in ascending order",
            _first_fall(indptr, indices),
            "sort them, and add up what stands twice: scipy's sum_duplicates() does both",
        )


def check_pointers(indptr: np.ndarray, count: int, rows: int) -> None:
    if len(indptr) != rows + 1:
        raise wrong("indptr has another length", f"{rows + 1}, one more than rows", len(indptr))
    if indptr[0] != 0 or indptr[-1] != count:
        raise wrong("indptr does not begin and end as it must", f"0 and {count}", f"{indptr[0]} and {indptr[-1]}")
    if (indptr[1:] < indptr[:-1]).any():
        row = int(np.argmax(indptr[1:] < indptr[:-1]))
        raise wrong("indptr does not ascend", "pointers that never fall", f"{indptr[row]}, then {indptr[row + 1]}")


def ascending(indptr: np.ndarray, indices: np.ndarray) -> bool:
    """Whether the columns inside every row ascend and differ."""
    return not len(_falls(indptr, indices))


def _falls(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The places of elements that do not lie right of the one before, first elements of rows apart."""
    falls = np.flatnonzero(indices[1:] <= indices[:-1]) + 1
    return falls[~np.isin(falls, indptr)] if len(falls) else falls


def _first_fall(indptr: np.ndarray, indices: np.ndarray) -> str:
    place = int(_falls(indptr, indices)[0])
    row = int(np.searchsorted(indptr, place, side="right")) - 1
    return f"{indices[place]} after {indices[place - 1]} in row {row}"


def wrong(what: str, expected: object, found: object, help: str | None = None) -> TalonError:
    return TalonValueError("T201", f"no sparse matrix: {what}", expected=expected, found=found, help=help)
