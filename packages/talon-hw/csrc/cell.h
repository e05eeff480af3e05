/* Integer neurons: what numpy computes in int64, in a CELL as wide as their numbers need. One stage after the other over a
   strip that stays in the first cache; every stage is a loop without branches, one for each rule. Python gives a CELL in
   which no stage can overflow by itself. */

#define CELL_NAME_OF(function, bits) function##_##bits
#define CELL_NAMED(function, bits) NAME(CELL_NAME_OF(function, bits))
#define CELL_NAME(function) CELL_NAMED(function, CELL_BITS)

typedef struct {
    CELL low, high;
    int lost; /* upper bits that are lost by wrapping */
} CELL_NAME(range);

static inline CELL_NAME(range) CELL_NAME(range_of)(talon_register r) {
    const CELL high = (CELL)(((UCELL)1 << (r.bits - 1)) - 1);
    const CELL_NAME(range) found = {-high - 1, high, CELL_BITS - r.bits};
    return found;
}

/* A number as the register keeps it; `bad` gets bits where it does not fit one that traps. */
static inline __attribute__((always_inline)) CELL CELL_NAME(kept)(CELL x, CELL_NAME(range) r, int overflow, CELL *bad) {
    if (overflow == TALON_WRAP) return (CELL)((UCELL)x << r.lost) >> r.lost;
    const CELL above = x < r.low ? r.low : x, clipped = above > r.high ? r.high : above;
    if (overflow == TALON_TRAP) *bad |= x ^ clipped;
    return clipped;
}

/* x / 2^bits by the word for its rounding. */
static inline __attribute__((always_inline)) CELL CELL_NAME(quotient)(CELL x, CELL bits, int rounding) {
    const CELL half = (CELL)((UCELL)1 << bits >> 1), whole = (CELL)(((UCELL)1 << bits) - 1);
    if (rounding == TALON_RTZ) return (x + (x < 0 ? whole : 0)) >> bits;
    if (rounding == TALON_HALF_UP) return (x + half) >> bits;
    /* Of two neighbours that are equally near the upper one where the lower is odd. */
    const CELL any = half > 0;
    if (rounding == TALON_HALF_EVEN) return (x + half - any + (any & (x >> bits))) >> bits;
    return x >> bits;
}

/* Where the parameters of neurons from `from` on begin. */
static inline ptrdiff_t CELL_NAME(own)(const talon_cell *c, ptrdiff_t from) {
    if (c->period == 0 || c->period == c->size) return c->period == 0 ? 0 : from;
    return talon_remainder(from, c->period);
}

static inline __attribute__((always_inline)) void CELL_NAME(decay_row)(CELL *restrict u, const CELL *restrict factors,
                                                                       ptrdiff_t count, ptrdiff_t p, int rule, int bits,
                                                                       int rounding) {
    for (ptrdiff_t j = 0; j < count; j++) {
        const CELL v = u[j], factor = factors[j * p];
        if (rule == TALON_MULTIPLY) {
            u[j] = CELL_NAME(quotient)(v * factor, bits, rounding);
        } else {
            const CELL lost = CELL_NAME(quotient)(v, factor, rounding), sign = (CELL)((v > 0) - (v < 0));
            u[j] = v - (rule == TALON_SHIFT_1 && lost == 0 ? sign : lost);
        }
    }
}

#define CELL_DECAY(RULE, ROUNDING)                                                                      \
    case 4 * (RULE) + (ROUNDING):                                                                       \
        if (c->period)                                                                                  \
            CELL_NAME(decay_row)(u, factors, count, 1, RULE, c->decay_bits, ROUNDING);                  \
        else                                                                                            \
            CELL_NAME(decay_row)(u, factors, count, 0, RULE, c->decay_bits, ROUNDING);                  \
        return;
#define CELL_DECAYS(RULE)          \
    CELL_DECAY(RULE, TALON_FLOOR)  \
    CELL_DECAY(RULE, TALON_RTZ)    \
    CELL_DECAY(RULE, TALON_HALF_UP) \
    CELL_DECAY(RULE, TALON_HALF_EVEN)

