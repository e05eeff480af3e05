/* LIF and IF with every reset: the same operations in the same order as their numpy step. */

/* The smallest normal number: state below it becomes +0.0. */
#define NEURON_TINY 1.17549435e-38f

static inline float NAME(settle)(float v) {
    return fabsf(v) < NEURON_TINY ? 0.0f : v;
}

/* `p`: 1 where every neuron has parameters of its own, else 0. Constant arguments make each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t NAME(neuron_row)(const talon_neuron *c, ptrdiff_t from,
                                                                      ptrdiff_t count, const float *restrict x,
                                                                      uint8_t *restrict y, float *restrict v, ptrdiff_t p,
                                                                      int rule, int pending) {
    const float *beta = c->beta + from * p, *gain = c->gain + from * p, *leak = c->leak + from * p;
    const float *r = c->r + from * p, *limit = c->threshold + from * p, *after = c->reset + from * p;
    int32_t spikes = 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        /* Both sides of every choice are computed: a loop without branches is vectorised. */
        const float threshold = limit[j * p], reset = after[j * p];
        float u = v[j];
        const int late = pending & ((rule & TALON_GREATER) ? u > threshold : u >= threshold);
        if ((rule & TALON_LATE) && !(rule & TALON_SUBTRACT)) u = late ? reset : u;
        if (rule & TALON_LEAKS)
            u = beta[j * p] * u + gain[j * p] * (leak[j * p] + r[j * p] * x[j]);
        else
            u = u + r[j * p] * x[j];
        const float lower = u - threshold;
        if ((rule & TALON_LATE) && (rule & TALON_SUBTRACT)) u = late ? lower : u;
        u = NAME(settle)(u);
        const int fires = (rule & TALON_GREATER) ? u > threshold : u >= threshold;
        /* Settled already, but for what a spike puts in its place. */
        if (!(rule & (TALON_LATE | TALON_NO_RESET)))
            u = fires ? NAME(settle)((rule & TALON_SUBTRACT) ? u - threshold : reset) : u;
        v[j] = u;
        y[j] = (uint8_t)fires;
        spikes += fires;
    }
    return spikes;
}

/* One loop for each rule, which the compiler can then vectorise without branches. */
#define NEURON_CASE(RULE)                                                                        \
    case RULE:                                                                                   \
        return c->per_neuron ? NAME(neuron_row)(c, from, count, x, y, v, 1, RULE, pending)       \
                             : NAME(neuron_row)(c, from, count, x, y, v, 0, RULE, pending);
#define NEURON_RESETS(BITS)            \
    NEURON_CASE(BITS)                  \
    NEURON_CASE(BITS | TALON_SUBTRACT) \
    NEURON_CASE(BITS | TALON_NO_RESET)
#define NEURON_DELAYS(BITS)  \
    NEURON_RESETS(BITS)      \
    NEURON_CASE(BITS | TALON_LATE) NEURON_CASE(BITS | TALON_LATE | TALON_SUBTRACT)

static int64_t NAME(neuron_ruled)(const talon_neuron *c, ptrdiff_t from, ptrdiff_t count, const float *x, uint8_t *y,
                                  float *v, int pending) {
    switch (c->rule) {
        NEURON_DELAYS(0)
        NEURON_DELAYS(TALON_GREATER)
        NEURON_DELAYS(TALON_LEAKS)
        NEURON_DELAYS(TALON_LEAKS | TALON_GREATER)
    }
    return -1;
}

/* The neurons `from` to `from + count` of a row, whose inputs are `x`. */
static void NAME(neuron_span)(const talon_neuron *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const float *x) {
    const ptrdiff_t at = row * c->size + from;
    float *v = c->v + (row % c->batch) * c->size + from;
    const int pending = c->first + row / c->batch > 0;
    c->spikes[row] += NAME(neuron_ruled)(c, from, count, x, c->y + at, v, pending);
    if (c->trace != NULL) memcpy(c->trace + at, v, sizeof(float) * (size_t)count);
}

static void NAME(neuron)(const talon_neuron *c) {
    for (ptrdiff_t row = 0; row < c->steps * c->batch; row++) {
        c->spikes[row] = 0;
        NAME(neuron_span)(c, row, 0, c->size, c->x + row * c->size);
    }
}
