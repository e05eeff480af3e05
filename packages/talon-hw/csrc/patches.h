/* Events scattered as patches: `rows` runs of weights, each to a line of sums. Lines of sums are begun, added to and
   handed on one after the other: a ring of them stays in the first cache. One compilation for each type of weights and sums,
   which the file that includes this names: PATCH, SUM, where the sums of places begin, PATCH_BEGIN, how a run of any length
   is added, PATCH_RUN, and how a line is handed on, PATCH_LINE. */
#define PATCH_NAME_OF(function, patch) function##_##patch
#define PATCH_NAMED(function, patch) NAME(PATCH_NAME_OF(function, patch))
#define PATCH_NAME(function) PATCH_NAMED(function, PATCH)

/* As many sums as a place often has, and half of them. */
typedef SUM PATCH_NAME(many) __attribute__((vector_size(TALON_WIDE * sizeof(SUM)), aligned(sizeof(SUM)), may_alias));
typedef SUM PATCH_NAME(fewer) __attribute__((vector_size(TALON_WIDE / 2 * sizeof(SUM)), aligned(sizeof(SUM)), may_alias));
#define PATCH_ADD(TYPE, y, value, w) (*(TYPE *)(y) = *(const TYPE *)(y) + (value) * *(const TYPE *)(w))

/* The events of a line of the map, from `events` on; of bytes all are 1, and `x` is not there. Without a stride there are no
   `columns`. Every row of a patch is as long as the longest: weights of 0 change no sum. Sums are taken by as many as a place
   has, or by a part of them: then what is taken was put down as a whole, and need not reach the cache first. Constants make
   each call a loop of its own. */
static inline __attribute__((always_inline)) int64_t PATCH_NAME(patch_events)(
    const talon_conv *c, const float *restrict x, const int64_t *restrict fan, const int32_t *restrict events, ptrdiff_t count,
    SUM *const *lines, const SUM *restrict runs, const int32_t *restrict columns, NAME(divider) by, ptrdiff_t rows,
    ptrdiff_t run, ptrdiff_t lanes, int ones) {
    const ptrdiff_t in = c->in, out = c->out, whole = talon_conv_whole(c), patch = c->kernel[0] * whole;
    SUM *ring[TALON_PATCH];
    for (ptrdiff_t a = 0; a < rows; a++) ring[a] = lines[a];
    int64_t cost = 0;
    for (ptrdiff_t e = 0; e < count; e++) {
        const int32_t event = events[e], ix = NAME(divided)(event, by);
        const ptrdiff_t at = columns == NULL ? ix * out : columns[2 * ix], first = columns == NULL ? 0 : columns[2 * ix + 1];
        if (first < 0) continue;
        const SUM value = ones ? 1 : (SUM)x[event];
        const SUM *restrict w = runs + (event - ix * in) * patch + first;
        cost += fan[ix];
        for (ptrdiff_t a = 0; a < rows; a++, w += whole) {
            SUM *y = ring[a] + at;
            if (lanes == TALON_WIDE)
                for (ptrdiff_t o = 0; o < run; o += TALON_WIDE) PATCH_ADD(PATCH_NAME(many), y + o, value, w + o);
            else if (lanes == TALON_WIDE / 2)
                for (ptrdiff_t o = 0; o < run; o += TALON_WIDE / 2) PATCH_ADD(PATCH_NAME(fewer), y + o, value, w + o);
            else
                PATCH_RUN(y, value, w, run);
        }
    }
    return cost;
}

/* What layers often have: lines of a patch, sums of a run, sums that are taken at once. */
#define PATCH_SIZES                                                                                                    \
    PATCH_SIZE(1, 16, 16) PATCH_SIZE(1, 32, 16) PATCH_SIZE(1, 64, 16) PATCH_SIZE(1, 128, 16) PATCH_SIZE(2, 32, 16)      \
    PATCH_SIZE(2, 64, 16) PATCH_SIZE(2, 128, 16) PATCH_SIZE(3, 24, 8) PATCH_SIZE(3, 48, 16) PATCH_SIZE(3, 96, 16)       \
    PATCH_SIZE(3, 192, 16)

static int64_t PATCH_NAME(patch_line)(const talon_conv *c, const float *x, const int64_t *fan, const int32_t *events,
                                ptrdiff_t count, SUM *const *lines, const SUM *runs, const int32_t *columns,
                                NAME(divider) by, ptrdiff_t rows) {
    const ptrdiff_t run = talon_conv_ring(c, 1) * c->out;
#define PATCH_EVENTS(ROWS, RUN, LANES)                                                                              \
    return x == NULL ? PATCH_NAME(patch_events)(c, x, fan, events, count, lines, runs, columns, by, ROWS, RUN, LANES, 1)  \
                     : PATCH_NAME(patch_events)(c, x, fan, events, count, lines, runs, columns, by, ROWS, RUN, LANES, 0);
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
static void PATCH_NAME(conv_patches)(const talon_conv *c, ptrdiff_t row, const int32_t *restrict events,
                               const int32_t *restrict ends, const int32_t *restrict columns, int64_t *synops) {
    const ptrdiff_t out = c->out, in = c->in, ring = talon_conv_ring(c, 0);
    const talon_span across = talon_conv_reached(c, 1);
    const ptrdiff_t wide = across.count * out, left = -across.low * out;
    const NAME(divider) by = NAME(divide_by)(in, c->size[1] * in);
    SUM *scratch = (SUM *)c->scratch;
    int64_t cost = 0;
    ptrdiff_t begun = talon_conv_reached(c, 0).low, oy = 0;
    int32_t done = 0;
    SUM *lines[TALON_PATCH];
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        const float *x = NAME(floats_at)(c->x, (row * c->size[0] + iy) * c->size[1] * in);
        const talon_patch line = talon_conv_patch(c, 0, iy);
        for (; begun < line.low + line.count; begun++)
            PATCH_BEGIN(c, scratch + talon_remainder(begun + ring, ring) * wide, across.count);
        ptrdiff_t at = talon_remainder(line.low + ring, ring);
        for (ptrdiff_t a = 0; a < line.count; a++, at = at + 1 < ring ? at + 1 : 0) lines[a] = scratch + at * wide;
        if (line.count > 0)
            cost += PATCH_NAME(patch_line)(c, x, c->fan + iy * c->size[1], events + done, ends[iy] - done, lines,
                                     (const SUM *)c->runs + line.first * talon_conv_whole(c), columns, by, line.count);
        done = ends[iy];
        for (; oy < c->osize[0] && oy * c->stride[0] - c->pad[0] + c->kernel[0] - 1 <= iy; oy++)
            PATCH_LINE(c, row, oy, scratch + talon_remainder(oy, ring) * wide + left);
    }
    *synops = cost;
    for (; oy < c->osize[0]; oy++) {
        for (; begun <= oy; begun++)
            PATCH_BEGIN(c, scratch + talon_remainder(begun + ring, ring) * wide, across.count);
        PATCH_LINE(c, row, oy, scratch + talon_remainder(oy, ring) * wide + left);
    }
}

#undef PATCH_NAME_OF
#undef PATCH_NAMED
#undef PATCH_NAME
#undef PATCH_ADD
#undef PATCH_SIZES
#undef PATCH
#undef SUM
#undef PATCH_BEGIN
#undef PATCH_RUN
#undef PATCH_LINE
