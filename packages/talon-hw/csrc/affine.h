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
#define AFFINE_LANES 32

/* Where the sums of outputs `from` on go. */
static void NAME(affine_done)(const talon_affine *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const float *sum) {
    if (c->neuron != NULL) {
        if (from == 0) c->neuron->spikes[row] = 0;
        NAME(neuron_span)(c->neuron, row, from, count, sum);
    } else {
        memcpy(c->y + row * c->out + from, sum, sizeof(float) * (size_t)count);
    }
}

/* y += the rows of the weight that active inputs have. Four at once: y is read and written once for them, in order. */
static void NAME(add_events)(float *restrict y, const float *restrict x, const float *restrict weight,
                             const int32_t *restrict index, ptrdiff_t events, ptrdiff_t width, ptrdiff_t count,
                             int ones) {
    ptrdiff_t e = 0;
    for (; e + 4 <= events; e += 4) {
        const float *restrict a = weight + index[e] * width;
        const float *restrict b = weight + index[e + 1] * width;
        const float *restrict c = weight + index[e + 2] * width;
        const float *restrict d = weight + index[e + 3] * width;
        if (ones) {
            for (ptrdiff_t o = 0; o < count; o++) y[o] = (((y[o] + a[o]) + b[o]) + c[o]) + d[o];
        } else {
            const float p = x[index[e]], q = x[index[e + 1]], r = x[index[e + 2]], s = x[index[e + 3]];
            for (ptrdiff_t o = 0; o < count; o++)
                y[o] = (((y[o] + p * a[o]) + q * b[o]) + r * c[o]) + s * d[o];
        }
    }
    for (; e < events; e++) NAME(add_run)(y, x[index[e]], weight + index[e] * width, count);
}

/* Row by row. */
static void NAME(affine_events)(const talon_affine *c, ptrdiff_t row) {
    const float *x = c->x + row * c->in;
    int other = 0;
    const ptrdiff_t events = NAME(active)(x, c->in, c->index, &other);
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_COLUMNS) {
        const ptrdiff_t count = c->out - from < AFFINE_COLUMNS ? c->out - from : AFFINE_COLUMNS;
        float sum[AFFINE_COLUMNS];
        NAME(begin)(sum, c->bias == NULL ? NULL : c->bias + from, 1, count);
        NAME(add_events)(sum, x, c->weight + from, c->index, events, c->out, count, c->binary[row]);
        NAME(affine_done)(c, row, from, count, sum);
    }
}

/* Input by input, for the rows of a block that have it active: bit r of its mask stands for row r. */
static void NAME(affine_masked)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows) {
    const float *x = c->x + row * c->in;
    int other = 0;
    memset(c->masks, 0, sizeof(uint64_t) * (size_t)c->in);
    for (ptrdiff_t r = 0; r < rows; r++) {
        const ptrdiff_t events = NAME(active)(x + r * c->in, c->in, c->index, &other);
        for (ptrdiff_t e = 0; e < events; e++) c->masks[c->index[e]] |= (uint64_t)1 << r;
    }
    float sum[AFFINE_BLOCK][AFFINE_TILE];
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_TILE) {
        const ptrdiff_t count = c->out - from < AFFINE_TILE ? c->out - from : AFFINE_TILE;
        for (ptrdiff_t r = 0; r < rows; r++) NAME(begin)(sum[r], c->bias == NULL ? NULL : c->bias + from, 1, count);
        for (ptrdiff_t i = 0; i < c->in; i++) {
            const float *w = c->weight + i * c->out + from;
            uint64_t mask = c->masks[i];
            if (count == AFFINE_TILE && !other) {
                for (; mask != 0; mask &= mask - 1) {
                    float *y = sum[talon_lowest(mask)];
                    for (int k = 0; k < AFFINE_TILE; k += TALON_WIDE) NAME(add_wide)(y + k, w + k);
                }
            } else {
                for (; mask != 0; mask &= mask - 1) {
                    const int r = talon_lowest(mask);
                    NAME(add_run)(sum[r], x[r * c->in + i], w, count);
                }
            }
        }
        for (ptrdiff_t r = 0; r < rows; r++) NAME(affine_done)(c, row + r, from, count, sum[r]);
    }
}

/* A block of rows and outputs whose accumulators stay in registers. */
static void NAME(affine_block)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t from, ptrdiff_t count) {
    float total[AFFINE_ROWS][AFFINE_LANES] = {{0}};
    for (ptrdiff_t r = 0; r < AFFINE_ROWS; r++)
        for (ptrdiff_t o = 0; o < count; o++) total[r][o] = c->bias == NULL ? 0.0f : c->bias[from + o] + 0.0f;
    if (rows == AFFINE_ROWS && count == AFFINE_LANES) {
        const float *x = c->x + row * c->in;
        for (ptrdiff_t i = 0; i < c->in; i++) {
            const float *restrict w = c->weight + i * c->out + from;
            for (ptrdiff_t r = 0; r < AFFINE_ROWS; r++)
                for (int k = 0; k < AFFINE_LANES; k += TALON_WIDE)
                    NAME(add_wide_scaled)(total[r] + k, x[r * c->in + i], w + k);
        }
    } else {
        for (ptrdiff_t i = 0; i < c->in; i++) {
            const float *restrict w = c->weight + i * c->out + from;
            for (ptrdiff_t r = 0; r < rows; r++) {
                const float value = c->x[(row + r) * c->in + i];
                for (ptrdiff_t o = 0; o < count; o++) total[r][o] += value * w[o];
            }
        }
    }
    for (ptrdiff_t r = 0; r < rows; r++) NAME(affine_done)(c, row + r, from, count, total[r]);
}

static int NAME(affine)(const talon_affine *c) {
    int64_t all = 0;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *restrict x = c->x + row * c->in;
        int32_t active = 0, other = 0;
        for (ptrdiff_t i = 0; i < c->in; i++) {
            active += x[i] != 0.0f;
            other += (x[i] != 0.0f) & (x[i] != 1.0f);
        }
        c->active[row] = active;
        all += active;
        c->binary[row] = other == 0;
    }
    if ((double)all < c->crossover * (double)c->rows * (double)c->in) {
        for (ptrdiff_t row = 0; row < c->rows; row += AFFINE_BLOCK) {
            const ptrdiff_t rows = c->rows - row < AFFINE_BLOCK ? c->rows - row : AFFINE_BLOCK;
            if (rows >= AFFINE_FEW) {
                NAME(affine_masked)(c, row, rows);
            } else {
                for (ptrdiff_t r = 0; r < rows; r++) NAME(affine_events)(c, row + r);
            }
        }
        return TALON_EVENT;
    }
    /* Rows outside, so that neurons see their steps in order. */
    for (ptrdiff_t row = 0; row < c->rows; row += AFFINE_ROWS)
        for (ptrdiff_t from = 0; from < c->out; from += AFFINE_LANES)
            NAME(affine_block)(c, row, c->rows - row < AFFINE_ROWS ? c->rows - row : AFFINE_ROWS, from,
                               c->out - from < AFFINE_LANES ? c->out - from : AFFINE_LANES);
    return TALON_DENSE;
}
