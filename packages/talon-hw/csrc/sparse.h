/* Sparse layers: every active input, ascending, adds to the outputs it is joined to. One accumulator per output starts at
   bias + 0 and takes its products in ascending input index, each rounded before it is added. */

/* Values that lie in one line of a cache. */
#define SPARSE_LINE 16

/* y += x * value, at the places of `index`. The outputs of one input differ, so that no sum depends on another one.
   Meanwhile what comes next is fetched, whose place follows no pattern that the processor could see. */
#define SPARSE_SCATTER(SUM, INDEX, VALUE, NAMED)                                                                     \
    static inline void NAMED(SUM *restrict y, SUM x, const talon_synapses *s, int64_t from, ptrdiff_t count,         \
                             int64_t next) {                                                                         \
        const INDEX *restrict index = (const INDEX *)s->index + from, *after = (const INDEX *)s->index + next;       \
        const VALUE *restrict value = (const VALUE *)s->value + from, *later = (const VALUE *)s->value + next;       \
        ptrdiff_t k = 0;                                                                                             \
        for (; k + SPARSE_LINE <= count; k += SPARSE_LINE) {                                                         \
            __builtin_prefetch(after + k);                                                                           \
            __builtin_prefetch(later + k);                                                                           \
            if (x == 1) {                                                                                            \
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] += value[j];                             \
            } else {                                                                                                 \
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] += x * value[j];                         \
            }                                                                                                        \
        }                                                                                                            \
        __builtin_prefetch(after + k);                                                                               \
        __builtin_prefetch(later + k);                                                                               \
        for (; k < count; k++) y[index[k]] += x * value[k];                                                          \
    }
SPARSE_SCATTER(float, int32_t, float, NAME(scatter_f32))
SPARSE_SCATTER(float, uint16_t, float, NAME(scatter_near_f32))
SPARSE_SCATTER(int32_t, int32_t, int16_t, NAME(scatter_i32))
SPARSE_SCATTER(int32_t, uint16_t, int16_t, NAME(scatter_near_i32))
#undef SPARSE_SCATTER

/* The events of a row, from inputs that are not there where they are bytes; gives the synapses that they went through. */
#define SPARSE_EVENTS(SUM, FAR, CLOSE, NAMED)                                                                        \
    static int64_t NAMED(const talon_sparse *c, SUM *restrict y, const float *restrict x, ptrdiff_t events) {        \
        const talon_synapses *s = c->synapses;                                                                       \
        int64_t synops = 0;                                                                                          \
        for (ptrdiff_t e = 0; e < events; e++) {                                                                     \
            const int32_t input = c->index[e], next = c->index[e + 1 < events ? e + 1 : e];                          \
            const int64_t from = s->ends[input], count = s->ends[input + 1] - from;                                  \
            const SUM value = x == NULL ? 1 : (SUM)x[input];                                                         \
            if (s->near)                                                                                             \
                CLOSE(y, value, s, from, count, s->ends[next]);                                                      \
            else                                                                                                     \
                FAR(y, value, s, from, count, s->ends[next]);                                                        \
            synops += count;                                                                                         \
        }                                                                                                            \
        return synops;                                                                                               \
    }
SPARSE_EVENTS(float, NAME(scatter_f32), NAME(scatter_near_f32), NAME(sparse_events_f32))
SPARSE_EVENTS(int32_t, NAME(scatter_i32), NAME(scatter_near_i32), NAME(sparse_events_i32))
#undef SPARSE_EVENTS

static int NAME(sparse)(const talon_sparse *c) {
    const talon_synapses *s = c->synapses;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = NAME(floats_at)(c->x, row * s->in);
        float *y = c->y == NULL ? NULL : c->y + row * s->out;
        int odd = 0;
        const ptrdiff_t events = NAME(active)(c->x, row * s->in, s->in, c->index, &odd);
        c->binary[row] = !odd;
        if (s->whole) {
            /* In the memory of the floats that they become. */
            int32_t *sum = y == NULL ? c->sum : (int32_t *)(void *)y;
            for (ptrdiff_t o = 0; o < s->out; o++) sum[o] = c->bias == NULL ? 0 : (int32_t)c->bias[o];
            c->synops[row] = NAME(sparse_events_i32)(c, sum, x, events);
            if (!NAME(feed_i16_i32)(&c->after, row, 0, s->out, sum))
                for (ptrdiff_t o = 0; o < s->out; o++) y[o] = (float)sum[o];
        } else {
            float *sum = y == NULL ? c->sum : y;
            NAME(begin_f32)(sum, c->bias, 1, s->out);
            c->synops[row] = NAME(sparse_events_f32)(c, sum, x, events);
            NAME(feed_f32)(&c->after, row, 0, s->out, sum);
        }
    }
    return TALON_EVENT;
}
