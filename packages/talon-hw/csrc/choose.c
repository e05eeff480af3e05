/* Which instruction set is used, and sizes that callers need. */
#include "native.h"

#include <string.h>

ptrdiff_t talon_conv_scratch(const talon_conv *c) {
    return c->in * c->size[0] * c->size[1] + c->out * c->osize[0] * c->osize[1];
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
