/* LIF and IF with every reset: the same operations in the same order as their numpy step. */

/* The smallest normal number: state below it becomes +0.0. */
#define NEURON_TINY 1.17549435e-38f

static inline float NAME(settle)(float v) {
    return fabsf(v) < NEURON_TINY ? 0.0f : v;
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
/* Sixteen at once by hand, as below: spikes go from the mask of a comparison to bytes, and are counted as bits. Gives how
   many neurons are done. */
#define NEURON_EACH(parameter) (p ? _mm512_loadu_ps((parameter) + j) : _mm512_set1_ps(*(parameter)))
#define NEURON_FIRES(u) _mm512_cmp_ps_mask(u, threshold, (rule & TALON_GREATER) ? _CMP_GT_OQ : _CMP_GE_OQ)
#define NEURON_SETTLED(u) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(u), tiny, _CMP_NLT_UQ), u)
static inline __attribute__((always_inline)) ptrdiff_t NAME(neuron_wide)(
    ptrdiff_t count, const float *restrict x, const float *restrict beta, const float *restrict gain,
    const float *restrict leak, const float *restrict r, const float *restrict limit, const float *restrict after,
    uint8_t *restrict y, float *restrict v, ptrdiff_t p, int rule, int pending, int32_t *spikes) {
    const __m512 tiny = _mm512_set1_ps(NEURON_TINY);
    int32_t fired = 0;
    ptrdiff_t j = 0;
    for (; j + 16 <= count; j += 16) {
        const __m512 threshold = NEURON_EACH(limit), reset = NEURON_EACH(after);
        const __m512 input = _mm512_mul_ps(NEURON_EACH(r), _mm512_loadu_ps(x + j));
        __m512 u = _mm512_loadu_ps(v + j);
        const __mmask16 late = (rule & TALON_LATE) && pending ? NEURON_FIRES(u) : 0;
        if ((rule & TALON_LATE) && !(rule & TALON_SUBTRACT)) u = _mm512_mask_mov_ps(u, late, reset);
        if (rule & TALON_LEAKS) {
            const __m512 driven = _mm512_mul_ps(NEURON_EACH(gain), _mm512_add_ps(NEURON_EACH(leak), input));
            u = _mm512_add_ps(_mm512_mul_ps(NEURON_EACH(beta), u), driven);
        } else {
            u = _mm512_add_ps(u, input);
        }
        if ((rule & TALON_LATE) && (rule & TALON_SUBTRACT)) u = _mm512_mask_mov_ps(u, late, _mm512_sub_ps(u, threshold));
        u = NEURON_SETTLED(u);
        const __mmask16 fires = NEURON_FIRES(u);
        if (!(rule & (TALON_LATE | TALON_NO_RESET))) {
            const __m512 left = (rule & TALON_SUBTRACT) ? _mm512_sub_ps(u, threshold) : reset;
            u = _mm512_mask_mov_ps(u, fires, NEURON_SETTLED(left));
        }
        _mm512_storeu_ps(v + j, u);
        _mm_storeu_si128((__m128i *)(y + j), _mm_maskz_set1_epi8(fires, 1));
        fired += __builtin_popcount(fires);
    }
    *spikes += fired;
    return j;
}
#undef NEURON_EACH
#undef NEURON_FIRES
#undef NEURON_SETTLED
#define NEURON_BEGINS(...) NAME(neuron_wide)(__VA_ARGS__)
#else
#define NEURON_BEGINS(...) 0
#endif

/* `p`: 1 where every neuron has parameters of its own, else 0. Constant arguments make each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t NAME(neuron_row)(const talon_neuron *c, ptrdiff_t from,
                                                                      ptrdiff_t count, const float *restrict x,
                                                                      uint8_t *restrict y, float *restrict v, ptrdiff_t p,
                                                                      int rule, int pending) {
    const float *beta = c->beta + from * p, *gain = c->gain + from * p, *leak = c->leak + from * p;
    const float *r = c->r + from * p, *limit = c->threshold + from * p, *after = c->reset + from * p;
    int32_t spikes = 0;
    for (ptrdiff_t j = NEURON_BEGINS(count, x, beta, gain, leak, r, limit, after, y, v, p, rule, pending, &spikes); j < count;
         j++) {
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
    float *v = c->v + talon_remainder(row, c->batch) * c->size + from;
    const int pending = (c->first > 0) | (row >= c->batch);
    c->spikes[row] += NAME(neuron_ruled)(c, from, count, x, c->y + at, v, pending);
    if (c->trace != NULL) memcpy(c->trace + at, v, sizeof(float) * (size_t)count);
}

static void NAME(neuron)(const talon_neuron *c) {
    for (ptrdiff_t row = 0; row < c->steps * c->batch; row++) {
        c->spikes[row] = 0;
        NAME(neuron_span)(c, row, 0, c->size, c->x + row * c->size);
    }
}
