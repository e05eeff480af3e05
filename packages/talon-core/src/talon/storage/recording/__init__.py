"""Recordings: arrays that grow step by step, in a file of HDF5 or a zarr store that any program for these reads.

    outputs/NAME            what the Outputs gave
    records/NODE.QUANTITY   what was recorded; the nodes of nested graphs stand in groups

Each is `(T, B, *shape)` and says its `node` and `quantity`; the root says what ran.
"""

from __future__ import annotations

from talon.storage.recording.files import Recording as Recording
from talon.storage.recording.files import is_recording as is_recording
from talon.storage.recording.files import recording as recording
