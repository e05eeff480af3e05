/* Integer neurons in one pass: see talon_in_one_pass. */

/* In one pass, where that is what they are: what a reset leaves of a membrane fits. `p`: 1 where parameters repeat, else 0. */
#define CELL_PASS(TYPE, NAMED)                                                                                       \
    static inline __attribute__((always_inline)) void NAMED(const talon_cell *c, ptrdiff_t row, ptrdiff_t from,      \
                                                            ptrdiff_t count, const TYPE *restrict sum, ptrdiff_t p,  \
                                                            int rule, int rounding) {                                \
        const ptrdiff_t own = NAME(own_32)(c, from);                                                                 \
        const int32_t *restrict factors = (const int32_t *)c->factor + own;                                          \
        const int32_t *restrict thresholds = (const int32_t *)c->threshold + own;                                    \
        const int32_t *restrict resets = (const int32_t *)c->reset + own;                                            \
        const NAME(range_32) r = NAME(range_of_32)(c->membranes);                                                    \
        const int32_t greater = (c->rule & TALON_GREATER) != 0, shift = c->shift, bits = TALON_PASS_BITS;            \
        int32_t *restrict v = (int32_t *)c->v + talon_remainder(row, c->batch) * c->size + from, bad = 0, spikes = 0; \
        uint8_t *restrict y = c->y + row * c->size + from;                                                           \
        for (ptrdiff_t j = 0; j < count; j++) {                                                                      \
            const int32_t threshold = thresholds[j * p], reset = resets[j * p];                                      \
            const int32_t x = (int32_t)((uint32_t)(int32_t)sum[j] << shift);                                         \
            const int32_t now = NAME(quotient_32)(v[j] * factors[j * p], bits, rounding) + x;                        \
            const int32_t u = NAME(kept_32)(now, r, TALON_SATURATE, &bad), above = u - threshold;                    \
            const int32_t fires = above >= greater;                                                                  \
            v[j] = fires ? (rule == TALON_SUBTRACT ? above : reset) : u;                                             \
            y[j] = (uint8_t)fires;                                                                                   \
            spikes += fires;                                                                                         \
        }                                                                                                            \
        c->spikes[row] += spikes;                                                                                    \
        if (c->trace != NULL) memcpy((int32_t *)c->trace + row * c->size + from, v, sizeof(int32_t) * (size_t)count); \
    }
CELL_PASS(float, NAME(pass_f32))
CELL_PASS(int16_t, NAME(pass_i16))
CELL_PASS(int32_t, NAME(pass_i32))
#undef CELL_PASS
