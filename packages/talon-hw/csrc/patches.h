/* Events scattered as patches: `rows` runs of weights, each to a line of sums. Lines of sums are begun, added to and
   handed on one after the other: a ring of them stays in the first cache. */

/* With a stride: where the patch of each place of a line begins, and its weights; -1 where it reaches nothing. */
static void NAME(patch_columns)(const talon_conv *c, int32_t *restrict columns) {
    const ptrdiff_t low = talon_conv_reached(c, 1).low;
    for (ptrdiff_t ix = 0; ix < c->size[1]; ix++, columns += 2) {
        const talon_patch patch = talon_conv_patch(c, 1, ix);
        columns[0] = (int32_t)((patch.low - low) * c->out);
        columns[1] = patch.count == 0 ? -1 : (int32_t)(patch.class * talon_conv_ring(c, 1) * c->out);
    }
}

/* The events of a line of the map, from `events` on; of bytes all are 1, and `x` is not there. Without a stride there are no
   `columns`. Every row of a patch is as
   long as the longest: weights of 0 change no sum. Sums are taken by as many as a place has, or by a part of them: then what
   is taken was put down as a whole, and need not reach the cache first. Constants make each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t NAME(patch_events)(
    const talon_conv *c, const float *restrict x, const int64_t *restrict fan, const int32_t *restrict events, ptrdiff_t count,
    float *const *lines, const float *restrict runs, const int32_t *restrict columns, NAME(divider) by, ptrdiff_t rows,
    ptrdiff_t run, ptrdiff_t lanes, int ones) {
    const ptrdiff_t in = c->in, out = c->out, whole = talon_conv_whole(c), patch = c->kernel[0] * whole;
    float *ring[TALON_PATCH];
    for (ptrdiff_t a = 0; a < rows; a++) ring[a] = lines[a];
    int64_t cost = 0;
    for (ptrdiff_t e = 0; e < count; e++) {
        const int32_t event = events[e], ix = NAME(divided)(event, by);
        const ptrdiff_t at = columns == NULL ? ix * out : columns[2 * ix], first = columns == NULL ? 0 : columns[2 * ix + 1];
        if (first < 0) continue;
        const float value = ones ? 1.0f : x[event];
        const float *restrict w = runs + (event - ix * in) * patch + first;
        cost += fan[ix];
        for (ptrdiff_t a = 0; a < rows; a++, w += whole) {
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
#define PATCH_SIZES                                                                                                    \
    PATCH_SIZE(1, 16, 16) PATCH_SIZE(1, 32, 16) PATCH_SIZE(1, 64, 16) PATCH_SIZE(1, 128, 16) PATCH_SIZE(2, 32, 16)      \
    PATCH_SIZE(2, 64, 16) PATCH_SIZE(2, 128, 16) PATCH_SIZE(3, 24, 8) PATCH_SIZE(3, 48, 16) PATCH_SIZE(3, 96, 16)       \
    PATCH_SIZE(3, 192, 16)

static int64_t NAME(patch_line)(const talon_conv *c, const float *x, const int64_t *fan, const int32_t *events,
                                ptrdiff_t count, float *const *lines, const float *runs, const int32_t *columns,
                                NAME(divider) by, ptrdiff_t rows) {
    const ptrdiff_t run = talon_conv_ring(c, 1) * c->out;
#define PATCH_EVENTS(ROWS, RUN, LANES)                                                                              \
    return x == NULL ? NAME(patch_events)(c, x, fan, events, count, lines, runs, columns, by, ROWS, RUN, LANES, 1)  \
                     : NAME(patch_events)(c, x, fan, events, count, lines, runs, columns, by, ROWS, RUN, LANES, 0);
#define PATCH_SIZE(ROWS, RUN, LANES) \
    if (rows == ROWS && run == RUN && c->out % LANES == 0) PATCH_EVENTS(ROWS, RUN, LANES)
    PATCH_SIZES
#undef PATCH_SIZE
    if (c->out % TALON_WIDE == 0) PATCH_EVENTS(rows, run, TALON_WIDE)
    if (c->out % (TALON_WIDE / 2) == 0) PATCH_EVENTS(rows, run, TALON_WIDE / 2)
    PATCH_EVENTS(rows, run, 0)
#undef PATCH_EVENTS
}

/* Line by line of the inputs: lines of sums are begun when the first input reaches them, and handed on behind the last. */
static void NAME(conv_patches)(const talon_conv *c, ptrdiff_t row, const int32_t *restrict events,
                               const int32_t *restrict ends, const int32_t *restrict columns, int64_t *synops) {
    const ptrdiff_t out = c->out, in = c->in, ring = talon_conv_ring(c, 0);
    const talon_span across = talon_conv_reached(c, 1);
    const ptrdiff_t wide = across.count * out, left = -across.low * out;
    const NAME(divider) by = NAME(divide_by)(in, c->size[1] * in);
    int64_t cost = 0;
    ptrdiff_t begun = talon_conv_reached(c, 0).low, oy = 0;
    int32_t done = 0;
    float *lines[TALON_PATCH];
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        const float *x = NAME(floats_at)(c->x, (row * c->size[0] + iy) * c->size[1] * in);
        const talon_patch line = talon_conv_patch(c, 0, iy);
        for (; begun < line.low + line.count; begun++)
            NAME(begin_f32)(c->scratch + talon_remainder(begun + ring, ring) * wide, c->bias, across.count, out);
        ptrdiff_t at = talon_remainder(line.low + ring, ring);
        for (ptrdiff_t a = 0; a < line.count; a++, at = at + 1 < ring ? at + 1 : 0) lines[a] = c->scratch + at * wide;
        if (line.count > 0)
            cost += NAME(patch_line)(c, x, c->fan + iy * c->size[1], events + done, ends[iy] - done, lines,
                                     c->runs + line.first * talon_conv_whole(c), columns, by, line.count);
        done = ends[iy];
        for (; oy < c->osize[0] && oy * c->stride[0] - c->pad[0] + c->kernel[0] - 1 <= iy; oy++)
            NAME(conv_line)(c, row, oy, c->scratch + talon_remainder(oy, ring) * wide + left);
    }
    *synops = cost;
    for (; oy < c->osize[0]; oy++) {
        for (; begun <= oy; begun++) NAME(begin_f32)(c->scratch + talon_remainder(begun + ring, ring) * wide, c->bias, across.count, out);
        NAME(conv_line)(c, row, oy, c->scratch + talon_remainder(oy, ring) * wide + left);
    }
}
