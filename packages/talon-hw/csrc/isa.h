/* The kernels for one instruction set, which the file that includes this names: ISA, and what the compiler may use. */
#define PASTE(function, isa) function##_##isa
#define PASTED(function, isa) PASTE(function, isa)
#define NAME(function) PASTED(function, ISA)
#define QUOTE(isa) #isa
#define QUOTED(isa) QUOTE(isa)

#include "wide.h"

#include "neuron.h"
#include "cells.h"

#include "kinds.h"
#include "sparse.h"
#include "conv.h"
#include "pools.h"
#include "maps.h"
#include "encode.h"

const talon_kernels NAME(talon) = {
    .name = QUOTED(ISA),
    .affine = {NAME(affine_f32), NAME(affine_i8_i16), NAME(affine_i16_i32)},
    .sparse = NAME(sparse),
    .conv = NAME(conv),
    .neuron = NAME(neuron),
    .cell = NAME(cell),
    .pool = NAME(pool),
    .mean = NAME(mean),
    .rectify = NAME(rectify),
    .widen = NAME(widen),
    .narrow = NAME(narrow),
    .turn = NAME(turn),
    .turn_bytes = NAME(turn_bytes),
    .gather = NAME(gather),
    .join = NAME(join),
    .encode = NAME(encode),
};
