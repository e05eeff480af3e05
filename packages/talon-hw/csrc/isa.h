/* The kernels for one instruction set, which the file that includes this names: ISA, and what the compiler may use. */
#define PASTE(function, isa) function##_##isa
#define PASTED(function, isa) PASTE(function, isa)
#define NAME(function) PASTED(function, ISA)
#define QUOTE(isa) #isa
#define QUOTED(isa) QUOTE(isa)

#include "affine.h"
#include "conv.h"
#include "neuron.h"

const talon_kernels NAME(talon) = {QUOTED(ISA), NAME(affine), NAME(conv), NAME(neuron)};
