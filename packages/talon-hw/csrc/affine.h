/* Fully connected layers. One accumulator per output starts at its bias and takes the products in ascending input index;
   floats are rounded before they are added. Loops run over outputs and rows side by side, never over the sum. */

/* Outputs that are worked on at once while the events of one row pass: they stay in the first cache. */
#define AFFINE_COLUMNS 1024
/* Rows and outputs whose accumulators stay in the first cache while the inputs pass: a weight is read once for them. */
#define AFFINE_BLOCK 64
#define AFFINE_TILE (8 * LANES)
/* Fewer rows than this are not worth the block. */
#define AFFINE_FEW 4
/* Rows and outputs whose accumulators stay in registers. */
#define AFFINE_ROWS TALON_ROWS
#define AFFINE_WIDES 2

/* Where the sums of outputs `from` on go. */
static void KIND_NAME(affine_done)(const talon_affine *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const SUM *sum) {
    if (KIND_NAME(feed)(&c->after, row, from, count, sum)) return;
    float *y = c->y + row * c->out + from;
    for (ptrdiff_t o = 0; o < count; o++) y[o] = (float)sum[o];
}

/* y += the rows of the weight that active inputs have. Four at once: y is read and written once for them, in order.
   `ones`: all active inputs are 1, and nobody looks at `x`. */
static void KIND_NAME(add_events)(SUM *restrict y, const float *restrict x, const WEIGHT *restrict weight,
                             const int32_t *restrict index, ptrdiff_t events, ptrdiff_t width, ptrdiff_t count,
                             int ones) {
    ptrdiff_t e = 0;
    for (; e + 4 <= events; e += 4) {
        const WEIGHT *a = weight + index[e] * width, *b = weight + index[e + 1] * width;
        const WEIGHT *c = weight + index[e + 2] * width, *d = weight + index[e + 3] * width;
        if (ones) {
            for (ptrdiff_t o = 0; o < count; o += LANES)
                SUMS_TO(y + o, SUMS_AT(y + o) + WEIGHTS(a + o) + WEIGHTS(b + o) + WEIGHTS(c + o) + WEIGHTS(d + o));
        } else {
            const SUM p = (SUM)x[index[e]], q = (SUM)x[index[e + 1]], r = (SUM)x[index[e + 2]], s = (SUM)x[index[e + 3]];
            for (ptrdiff_t o = 0; o < count; o += LANES)
                SUMS_TO(y + o, SUMS_AT(y + o) + p * WEIGHTS(a + o) + q * WEIGHTS(b + o) + r * WEIGHTS(c + o) + s * WEIGHTS(d + o));
        }
    }
    for (; e < events; e++) {
        const WEIGHT *a = weight + index[e] * width;
        const SUM p = ones ? (SUM)1 : (SUM)x[index[e]];
        for (ptrdiff_t o = 0; o < count; o += LANES) SUMS_TO(y + o, SUMS_AT(y + o) + p * WEIGHTS(a + o));
    }
}

/* Row by row. */
static void KIND_NAME(affine_events)(const talon_affine *c, ptrdiff_t row, ptrdiff_t events) {
    const ptrdiff_t width = KIND_WIDENED(c->out);
    const SUM *bias = c->bias;
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_COLUMNS) {
        const ptrdiff_t count = c->out - from < AFFINE_COLUMNS ? c->out - from : AFFINE_COLUMNS;
        SUM sum[AFFINE_COLUMNS];
        KIND_NAME(begin)(sum, bias == NULL ? NULL : bias + from, 1, KIND_WIDENED(count));
        KIND_NAME(add_events)(sum, NAME(floats_at)(c->x, row * c->in), (const WEIGHT *)c->weight + from, c->index, events, width, KIND_WIDENED(count),
                         c->binary[row]);
        KIND_NAME(affine_done)(c, row, from, count, sum);
    }
}

/* `wides` registers of outputs from `from` on. The constant makes each call a loop of its own. */
static inline __attribute__((always_inline)) void KIND_NAME(affine_tile)(const talon_affine *c, const float *x,
                                                                    SUM (*restrict sum)[AFFINE_TILE], ptrdiff_t from,
                                                                    ptrdiff_t width, int wides, int ones) {
    for (ptrdiff_t i = 0; i < c->in; i++) {
        const WEIGHT *w = (const WEIGHT *)c->weight + i * width + from;
        for (uint64_t mask = c->masks[i]; mask != 0; mask &= mask - 1) {
            const int r = talon_lowest(mask);
            SUM *y = sum[r];
            if (ones) {
                for (int k = 0; k < wides * LANES; k += LANES) SUMS_TO(y + k, SUMS_AT(y + k) + WEIGHTS(w + k));
            } else {
                const SUM value = (SUM)x[r * c->in + i];
                for (int k = 0; k < wides * LANES; k += LANES) SUMS_TO(y + k, SUMS_AT(y + k) + value * WEIGHTS(w + k));
            }
        }
    }
}

