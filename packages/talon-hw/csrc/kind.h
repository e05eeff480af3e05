/* Layers with weights of one type and sums of another, which the file that includes this names: KIND, WEIGHT, SUM, and
   LANES, how many sums are worked on side by side. Whole numbers add up exactly, in whatever order. */
#define KIND_NAME_OF(function, kind) function##_##kind
#define KIND_NAMED(function, kind) NAME(KIND_NAME_OF(function, kind))
#define KIND_NAME(function) KIND_NAMED(function, KIND)

/* As many weights, and sums, as are worked on side by side. */
typedef WEIGHT KIND_NAME(weights) __attribute__((vector_size(LANES * sizeof(WEIGHT)), aligned(sizeof(WEIGHT)), may_alias));
typedef SUM KIND_NAME(sums) __attribute__((vector_size(LANES * sizeof(SUM)), aligned(sizeof(SUM)), may_alias));
#define SUMS KIND_NAME(sums)
#define SUMS_AT(p) (*(const SUMS *)(p))
#define SUMS_TO(p, a) (*(SUMS *)(p) = (a))
#define WEIGHTS(p) __builtin_convertvector(*(const KIND_NAME(weights) *)(p), SUMS)
#define KIND_WIDENED(count) (((count) + LANES - 1) / LANES * LANES)

/* Repeats a pattern, or zeros without one: where accumulators start. */
static inline void KIND_NAME(begin)(SUM *restrict y, const SUM *bias, ptrdiff_t places, ptrdiff_t channels) {
    if (bias == NULL) {
        memset(y, 0, sizeof(SUM) * (size_t)(places * channels));
        return;
    }
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < channels; o++) y[p * channels + o] = (SUM)(bias[o] + (SUM)0);
}

#include "affine.h"

#undef KIND_NAME_OF
#undef KIND_NAMED
#undef KIND_NAME
#undef SUMS
#undef SUMS_AT
#undef SUMS_TO
#undef WEIGHTS
#undef KIND_WIDENED
#undef KIND
#undef WEIGHT
#undef SUM
#undef LANES
