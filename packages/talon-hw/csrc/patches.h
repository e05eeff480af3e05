/* Events scattered as patches: `rows` runs of weights, each to a line of sums. Lines of sums are begun, added to and
   handed on one after the other: a ring of `kernel[0]` of them stays in the first cache. */

/* The events of a line of the map, from `events` on; of bytes all are 1, and `x` is not there. Sums are taken by as many
   as a place has, or by a part of them: then what is taken was put down as a whole, and need not reach the cache first.
   Constants make each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t NAME(patch_events)(const talon_conv *c, const float *restrict x,
                                                                        const int64_t *restrict fan,
                                                                        const int32_t *restrict events, ptrdiff_t count,
                                                                        float *const *lines, NAME(divider) by,
                                                                        ptrdiff_t rows, ptrdiff_t run, ptrdiff_t lanes, int ones) {
    const ptrdiff_t in = c->in, out = c->out, patch = rows * run;
    float *ring[TALON_PATCH];
    for (ptrdiff_t a = 0; a < rows; a++) ring[a] = lines[a];
    int64_t cost = 0;
    for (ptrdiff_t e = 0; e < count; e++) {
        const int32_t event = events[e], ix = NAME(divided)(event, by);
        const float value = ones ? 1.0f : x[event];
        const float *restrict w = c->runs + (event - ix * in) * patch;
        const ptrdiff_t at = ix * out;
        cost += fan[ix];
        for (ptrdiff_t a = 0; a < rows; a++, w += run) {
            float *y = ring[a] + at;
            if (lanes == TALON_WIDE)
                for (ptrdiff_t o = 0; o < run; o += TALON_WIDE) PUT(y + o, TAKE(y + o) + value * TAKE(w + o));
            else if (lanes == TALON_WIDE / 2)
                for (ptrdiff_t o = 0; o < run; o += TALON_WIDE / 2)
                    PUT_HALF(y + o, TAKE_HALF(y + o) + value * TAKE_HALF(w + o));
            else
                NAME(add_run)(y, value, w, run);
        }
    }
    return cost;
}

/* What layers often have: lines of a patch, sums of a run, sums that are taken at once. */
#define PATCH_SIZES                                                                                              \
    PATCH_SIZE(1, 16, 16) PATCH_SIZE(1, 32, 16) PATCH_SIZE(1, 64, 16) PATCH_SIZE(1, 128, 16)                      \
    PATCH_SIZE(3, 24, 8) PATCH_SIZE(3, 48, 16) PATCH_SIZE(3, 96, 16) PATCH_SIZE(3, 192, 16)

static int64_t NAME(patch_line)(const talon_conv *c, const float *x, const int64_t *fan, const int32_t *events,
                                ptrdiff_t count, float *const *ring, NAME(divider) by) {
    const ptrdiff_t rows = c->kernel[0], run = c->kernel[1] * c->out;
#define PATCH_EVENTS(ROWS, RUN, LANES)                                                              \
    return x == NULL ? NAME(patch_events)(c, x, fan, events, count, ring, by, ROWS, RUN, LANES, 1)  \
                     : NAME(patch_events)(c, x, fan, events, count, ring, by, ROWS, RUN, LANES, 0);
#define PATCH_SIZE(ROWS, RUN, LANES) \
    if (rows == ROWS && run == RUN && c->out % LANES == 0) PATCH_EVENTS(ROWS, RUN, LANES)
    PATCH_SIZES
#undef PATCH_SIZE
    if (c->out % TALON_WIDE == 0) PATCH_EVENTS(rows, run, TALON_WIDE)
    if (c->out % (TALON_WIDE / 2) == 0) PATCH_EVENTS(rows, run, TALON_WIDE / 2)
    PATCH_EVENTS(rows, run, 0)
#undef PATCH_EVENTS
}

/* Line l of the sums, with its border, is that of output l - (kernel[0] - 1 - pad[0]). */
static void NAME(conv_patches)(const talon_conv *c, ptrdiff_t row, const int32_t *restrict events,
                               const int32_t *restrict ends, int64_t *synops) {
    const ptrdiff_t out = c->out, ky = c->kernel[0], kx = c->kernel[1], in = c->in;
    const ptrdiff_t places = c->size[1] + kx - 1, above = ky - 1 - c->pad[0], left = (kx - 1 - c->pad[1]) * out;
    const NAME(divider) by = NAME(divide_by)(in, c->size[1] * in);
    int64_t cost = 0;
    int32_t done = 0;
    for (ptrdiff_t l = 0; l < ky - 1; l++) NAME(begin_f32)(c->scratch + l * places * out, c->bias, places, out);
    float *ring[TALON_PATCH];
    for (ptrdiff_t iy = 0; iy < c->size[0] + ky - 1; iy++) {
        for (ptrdiff_t a = 0; a < ky; a++) ring[a] = c->scratch + (iy + a) % ky * places * out;
        if (iy < c->size[0]) {
            const float *x = NAME(floats_at)(c->x, (row * c->size[0] + iy) * c->size[1] * in);
            NAME(begin_f32)(ring[ky - 1], c->bias, places, out);
            cost += NAME(patch_line)(c, x, c->fan + iy * c->size[1], events + done, ends[iy] - done, ring, by);
            done = ends[iy];
        }
        const ptrdiff_t oy = iy - above;
        if (oy >= 0 && oy < c->osize[0]) NAME(conv_line)(c, row, oy, ring[0] + left);
    }
    *synops = cost;
}
