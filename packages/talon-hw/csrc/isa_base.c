/* The kernels for any processor. */
#include "native.h"

#define NAME(function) function##_base
#include "affine.h"
#include "conv.h"
#include "neuron.h"

const talon_kernels talon_base = {"base", affine_base, conv_base, neuron_base};
