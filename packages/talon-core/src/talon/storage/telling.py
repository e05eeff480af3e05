"""Progress told to a caller, whose own errors are none of the file's."""

from __future__ import annotations

from talon.storage.backend import Progress


class Raised(BaseException):
    """What a caller's function raised, on its way past all that makes errors of files of ours. Like an interrupt it is
    caught by nobody who does not mean it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def told(progress: Progress | None) -> Progress | None:
    """A function that tells `progress`, and carries what this raises as `Raised`."""
    if progress is None:
        return None

    def tell(done: int, total: int) -> None:
        try:
            progress(done, total)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            raise Raised(error) from None

    return tell
