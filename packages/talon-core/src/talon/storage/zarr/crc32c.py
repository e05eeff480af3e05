"""crc32c, by the library that zarr itself uses; without it there is one clear error."""

from __future__ import annotations

import numpy as np

from talon.ir.errors import TalonMissingPluginError

try:
    import google_crc32c as library
except ImportError as error:
    raise TalonMissingPluginError(
        "T001",
        "zarr stores need the extra 'zarr' of talon-core",
        expected="zarr 3 and google-crc32c",
        found=str(error),
        help="pip install 'talon-core[zarr]'",
    ) from error


def crc32c(data: np.ndarray, before: int = 0) -> int:
    """The crc32c of bytes. `before`: that of the bytes in front of them."""
    return int(library.extend(before, data))
