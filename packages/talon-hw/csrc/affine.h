/* Fully connected layers. One accumulator per output starts at bias + 0 and takes the products in ascending input
   index, each rounded before it is added. Loops run over outputs and rows side by side, never over the sum. */

/* Outputs that are worked on at once while the events of one row pass: they stay in the first cache. */
#define AFFINE_COLUMNS 1024
/* Rows and outputs whose accumulators stay in the first cache while the inputs pass: a weight is read once for them. */
#define AFFINE_BLOCK 64
#define AFFINE_TILE (4 * TALON_WIDE)
/* Fewer rows than this are not worth the block. */
#define AFFINE_FEW 4
/* Rows and outputs whose accumulators stay in registers. */
#define AFFINE_ROWS 4
#define AFFINE_WIDES 2

/* Where the sums of outputs `from` on go. */
static void NAME(affine_done)(const talon_affine *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const float *sum) {
    if (!NAME(feed)(&c->after, row, from, count, sum))
        memcpy(c->y + row * c->out + from, sum, sizeof(float) * (size_t)count);
}

/* y += the rows of the weight that active inputs have. Four at once: y is read and written once for them, in order. */
static void NAME(add_events)(float *restrict y, const float *restrict x, const float *restrict weight,
                             const int32_t *restrict index, ptrdiff_t events, ptrdiff_t width, ptrdiff_t count,
                             int ones) {
    ptrdiff_t e = 0;
    for (; e + 4 <= events; e += 4) {
        const float *a = weight + index[e] * width, *b = weight + index[e + 1] * width;
        const float *c = weight + index[e + 2] * width, *d = weight + index[e + 3] * width;
        if (ones) {
            for (ptrdiff_t o = 0; o < count; o += TALON_WIDE)
                PUT(y + o, TAKE(y + o) + TAKE(a + o) + TAKE(b + o) + TAKE(c + o) + TAKE(d + o));
        } else {
            const float p = x[index[e]], q = x[index[e + 1]], r = x[index[e + 2]], s = x[index[e + 3]];
            for (ptrdiff_t o = 0; o < count; o += TALON_WIDE)
                PUT(y + o, TAKE(y + o) + p * TAKE(a + o) + q * TAKE(b + o) + r * TAKE(c + o) + s * TAKE(d + o));
        }
    }
    for (; e < events; e++) NAME(add_run)(y, x[index[e]], weight + index[e] * width, count);
}

/* Row by row. */
static void NAME(affine_events)(const talon_affine *c, ptrdiff_t row, ptrdiff_t events) {
    const ptrdiff_t width = talon_widened(c->out);
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_COLUMNS) {
        const ptrdiff_t count = c->out - from < AFFINE_COLUMNS ? c->out - from : AFFINE_COLUMNS;
        float sum[AFFINE_COLUMNS];
        NAME(begin)(sum, c->bias == NULL ? NULL : c->bias + from, 1, talon_widened(count));
        NAME(add_events)(sum, c->x + row * c->in, c->weight + from, c->index, events, width, talon_widened(count),
                         c->binary[row]);
        NAME(affine_done)(c, row, from, count, sum);
    }
}

/* `wides` registers of outputs from `from` on. The constant makes each call a loop of its own. */
static inline __attribute__((always_inline)) void NAME(affine_tile)(const talon_affine *c, const float *x,
                                                                    float (*restrict sum)[AFFINE_TILE], ptrdiff_t from,
                                                                    ptrdiff_t width, int wides, int ones) {
    for (ptrdiff_t i = 0; i < c->in; i++) {
        const float *w = c->weight + i * width + from;
        for (uint64_t mask = c->masks[i]; mask != 0; mask &= mask - 1) {
            const int r = talon_lowest(mask);
            float *y = sum[r];
            if (ones) {
                for (int k = 0; k < wides * TALON_WIDE; k += TALON_WIDE) PUT(y + k, TAKE(y + k) + TAKE(w + k));
            } else {
                const float value = x[r * c->in + i];
                for (int k = 0; k < wides * TALON_WIDE; k += TALON_WIDE) PUT(y + k, TAKE(y + k) + value * TAKE(w + k));
            }
        }
    }
}

