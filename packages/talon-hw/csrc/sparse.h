/* Sparse layers: every active input, ascending, adds to the outputs it is joined to. One accumulator per output starts at
   bias + 0 and takes its products in ascending input index, each rounded before it is added. */

/* How many inputs ahead synapses are asked for: their places follow no pattern that the processor could see. */
#define SPARSE_AHEAD 2
/* Bytes that come at once. */
#define SPARSE_LINE 64

static inline void NAME(sparse_fetch)(const talon_synapses *s, int32_t input) {
    const char *index = (const char *)(s->index + s->ends[input]), *value = (const char *)(s->value + s->ends[input]);
    const ptrdiff_t bytes = (ptrdiff_t)sizeof(float) * (s->ends[input + 1] - s->ends[input]);
    for (ptrdiff_t at = 0; at < bytes; at += SPARSE_LINE) {
        __builtin_prefetch(index + at);
        __builtin_prefetch(value + at);
    }
}

/* The outputs of one input differ, so that no sum depends on another one. */
static inline void NAME(sparse_scatter)(float *restrict y, float x, const int32_t *restrict index,
                                        const float *restrict value, ptrdiff_t count) {
    if (x == 1.0f) {
        for (ptrdiff_t k = 0; k < count; k++) y[index[k]] += value[k];
    } else {
        for (ptrdiff_t k = 0; k < count; k++) y[index[k]] += x * value[k];
    }
}

static int NAME(sparse)(const talon_sparse *c) {
    const talon_synapses *s = c->synapses;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = c->x + row * s->in;
        float *y = c->neuron != NULL ? c->sum : c->y + row * s->out;
        int odd = 0;
        const ptrdiff_t events = NAME(active)(x, s->in, c->index, &odd);
        int64_t synops = 0;
        NAME(begin)(y, c->bias, 1, s->out);
        for (ptrdiff_t e = 0; e < events; e++) {
            const int64_t from = s->ends[c->index[e]], count = s->ends[c->index[e] + 1] - from;
            if (e + SPARSE_AHEAD < events) NAME(sparse_fetch)(s, c->index[e + SPARSE_AHEAD]);
            NAME(sparse_scatter)(y, x[c->index[e]], s->index + from, s->value + from, count);
            synops += count;
        }
        c->synops[row] = synops;
        c->binary[row] = !odd;
        if (c->neuron != NULL) {
            c->neuron->spikes[row] = 0;
            NAME(neuron_span)(c->neuron, row, 0, s->out, y);
        }
    }
    return TALON_EVENT;
}
