"""The native engine: the C library, programs made of its kernels, and sessions that run them."""
