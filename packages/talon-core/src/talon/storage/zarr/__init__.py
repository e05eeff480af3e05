"""zarr stores, format 3: the columns of the index as arrays, small arrays pooled, large ones as arrays of their own.

`layout` says what stands under which key; `writing` puts it there and `reading` proves it. The keys are in a `folder`,
in a zip `archive`, or in the `objects` of a store that the caller brings.
"""
