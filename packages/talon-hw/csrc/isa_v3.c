/* The kernels for x86-64-v3. */
#include "native.h"

#ifdef TALON_X86
#pragma GCC target("avx2,fma,bmi,bmi2")
#define ISA v3
#include "isa.h"
#else
typedef int talon_empty; /* a file of C must hold something */
#endif
