/* Fully connected layers. One accumulator per output starts at bias + 0 and takes the products in ascending input
   index, each rounded before it is added. Loops run over outputs and rows side by side, never over the sum. */

/* Columns that are worked on at once: they stay in the first cache while the inputs pass. */
#define AFFINE_COLUMNS 1024
#define AFFINE_ROWS 4
#define AFFINE_LANES 32

static void NAME(begin)(float *restrict y, const float *restrict bias, ptrdiff_t count) {
    if (bias == NULL) {
        for (ptrdiff_t o = 0; o < count; o++) y[o] = 0.0f;
    } else {
        for (ptrdiff_t o = 0; o < count; o++) y[o] = bias[o] + 0.0f;
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
    for (; e < events; e++) {
        const float *restrict a = weight + index[e] * width;
        const float p = x[index[e]];
        for (ptrdiff_t o = 0; o < count; o++) y[o] += p * a[o];
    }
}

static void NAME(affine_events)(const talon_affine *c, ptrdiff_t row) {
    const float *x = c->x + row * c->in;
    ptrdiff_t events = 0;
    for (ptrdiff_t i = 0; i < c->in; i++) {
        c->index[events] = (int32_t)i;
        events += x[i] != 0.0f;
    }
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_COLUMNS) {
        const ptrdiff_t count = c->out - from < AFFINE_COLUMNS ? c->out - from : AFFINE_COLUMNS;
        float *y = c->y + row * c->out + from;
        NAME(begin)(y, c->bias == NULL ? NULL : c->bias + from, count);
        NAME(add_events)(y, x, c->weight + from, c->index, events, c->out, count, c->binary[row]);
    }
}

/* A block of rows and columns whose accumulators stay in registers. */
static void NAME(affine_block)(const talon_affine *c, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t from, ptrdiff_t count) {
    float total[AFFINE_ROWS][AFFINE_LANES] = {{0}};
    for (ptrdiff_t r = 0; r < AFFINE_ROWS; r++)
        for (ptrdiff_t o = 0; o < count; o++) total[r][o] = c->bias == NULL ? 0.0f : c->bias[from + o] + 0.0f;
    if (rows == AFFINE_ROWS && count == AFFINE_LANES) {
        const float *x = c->x + row * c->in;
        for (ptrdiff_t i = 0; i < c->in; i++) {
            const float *restrict w = c->weight + i * c->out + from;
            for (ptrdiff_t r = 0; r < AFFINE_ROWS; r++) {
                const float value = x[r * c->in + i];
                for (ptrdiff_t o = 0; o < AFFINE_LANES; o++) total[r][o] += value * w[o];
            }
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
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t o = 0; o < count; o++) c->y[(row + r) * c->out + from + o] = total[r][o];
}

static int NAME(affine)(const talon_affine *c) {
    int64_t all = 0;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *restrict x = c->x + row * c->in;
        int64_t active = 0, other = 0;
        for (ptrdiff_t i = 0; i < c->in; i++) {
            active += x[i] != 0.0f;
            other += (x[i] != 0.0f) & (x[i] != 1.0f);
        }
        c->active[row] = active;
        all += active;
        c->binary[row] = other == 0;
    }
    if ((double)all < c->crossover * (double)c->rows * (double)c->in) {
        for (ptrdiff_t row = 0; row < c->rows; row++) NAME(affine_events)(c, row);
        return TALON_EVENT;
    }
    for (ptrdiff_t from = 0; from < c->out; from += AFFINE_LANES) {
        const ptrdiff_t count = c->out - from < AFFINE_LANES ? c->out - from : AFFINE_LANES;
        for (ptrdiff_t row = 0; row < c->rows; row += AFFINE_ROWS)
            NAME(affine_block)(c, row, c->rows - row < AFFINE_ROWS ? c->rows - row : AFFINE_ROWS, from, count);
    }
    return TALON_DENSE;
}