/* Input by input, for the rows of a block that have it active. */
static void NAME(affine_masked)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows, int ones) {
    const ptrdiff_t width = talon_widened(c->out);
    const float *x = c->x + row * c->in;
    float sum[AFFINE_BLOCK][AFFINE_TILE];
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_TILE) {
        const ptrdiff_t count = c->out - from < AFFINE_TILE ? c->out - from : AFFINE_TILE;
        const int wides = (int)(talon_widened(count) / TALON_WIDE);
        for (ptrdiff_t r = 0; r < rows; r++)
            NAME(begin)(sum[r], c->bias == NULL ? NULL : c->bias + from, 1, wides * TALON_WIDE);
        if (wides == AFFINE_TILE / TALON_WIDE && ones)
            NAME(affine_tile)(c, x, sum, from, width, AFFINE_TILE / TALON_WIDE, 1);
        else if (wides == 1 && ones)
            NAME(affine_tile)(c, x, sum, from, width, 1, 1);
        else
            NAME(affine_tile)(c, x, sum, from, width, wides, ones);
        for (ptrdiff_t r = 0; r < rows; r++) NAME(affine_done)(c, row + r, from, count, sum[r]);
    }
}

/* A few rows and outputs whose accumulators stay in registers. */
static inline __attribute__((always_inline)) void NAME(affine_block)(const talon_affine *c, ptrdiff_t row, ptrdiff_t from,
                                                                     ptrdiff_t width, int rows, int wides) {
    WIDE total[AFFINE_ROWS][AFFINE_WIDES];
    for (int k = 0; k < wides; k++) {
        WIDE start = ZERO;
        if (c->bias != NULL) start = TAKE(c->bias + from + k * TALON_WIDE) + start;
        for (int r = 0; r < rows; r++) total[r][k] = start;
    }
    const float *x = c->x + row * c->in;
    for (ptrdiff_t i = 0; i < c->in; i++) {
        const float *w = c->weight + i * width + from;
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < wides; k++)
                total[r][k] += x[r * c->in + i] * TAKE(w + k * TALON_WIDE);
    }
    const ptrdiff_t count = c->out - from < wides * TALON_WIDE ? c->out - from : wides * TALON_WIDE;
    for (int r = 0; r < rows; r++) {
        float sum[AFFINE_WIDES * TALON_WIDE];
        for (int k = 0; k < wides; k++) PUT(sum + k * TALON_WIDE, total[r][k]);
        NAME(affine_done)(c, row + r, from, count, sum);
    }
}

/* Weights are gone through once for a few rows. Outputs inside, so that neurons see their steps in order. */
static void NAME(affine_dense)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows) {
    const ptrdiff_t width = talon_widened(c->out);
    const ptrdiff_t end = row + rows;
    for (; row < end; row += AFFINE_ROWS)
        for (ptrdiff_t from = 0; from < c->out; from += AFFINE_WIDES * TALON_WIDE) {
            const int full = row + AFFINE_ROWS <= end, one = c->out - from <= TALON_WIDE;
            if (full && !one)
                NAME(affine_block)(c, row, from, width, AFFINE_ROWS, AFFINE_WIDES);
            else if (full)
                NAME(affine_block)(c, row, from, width, AFFINE_ROWS, 1);
            else
                for (ptrdiff_t r = row; r < end; r++) NAME(affine_block)(c, r, from, width, 1, one ? 1 : AFFINE_WIDES);
        }
}

static int NAME(affine)(const talon_affine *c) {
    int ways = 0;
    for (ptrdiff_t row = 0; row < c->rows; row += AFFINE_BLOCK) {
        const ptrdiff_t rows = c->rows - row < AFFINE_BLOCK ? c->rows - row : AFFINE_BLOCK;
        const int few = rows < AFFINE_FEW;
        int64_t all = 0;
        int other = 0;
        /* Bit r of the mask of an input stands for row r. */
        if (!few) memset(c->masks, 0, sizeof(uint64_t) * (size_t)c->in);
        for (ptrdiff_t r = 0; r < rows; r++) {
            int odd = 0;
            const ptrdiff_t events = NAME(active)(c->x + (row + r) * c->in, c->in, c->index, &odd);
            c->active[row + r] = events;
            c->binary[row + r] = !odd;
            all += events;
            other |= odd;
            if (!few)
                for (ptrdiff_t e = 0; e < events; e++) c->masks[c->index[e]] |= (uint64_t)1 << r;
            else if ((double)events < c->crossover * (double)c->in)
                NAME(affine_events)(c, row + r, events);
            else
                NAME(affine_dense)(c, row + r, 1);
            if (few) ways |= (double)events < c->crossover * (double)c->in ? TALON_EVENT : TALON_DENSE;
        }
        if (few) continue;
        if ((double)all < c->crossover * (double)(rows * c->in)) {
            ways |= TALON_EVENT;
            NAME(affine_masked)(c, row, rows, !other);
        } else {
            ways |= TALON_DENSE;
            NAME(affine_dense)(c, row, rows);
        }
    }
    return ways;
}
