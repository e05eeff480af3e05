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
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] = (SUM)(y[index[j]] + value[j]);         \
            } else {                                                                                                 \
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++) y[index[j]] = (SUM)(y[index[j]] + x * value[j]);     \
            }                                                                                                        \
        }                                                                                                            \
        __builtin_prefetch(after + k);                                                                               \
        __builtin_prefetch(later + k);                                                                               \
        for (; k < count; k++) y[index[k]] = (SUM)(y[index[k]] + x * value[k]);                                      \
    }
SPARSE_SCATTER(float, int32_t, float, NAME(scatter_f32))
SPARSE_SCATTER(float, uint16_t, float, NAME(scatter_near_f32))
SPARSE_SCATTER(int32_t, int32_t, int16_t, NAME(scatter_i32))
SPARSE_SCATTER(int16_t, int32_t, int16_t, NAME(scatter_i16))
#undef SPARSE_SCATTER

/* The same of packed ones: what is read from far away is one stream and not two. */
#define SPARSE_PACKED(SUM, NAMED)                                                                                    \
    static inline void NAMED(SUM *restrict y, SUM x, const talon_synapses *s, int64_t from, ptrdiff_t count,         \
                             int64_t next) {                                                                         \
        const uint32_t *restrict both = (const uint32_t *)s->index + from, *after = (const uint32_t *)s->index + next; \
        ptrdiff_t k = 0;                                                                                             \
        for (; k + SPARSE_LINE <= count; k += SPARSE_LINE) {                                                         \
            __builtin_prefetch(after + k);                                                                           \
            if (x == 1) {                                                                                            \
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++)                                                      \
                    y[both[j] & 0xFFFF] = (SUM)(y[both[j] & 0xFFFF] + ((int32_t)both[j] >> 16));                     \
            } else {                                                                                                 \
                for (ptrdiff_t j = k; j < k + SPARSE_LINE; j++)                                                      \
                    y[both[j] & 0xFFFF] = (SUM)(y[both[j] & 0xFFFF] + x * ((int32_t)both[j] >> 16));                 \
            }                                                                                                        \
        }                                                                                                            \
        __builtin_prefetch(after + k);                                                                               \
        for (; k < count; k++) y[both[k] & 0xFFFF] = (SUM)(y[both[k] & 0xFFFF] + x * ((int32_t)both[k] >> 16));      \
    }
SPARSE_PACKED(int32_t, NAME(scatter_packed_i32))
SPARSE_PACKED(int16_t, NAME(scatter_packed_i16))
#undef SPARSE_PACKED

/* Events whose synapses are looked up side by side, before the first is gone through: each lies far from the others. */
#define SPARSE_AHEAD 32

/* The events of a row, from inputs that are not there where they are bytes; gives the synapses that they went through. */
#define SPARSE_EVENTS(SUM, FAR, CLOSE, NAMED)                                                                        \
    static int64_t NAMED(const talon_sparse *c, SUM *restrict y, const float *restrict x, ptrdiff_t events) {        \
        const talon_synapses *s = c->synapses;                                                                       \
        int64_t synops = 0, from[SPARSE_AHEAD + 1], end[SPARSE_AHEAD];                                               \
        for (ptrdiff_t first = 0; first < events; first += SPARSE_AHEAD) {                                           \
            const int32_t *input = c->index + first;                                                                 \
            const ptrdiff_t few = events - first < SPARSE_AHEAD ? events - first : SPARSE_AHEAD;                     \
            for (ptrdiff_t e = 0; e < few; e++) {                                                                    \
                from[e] = s->ends[input[e]];                                                                         \
                end[e] = s->ends[input[e] + 1];                                                                      \
            }                                                                                                        \
            from[few] = from[few - 1];                                                                               \
            for (ptrdiff_t e = 0; e < few; e++) {                                                                    \
                const SUM value = x == NULL ? 1 : (SUM)x[input[e]];                                                  \
                if (s->near)                                                                                         \
                    CLOSE(y, value, s, from[e], end[e] - from[e], from[e + 1]);                                      \
                else                                                                                                 \
                    FAR(y, value, s, from[e], end[e] - from[e], from[e + 1]);                                        \
                synops += end[e] - from[e];                                                                          \
            }                                                                                                        \
        }                                                                                                            \
        return synops;                                                                                               \
    }
SPARSE_EVENTS(float, NAME(scatter_f32), NAME(scatter_near_f32), NAME(sparse_events_f32))
SPARSE_EVENTS(int32_t, NAME(scatter_i32), NAME(scatter_packed_i32), NAME(sparse_events_i32))
SPARSE_EVENTS(int16_t, NAME(scatter_i16), NAME(scatter_packed_i16), NAME(sparse_events_i16))
#undef SPARSE_EVENTS

/* A row of whole numbers. The sums are zeros before it, and again after it. */
#define SPARSE_WHOLE(SUM, EVENTS, FEED, NAMED)                                                                       \
    static void NAMED(const talon_sparse *c, ptrdiff_t row, const float *x, ptrdiff_t events) {                      \
        const ptrdiff_t out = c->synapses->out;                                                                      \
        SUM *restrict sum = c->sum;                                                                                  \
        if (c->bias != NULL)                                                                                         \
            for (ptrdiff_t o = 0; o < out; o++) sum[o] = (SUM)c->bias[o];                                            \
        c->synops[row] = EVENTS(c, sum, x, events);                                                                  \
        if (FEED(&c->after, row, 0, out, sum)) {                                                                     \
            memset(sum, 0, sizeof(SUM) * (size_t)out);                                                               \
            return;                                                                                                  \
        }                                                                                                            \
        float *restrict y = c->y + row * out;                                                                        \
        for (ptrdiff_t o = 0; o < out; o++) {                                                                        \
            y[o] = (float)sum[o];                                                                                    \
            sum[o] = 0;                                                                                              \
        }                                                                                                            \
    }
SPARSE_WHOLE(int32_t, NAME(sparse_events_i32), NAME(feed_i16_i32), NAME(sparse_i32))
SPARSE_WHOLE(int16_t, NAME(sparse_events_i16), NAME(feed_i8_i16), NAME(sparse_i16))
#undef SPARSE_WHOLE

static int NAME(sparse)(const talon_sparse *c) {
    const talon_synapses *s = c->synapses;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = NAME(floats_at)(c->x, row * s->in);
        float *y = c->y == NULL ? NULL : c->y + row * s->out;
        int odd = 0;
        const ptrdiff_t events = NAME(active)(c->x, row * s->in, s->in, c->index, &odd);
        c->binary[row] = !odd;
        if (s->whole == 16) {
            NAME(sparse_i16)(c, row, x, events);
        } else if (s->whole == 32) {
            NAME(sparse_i32)(c, row, x, events);
        } else {
            float *sum = y == NULL ? c->sum : y;
            NAME(begin_f32)(sum, c->bias, 1, s->out);
            c->synops[row] = NAME(sparse_events_f32)(c, sum, x, events);
            NAME(feed_f32)(&c->after, row, 0, s->out, sum);
        }
    }
    return TALON_EVENT;
}