/* Input by input, for the rows of a block that have it active. */
static void KIND_NAME(affine_masked)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows, int ones) {
    const ptrdiff_t width = KIND_WIDENED(c->out);
    const float *x = NAME(floats_at)(c->x, row * c->in);
    const SUM *bias = c->bias;
    SUM sum[AFFINE_BLOCK][AFFINE_TILE];
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_TILE) {
        const ptrdiff_t count = c->out - from < AFFINE_TILE ? c->out - from : AFFINE_TILE;
        const int wides = (int)(KIND_WIDENED(count) / LANES);
        for (ptrdiff_t r = 0; r < rows; r++)
            KIND_NAME(begin)(sum[r], bias == NULL ? NULL : bias + from, 1, wides * LANES);
        if (wides == AFFINE_TILE / LANES && ones)
            KIND_NAME(affine_tile)(c, x, sum, from, width, AFFINE_TILE / LANES, 1);
        else if (wides == 1 && ones)
            KIND_NAME(affine_tile)(c, x, sum, from, width, 1, 1);
        else
            KIND_NAME(affine_tile)(c, x, sum, from, width, wides, ones);
        for (ptrdiff_t r = 0; r < rows; r++) KIND_NAME(affine_done)(c, row + r, from, count, sum[r]);
    }
}

/* A few rows and outputs whose accumulators stay in registers. `x`: the values of the first of the rows. */
static inline __attribute__((always_inline)) void KIND_NAME(affine_block)(const talon_affine *c, const float *x, ptrdiff_t row,
                                                                     ptrdiff_t from, ptrdiff_t width, int rows,
                                                                     int wides) {
    /* Arrays rather than wide vectors: where those take several registers, gcc would keep them in memory. */
    SUM total[AFFINE_ROWS][AFFINE_WIDES * LANES];
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < wides * LANES; o++)
            total[r][o] = (SUM)(c->bias == NULL ? 0 : ((const SUM *)c->bias)[from + o] + 0);
    for (ptrdiff_t i = 0; i < c->in; i++) {
        const WEIGHT *restrict w = (const WEIGHT *)c->weight + i * width + from;
        for (int r = 0; r < rows; r++) {
            const SUM value = (SUM)x[r * c->in + i];
            for (int o = 0; o < wides * LANES; o++) total[r][o] = (SUM)(total[r][o] + value * (SUM)w[o]);
        }
    }
    const ptrdiff_t count = c->out - from < wides * LANES ? c->out - from : wides * LANES;
    for (int r = 0; r < rows; r++) KIND_NAME(affine_done)(c, row + r, from, count, total[r]);
}

/* Weights are gone through once for a few rows. Outputs inside, so that neurons see their steps in order. */
static void KIND_NAME(affine_dense)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows) {
    const ptrdiff_t width = KIND_WIDENED(c->out);
    const ptrdiff_t end = row + rows;
    for (; row < end; row += AFFINE_ROWS) {
        const ptrdiff_t few = end - row < AFFINE_ROWS ? end - row : AFFINE_ROWS;
        const float *x = NAME(floats_at)(c->x, row * c->in);
        if (x == NULL) {
            NAME(widen)(few * c->in, c->x.bytes + row * c->in, c->widened);
            x = c->widened;
        }
        for (ptrdiff_t from = 0; from < c->out; from += AFFINE_WIDES * LANES) {
            const int full = few == AFFINE_ROWS, one = c->out - from <= LANES;
            if (full && !one)
                KIND_NAME(affine_block)(c, x, row, from, width, AFFINE_ROWS, AFFINE_WIDES);
            else if (full)
                KIND_NAME(affine_block)(c, x, row, from, width, AFFINE_ROWS, 1);
            else
                for (ptrdiff_t r = 0; r < few; r++)
                    KIND_NAME(affine_block)(c, x + r * c->in, row + r, from, width, 1, one ? 1 : AFFINE_WIDES);
        }
    }
}

static int KIND_NAME(affine)(const talon_affine *c) {
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
            const ptrdiff_t events = NAME(active)(c->x, (row + r) * c->in, c->in, c->index, &odd);
            c->synops[row + r] = events * c->out;
            c->binary[row + r] = !odd;
            all += events;
            other |= odd;
            if (!few)
                for (ptrdiff_t e = 0; e < events; e++) c->masks[c->index[e]] |= (uint64_t)1 << r;
            else if ((double)events < c->crossover * (double)c->in)
                KIND_NAME(affine_events)(c, row + r, events);
            else
                KIND_NAME(affine_dense)(c, row + r, 1);
            if (few) ways |= (double)events < c->crossover * (double)c->in ? TALON_EVENT : TALON_DENSE;
        }
        if (few) continue;
        if ((double)all < c->crossover * (double)(rows * c->in)) {
            ways |= TALON_EVENT;
            KIND_NAME(affine_masked)(c, row, rows, !other);
        } else {
            ways |= TALON_DENSE;
            KIND_NAME(affine_dense)(c, row, rows);
        }
    }
    return ways;
}
