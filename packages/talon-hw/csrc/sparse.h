/* Sparse layers: every active input, ascending, adds to the outputs it is joined to. One accumulator per output starts at
   bias + 0 and takes its products in ascending input index, each rounded before it is added. */

/* Values that lie in one line of a cache. */
#define SPARSE_LINE 16

/* y += x * value, at the places of `index`. The outputs of one input differ, so that no sum depends on another one.
   Meanwhile what comes next is fetched, whose place follows no pattern that the processor could see. */
static inline void NAME(sparse_scatter)(float *restrict y, float x, const int32_t *restrict index,
                                        const float *restrict value, ptrdiff_t count, ptrdiff_t next) {
    ptrdiff_t k = 0;
    for (; k + SPARSE_LINE <= count; k += SPARSE_LINE) {
        __builtin_prefetch(index + next + k);
        __builtin_prefetch(value + next + k);
        if (x == 1.0f) {
            for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] += value[j];
        } else {
            for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] += x * value[j];
        }
    }
    __builtin_prefetch(index + next + k);
    __builtin_prefetch(value + next + k);
    for (; k < count; k++) y[index[k]] += x * value[k];
}

static int NAME(sparse)(const talon_sparse *c) {
    const talon_synapses *s = c->synapses;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = NAME(floats_at)(c->x, row * s->in);
        float *y = c->sum != NULL ? c->sum : c->y + row * s->out;
        int odd = 0;
        const ptrdiff_t events = NAME(active)(c->x, row * s->in, s->in, c->index, &odd);
        int64_t synops = 0;
        NAME(begin_f32)(y, c->bias, 1, s->out);
        for (ptrdiff_t e = 0; e < events; e++) {
            const int32_t input = c->index[e], next = c->index[e + 1 < events ? e + 1 : e];
            const int64_t from = s->ends[input], count = s->ends[input + 1] - from;
            NAME(sparse_scatter)(y, x == NULL ? 1.0f : x[input], s->index + from, s->value + from, count, s->ends[next] - from);
            synops += count;
        }
        c->synops[row] = synops;
        c->binary[row] = !odd;
        NAME(feed_f32)(&c->after, row, 0, s->out, y);
    }
    return TALON_EVENT;
}
