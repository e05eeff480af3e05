/* The kernels for x86-64-v3. */
#include "native.h"

#ifdef TALON_X86
#pragma GCC target("avx2,fma,bmi,bmi2")

#define NAME(function) function##_v3
#include "affine.h"
#include "conv.h"
#include "neuron.h"

const talon_kernels talon_v3 = {"v3", affine_v3, conv_v3, neuron_v3};

#else
typedef int talon_empty; /* a file of C must hold something */
#endif
