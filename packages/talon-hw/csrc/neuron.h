/* LIF and IF with every reset: the same operations in the same order as their numpy step. */

/* The smallest normal number: state below it becomes +0.0. */
#define NEURON_TINY 1.17549435e-38f

static inline float NAME(settle)(float v) {
    return fabsf(v) < NEURON_TINY ? 0.0f : v;
}

/* `p`: 1 where every neuron has parameters of its own, else 0. Constant arguments make each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t NAME(neuron_row)(const talon_neuron *c, const float *restrict x,
                                                                      float *restrict y, float *restrict v, ptrdiff_t p,
                                                                      int rule, int pending) {
    int32_t spikes = 0;
    for (ptrdiff_t j = 0; j < c->size; j++) {
        /* Both sides of every choice are computed: a loop without branches is vectorised. */
        const float threshold = c->threshold[j * p], reset = c->reset[j * p];
        float u = v[j];
        const int late = pending & ((rule & TALON_GREATER) ? u > threshold : u >= threshold);
        if ((rule & TALON_LATE) && !(rule & TALON_SUBTRACT)) u = late ? reset : u;
        if (rule & TALON_LEAKS)
            u = c->beta[j * p] * u + c->gain[j * p] * (c->leak[j * p] + c->r[j * p] * x[j]);
        else
            u = u + c->r[j * p] * x[j];
        const float lower = u - threshold;
        if ((rule & TALON_LATE) && (rule & TALON_SUBTRACT)) u = late ? lower : u;
        u = NAME(settle)(u);
        const int fires = (rule & TALON_GREATER) ? u > threshold : u >= threshold;
        const float less = u - threshold;
        if (!(rule & (TALON_LATE | TALON_NO_RESET))) u = fires ? ((rule & TALON_SUBTRACT) ? less : reset) : u;
        v[j] = NAME(settle)(u);
        y[j] = fires ? 1.0f : 0.0f;
        spikes += fires;
    }
    return spikes;
}

/* One loop for each rule, which the compiler can then vectorise without branches. */
#define NEURON_CASE(RULE)                                                           \
    case RULE:                                                                      \
        return c->per_neuron ? NAME(neuron_row)(c, x, y, v, 1, RULE, pending)       \
                             : NAME(neuron_row)(c, x, y, v, 0, RULE, pending);
#define NEURON_RESETS(BITS)            \
    NEURON_CASE(BITS)                  \
    NEURON_CASE(BITS | TALON_SUBTRACT) \
    NEURON_CASE(BITS | TALON_NO_RESET)
#define NEURON_DELAYS(BITS)  \
    NEURON_RESETS(BITS)      \
    NEURON_CASE(BITS | TALON_LATE) NEURON_CASE(BITS | TALON_LATE | TALON_SUBTRACT)

static int64_t NAME(neuron_ruled)(const talon_neuron *c, const float *x, float *y, float *v, int pending) {
    switch (c->rule) {
        NEURON_DELAYS(0)
        NEURON_DELAYS(TALON_GREATER)
        NEURON_DELAYS(TALON_LEAKS)
        NEURON_DELAYS(TALON_LEAKS | TALON_GREATER)
    }
    return -1;
}

static void NAME(neuron)(const talon_neuron *c) {
    for (ptrdiff_t t = 0; t < c->steps; t++)
        for (ptrdiff_t b = 0; b < c->batch; b++) {
            const ptrdiff_t row = t * c->batch + b;
            float *v = c->v + b * c->size;
            const int pending = c->first + t > 0;
            c->spikes[row] = NAME(neuron_ruled)(c, c->x + row * c->size, c->y + row * c->size, v, pending);
            if (c->trace != NULL)
                for (ptrdiff_t j = 0; j < c->size; j++) c->trace[row * c->size + j] = v[j];
        }
}
