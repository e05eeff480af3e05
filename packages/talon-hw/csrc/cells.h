/* Integer neurons of every width, and what hands sums to neurons of any kind. */

#define CELL int32_t
#define UCELL uint32_t
#define CELL_BITS 32
#include "cell.h"
#undef CELL
#undef UCELL
#undef CELL_BITS

#define CELL int64_t
#define UCELL uint64_t
#define CELL_BITS 64
#include "cell.h"
#undef CELL
#undef UCELL
#undef CELL_BITS

#include "passes.h"
#include "short.h"

#define CELL_PASSES(PASS, RULE, ROUNDING)                                                                            \
    if (c->period != 0)                                                                                              \
        PASS(c, row, from, part, sum, 1, RULE, ROUNDING);                                                            \
    else                                                                                                             \
        PASS(c, row, from, part, sum, 0, RULE, ROUNDING);

/* The neurons `from` to `from + count` of a row, whose inputs are `sum`, of any type. */
#define CELL_SPAN(TYPE, PASS, SHORT, NAMED)                                                                          \
    static void NAMED(const talon_cell *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const TYPE *restrict sum) { \
        const int simple = c->one_pass, subtracts = (c->rule & TALON_SUBTRACT) != 0;                                 \
        const int even = c->decay_rounding == TALON_HALF_EVEN;                                                       \
        /* Those of 16 bits need no room for a strip, and are taken by strips only where parameters repeat. */       \
        const int whole = c->word == 16 && (c->period == 0 || c->period == c->size);                                 \
        const ptrdiff_t strip = whole ? count : TALON_STRIP;                                                         \
        for (; count > 0; from += strip, sum += strip, count -= strip) {                                             \
            const ptrdiff_t part = count < strip ? count : strip;                                                    \
            if (c->word == 16) {                                                                                     \
                SHORT(c, row, from, part, sum);                                                                      \
            } else if (simple && subtracts && even) {                                                                \
                CELL_PASSES(PASS, TALON_SUBTRACT, TALON_HALF_EVEN)                                                   \
            } else if (simple && subtracts) {                                                                        \
                CELL_PASSES(PASS, TALON_SUBTRACT, TALON_RTZ)                                                         \
            } else if (simple && even) {                                                                             \
                CELL_PASSES(PASS, 0, TALON_HALF_EVEN)                                                                \
            } else if (simple) {                                                                                     \
                CELL_PASSES(PASS, 0, TALON_RTZ)                                                                      \
            } else if (c->word == 64) {                                                                              \
                int64_t x[TALON_STRIP];                                                                              \
                for (ptrdiff_t j = 0; j < part; j++) x[j] = (int64_t)sum[j];                                         \
                NAME(strip_64)(c, row, from, part, x);                                                               \
            } else {                                                                                                 \
                int32_t x[TALON_STRIP];                                                                              \
                for (ptrdiff_t j = 0; j < part; j++) x[j] = (int32_t)sum[j];                                         \
                NAME(strip_32)(c, row, from, part, x);                                                               \
            }                                                                                                        \
        }                                                                                                            \
    }
CELL_SPAN(float, NAME(pass_f32), NAME(short_f32), NAME(cell_span_f32))
CELL_SPAN(int16_t, NAME(pass_i16), NAME(short_i16), NAME(cell_span_i16))
CELL_SPAN(int32_t, NAME(pass_i32), NAME(short_i32), NAME(cell_span_i32))

static void NAME(cell)(const talon_cell *c) {
    for (ptrdiff_t row = 0; row < c->steps * c->batch; row++) {
        c->spikes[row] = 0;
        NAME(cell_span_f32)(c, row, 0, c->size, c->x + row * c->size);
    }
}

/* The sums of outputs `from` on of a row, to the neurons that follow; 0 where none do. */
static inline int NAME(feed_f32)(const talon_after *after, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const float *sum) {
    if (after->cell != NULL) {
        if (from == 0) after->cell->spikes[row] = 0;
        NAME(cell_span_f32)(after->cell, row, from, count, sum);
    } else if (after->neuron != NULL) {
        if (from == 0) after->neuron->spikes[row] = 0;
        NAME(neuron_span)(after->neuron, row, from, count, sum);
    } else {
        return 0;
    }
    return 1;
}

/* Whole numbers, to integer neurons. */
#define CELL_FEED(TYPE, SPAN, NAMED)                                                                                 \
    static inline int NAMED(const talon_after *after, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const TYPE *sum) { \
        if (after->cell == NULL) return 0;                                                                           \
        if (from == 0) after->cell->spikes[row] = 0;                                                                 \
        SPAN(after->cell, row, from, count, sum);                                                                    \
        return 1;                                                                                                    \
    }
CELL_FEED(int16_t, NAME(cell_span_i16), NAME(feed_i8_i16))
CELL_FEED(int32_t, NAME(cell_span_i32), NAME(feed_i16_i32))
