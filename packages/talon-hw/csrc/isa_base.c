/* The kernels for any processor. */
#include "native.h"

#define ISA base
#include "isa.h"