static void CELL_NAME(decay)(const talon_cell *c, CELL *u, ptrdiff_t from, ptrdiff_t count) {
    const CELL *factors = (const CELL *)c->factor + CELL_NAME(own)(c, from);
    switch (4 * c->decay + c->decay_rounding) {
        CELL_DECAYS(TALON_SHIFT)
        CELL_DECAYS(TALON_SHIFT_1)
        CELL_DECAYS(TALON_MULTIPLY)
    }
}

/* Sums on their way to the membrane: kept by their register and shifted. */
static CELL CELL_NAME(arrived)(const talon_cell *c, CELL *restrict x, ptrdiff_t count) {
    CELL bad = 0;
    if (c->sums.bits < CELL_BITS) {
        const CELL_NAME(range) r = CELL_NAME(range_of)(c->sums);
        const int overflow = c->sums.overflow;
        if (overflow == TALON_SATURATE)
            for (ptrdiff_t j = 0; j < count; j++) x[j] = CELL_NAME(kept)(x[j], r, TALON_SATURATE, &bad);
        else if (overflow == TALON_WRAP)
            for (ptrdiff_t j = 0; j < count; j++) x[j] = CELL_NAME(kept)(x[j], r, TALON_WRAP, &bad);
        else
            for (ptrdiff_t j = 0; j < count; j++) x[j] = CELL_NAME(kept)(x[j], r, TALON_TRAP, &bad);
    }
    if (c->shift > 0)
        for (ptrdiff_t j = 0; j < count; j++) x[j] = (CELL)((UCELL)x[j] << c->shift);
    else if (c->shift < 0)
        for (ptrdiff_t j = 0; j < count; j++) x[j] = CELL_NAME(quotient)(x[j], -c->shift, c->rounding);
    return bad;
}

/* The membrane takes its input, is compared and reset. `take`: what a late reset subtracts. `p`: 1 where every neuron has
   parameters of its own, else 0. */
static inline __attribute__((always_inline)) int32_t CELL_NAME(fire_row)(const talon_cell *c, ptrdiff_t from,
                                                                         ptrdiff_t count, const CELL *restrict u,
                                                                         const CELL *restrict x,
                                                                         const CELL *restrict take, CELL *restrict v,
                                                                         uint8_t *restrict y, ptrdiff_t p, int rule,
                                                                         int overflow, CELL *wrong) {
    const CELL *restrict thresholds = (const CELL *)c->threshold + CELL_NAME(own)(c, from);
    const CELL *restrict resets = (const CELL *)c->reset + CELL_NAME(own)(c, from);
    const CELL_NAME(range) r = CELL_NAME(range_of)(c->membranes);
    const CELL greater = (c->rule & TALON_GREATER) != 0;
    CELL bad = 0;
    int32_t spikes = 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        const CELL threshold = thresholds[j * p], reset = resets[j * p];
        CELL now = CELL_NAME(kept)(u[j] + x[j], r, overflow, &bad);
        if (rule == (TALON_LATE | TALON_SUBTRACT)) now = CELL_NAME(kept)(now - take[j], r, overflow, &bad);
        const int fires = now >= threshold + greater;
        if (rule == TALON_SUBTRACT) now = CELL_NAME(kept)(now - (fires ? threshold : 0), r, overflow, &bad);
        if (rule == 0) now = fires ? reset : now;
        v[j] = now;
        y[j] = (uint8_t)fires;
        spikes += fires;
    }
    *wrong |= bad;
    return spikes;
}

#define CELL_FIRE(RULE, OVERFLOW)                                                                             \
    case 16 * (OVERFLOW) + (RULE):                                                                            \
        return c->period     ? CELL_NAME(fire_row)(c, from, count, u, x, take, v, y, 1, RULE, OVERFLOW, wrong) \
                             : CELL_NAME(fire_row)(c, from, count, u, x, take, v, y, 0, RULE, OVERFLOW, wrong);
