/* The kernels for x86-64-v4. */
#include "native.h"

#ifdef TALON_X86
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,prefer-vector-width=512")
#define ISA v4
#include "isa.h"
#else
typedef int talon_empty; /* a file of C must hold something */
#endif
