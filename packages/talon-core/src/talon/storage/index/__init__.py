"""The index of a file: all of a document but large arrays as checked columns, so that no HDF5 is needed to read it.

`layout` says once what the columns are; `building` makes them of a document, `checking` proves them and `records` makes
a document of them again. `packing` is their form in bytes, `footer` says where in a file these stand.
"""