#define CELL_FIRES(OVERFLOW)                 \
    CELL_FIRE(0, OVERFLOW)                   \
    CELL_FIRE(TALON_SUBTRACT, OVERFLOW)      \
    CELL_FIRE(TALON_NO_RESET, OVERFLOW)      \
    CELL_FIRE(TALON_LATE, OVERFLOW)          \
    CELL_FIRE(TALON_LATE | TALON_SUBTRACT, OVERFLOW)

static int32_t CELL_NAME(fire)(const talon_cell *c, ptrdiff_t from, ptrdiff_t count, const CELL *u, const CELL *x,
                               const CELL *take, CELL *v, uint8_t *y, CELL *wrong) {
    switch (16 * c->membranes.overflow + (c->rule & (TALON_SUBTRACT | TALON_NO_RESET | TALON_LATE))) {
        CELL_FIRES(TALON_SATURATE)
        CELL_FIRES(TALON_WRAP)
        CELL_FIRES(TALON_TRAP)
    }
    return -1;
}

/* A reset that is due since the last step: to a value now; what is subtracted goes to `take`. */
static void CELL_NAME(late)(const talon_cell *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, CELL *restrict u, CELL *restrict take) {
    const ptrdiff_t p = c->period != 0;
    const CELL *restrict thresholds = (const CELL *)c->threshold + CELL_NAME(own)(c, from);
    const CELL *restrict resets = (const CELL *)c->reset + CELL_NAME(own)(c, from);
    const CELL greater = (c->rule & TALON_GREATER) != 0;
    const int pending = (c->first > 0) | (row >= c->batch);
    for (ptrdiff_t j = 0; j < count; j++) {
        const CELL threshold = thresholds[j * p], reset = resets[j * p];
        const int due = pending & (u[j] >= threshold + greater);
        take[j] = due ? threshold : 0;
        if (!(c->rule & TALON_SUBTRACT)) u[j] = due ? reset : u[j];
    }
}

/* A strip: `x` holds its sums. */
static void CELL_NAME(strip)(const talon_cell *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, CELL *x) {
    CELL u[TALON_STRIP], take[TALON_STRIP], bad = CELL_NAME(arrived)(c, x, count);
    CELL *v = (CELL *)c->v + talon_remainder(row, c->batch) * c->size + from;
    memcpy(u, v, sizeof(CELL) * (size_t)count);
    if (c->rule & TALON_LATE) CELL_NAME(late)(c, row, from, count, u, take);
    if (c->rule & TALON_INPUT_FIRST) {
        const CELL_NAME(range) r = CELL_NAME(range_of)(c->membranes);
        for (ptrdiff_t j = 0; j < count; j++) {
            CELL off = 0;
            const CELL sum = u[j] + x[j];
            const CELL wrapped = CELL_NAME(kept)(sum, r, TALON_WRAP, &off), clipped = CELL_NAME(kept)(sum, r, TALON_TRAP, &off);
            u[j] = c->membranes.overflow == TALON_WRAP ? wrapped : clipped;
            bad |= c->membranes.overflow == TALON_TRAP ? off : 0;
            x[j] = 0;
        }
    }
    if (c->decay != TALON_KEEP) CELL_NAME(decay)(c, u, from, count);
    uint8_t *y = c->y + row * c->size + from;
    c->spikes[row] += CELL_NAME(fire)(c, from, count, u, x, take, v, y, &bad);
    if (c->trace != NULL) memcpy((CELL *)c->trace + row * c->size + from, v, sizeof(CELL) * (size_t)count);
    if (bad != 0) *c->trapped = 1;
}

#undef CELL_NAME
#undef CELL_NAMED
#undef CELL_NAME_OF
#undef CELL_DECAY
#undef CELL_DECAYS
#undef CELL_FIRE
#undef CELL_FIRES
