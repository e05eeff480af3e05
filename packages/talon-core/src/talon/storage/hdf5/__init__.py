"""The HDF5 backend: `.t1c` files that the published package and any HDF5 tool can open."""
