/* Which instruction set is used, and sizes that callers need. */
#include "native.h"

#include <string.h>

int talon_conv_patches(const talon_conv *c) {
    int suits = c->groups == 1 && c->kernel[0] <= TALON_PATCH;
    for (int axis = 0; axis < 2; axis++) suits &= c->dilation[axis] == 1 && c->pad[axis] < c->kernel[axis];
    return suits;
}

ptrdiff_t talon_conv_scratch(const talon_conv *c) {
    const ptrdiff_t places = c->osize[0] * c->osize[1];
    const ptrdiff_t ring = talon_conv_patches(c) ? talon_conv_ring(c, 0) * talon_conv_reached(c, 1).count : 0;
    const ptrdiff_t outs = c->groups * c->out, sums = (ring > places ? ring : places) * outs;
    /* Dense, from bytes: the sums of a line, and the map as floats. */
    const ptrdiff_t widened = c->osize[1] * outs + c->size[0] * c->size[1] * c->groups * c->in;
    return sums > widened ? sums : widened;
}

ptrdiff_t talon_conv_index(const talon_conv *c) {
    const ptrdiff_t taps = c->size[0] * (1 + 2 * c->kernel[0]) + c->size[1] * (1 + 2 * c->kernel[1]);
    const ptrdiff_t inside = 2 * (c->osize[0] + c->osize[1]);
    return taps + inside + c->size[0] + c->size[0] * c->size[1] * c->groups * c->in + TALON_WIDE;
}

const talon_kernels *talon_choose(const char *name) {
#ifdef TALON_X86
    __builtin_cpu_init();
    const int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                   __builtin_cpu_supports("bmi2");
    const int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl");
    if (v4 && (name == NULL || strcmp(name, "v4") == 0)) return &talon_v4;
    if (v3 && (name == NULL || strcmp(name, "v3") == 0)) return &talon_v3;
#endif
    return name == NULL || strcmp(name, "base") == 0 ? &talon_base : NULL;
}
