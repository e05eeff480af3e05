/* Convolutions over two axes (one axis: the first has length 1). Every accumulator starts at bias + 0 and takes the
   products in ascending ky, kx, input channel, each rounded before it is added.

   Events: places of the input in rising y, x, channel, each scattered to the outputs that read it. For a given output
   that is the order above, because a later place is read by a later tap. Planes: whole rows of an output map at once.
   Dense: channels of the output side by side, over a few places. */

#define CONV_PLACES 4
#define CONV_LANES 16

/* (channels, places) -> (places, channels) */
static void NAME(turn)(float *restrict to, const float *restrict from, ptrdiff_t channels, ptrdiff_t places) {
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t p = 0; p < places; p++) to[p * channels + c] = from[c * places + p];
}

static void NAME(turn_back)(float *restrict to, const float *restrict from, ptrdiff_t channels, ptrdiff_t places) {
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t p = 0; p < places; p++) to[c * places + p] = from[p * channels + c];
}

static void NAME(begin_places)(float *restrict total, const float *bias, ptrdiff_t places, ptrdiff_t channels) {
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < channels; o++) total[p * channels + o] = bias == NULL ? 0.0f : bias[o] + 0.0f;
}

/* For every place of an axis, which taps read it and for which output: a count, then pairs of tap and output. */
static void NAME(taps)(int32_t *restrict table, ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad,
                       ptrdiff_t dilation, ptrdiff_t osize) {
    for (ptrdiff_t place = 0; place < size; place++) {
        int32_t *own = table + place * (1 + 2 * kernel);
        own[0] = 0;
        for (ptrdiff_t k = 0; k < kernel; k++) {
            const ptrdiff_t at = place + pad - k * dilation;
            if (at < 0 || at % stride != 0 || at / stride >= osize) continue;
            own[1 + 2 * own[0]] = (int32_t)k;
            own[2 + 2 * own[0]] = (int32_t)(at / stride);
            own[0]++;
        }
    }
}

/* Along a row without stride and dilation the outputs of the taps lie side by side: one run for all of them. That is
   why `runs` has the taps of a row in falling order. */
static void NAME(conv_events)(const talon_conv *c, const float *restrict x, const float *restrict runs,
                              float *restrict total) {
    const ptrdiff_t in = c->in, out = c->out, kx = c->kernel[1];
    const ptrdiff_t ywide = 1 + 2 * c->kernel[0], xwide = 1 + 2 * kx;
    const int32_t *ytaps = c->taps, *xtaps = c->taps + c->size[0] * ywide;
    const int together = c->stride[1] == 1 && c->dilation[1] == 1;
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        const int32_t *rows = ytaps + iy * ywide;
        for (ptrdiff_t ix = 0; ix < c->size[1]; ix++) {
            const float *restrict place = x + (iy * c->size[1] + ix) * in;
            const int32_t *columns = xtaps + ix * xwide;
            const ptrdiff_t count = columns[0];
            if (count == 0) continue;
            for (ptrdiff_t i = 0; i < in; i++) {
                const float value = place[i];
                if (value == 0.0f) continue;
                for (ptrdiff_t a = 0; a < rows[0]; a++) {
                    const float *w = runs + (rows[1 + 2 * a] * in + i) * kx * out;
                    float *line = total + rows[2 + 2 * a] * c->osize[1] * out;
                    if (together) {
                        const ptrdiff_t last = columns[1 + 2 * (count - 1)];
                        float *restrict y = line + columns[2 + 2 * (count - 1)] * out;
                        const float *restrict run = w + (kx - 1 - last) * out;
                        for (ptrdiff_t o = 0; o < count * out; o++) y[o] += value * run[o];
                        continue;
                    }
                    for (ptrdiff_t b = 0; b < count; b++) {
                        float *restrict y = line + columns[2 + 2 * b] * out;
                        const float *restrict run = w + (kx - 1 - columns[1 + 2 * b]) * out;
                        for (ptrdiff_t o = 0; o < out; o++) y[o] += value * run[o];
                    }
                }
            }
        }
    }
}

/* One place at a time, or CONV_PLACES beside each other; outputs in blocks of CONV_LANES. */
static void NAME(conv_places)(const talon_conv *c, const float *restrict x, const float *restrict weight,
                              const float *bias, float *restrict total, ptrdiff_t oy, ptrdiff_t ox, ptrdiff_t places,
                              ptrdiff_t from, ptrdiff_t lanes) {
    const ptrdiff_t in = c->in, out = c->out;
    float sum[CONV_PLACES][CONV_LANES];
    for (ptrdiff_t p = 0; p < CONV_PLACES; p++)
        for (ptrdiff_t o = 0; o < lanes; o++) sum[p][o] = bias == NULL ? 0.0f : bias[from + o] + 0.0f;
    for (ptrdiff_t ky = 0; ky < c->kernel[0]; ky++) {
        const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        if (iy < 0 || iy >= c->size[0]) continue;
        for (ptrdiff_t kx = 0; kx < c->kernel[1]; kx++) {
            const ptrdiff_t first = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            const ptrdiff_t last = first + (places - 1) * c->stride[1];
            const float *restrict w = weight + ((ky * c->kernel[1] + kx) * in) * out + from;
            if (places == CONV_PLACES && lanes == CONV_LANES && first >= 0 && last < c->size[1]) {
                const float *restrict place = x + (iy * c->size[1] + first) * in;
                const ptrdiff_t apart = c->stride[1] * in;
                for (ptrdiff_t i = 0; i < in; i++)
                    for (ptrdiff_t p = 0; p < CONV_PLACES; p++) {
                        const float value = place[p * apart + i];
                        for (ptrdiff_t o = 0; o < CONV_LANES; o++) sum[p][o] += value * w[i * out + o];
                    }
            } else {
                for (ptrdiff_t p = 0; p < places; p++) {
                    const ptrdiff_t ix = first + p * c->stride[1];
                    if (ix < 0 || ix >= c->size[1]) continue;
                    const float *restrict place = x + (iy * c->size[1] + ix) * in;
                    for (ptrdiff_t i = 0; i < in; i++)
                        for (ptrdiff_t o = 0; o < lanes; o++) sum[p][o] += place[i] * w[i * out + o];
                }
            }
        }
    }
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < lanes; o++) total[(oy * c->osize[1] + ox + p) * out + from + o] = sum[p][o];
}

static void NAME(conv_dense)(const talon_conv *c, const float *restrict x, const float *restrict weight,
                             const float *bias, float *restrict total) {
    for (ptrdiff_t from = 0; from < c->out; from += CONV_LANES) {
        const ptrdiff_t lanes = c->out - from < CONV_LANES ? c->out - from : CONV_LANES;
        for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++)
            for (ptrdiff_t ox = 0; ox < c->osize[1]; ox += CONV_PLACES) {
                const ptrdiff_t places = c->osize[1] - ox < CONV_PLACES ? c->osize[1] - ox : CONV_PLACES;
                NAME(conv_places)(c, x, weight, bias, total, oy, ox, places, from, lanes);
            }
    }
}

/* y (out, *osize) of x (in, *size): for every tap and channel, whole rows of every output map. */
static void NAME(conv_planes)(const talon_conv *c, const float *restrict x, const float *restrict weight,
                              const float *bias, float *restrict y) {
    const ptrdiff_t in = c->in, out = c->out, places = c->osize[0] * c->osize[1];
    for (ptrdiff_t o = 0; o < out; o++) {
        float *restrict map = y + o * places;
        for (ptrdiff_t p = 0; p < places; p++) map[p] = bias == NULL ? 0.0f : bias[o] + 0.0f;
        for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++)
            for (ptrdiff_t ky = 0; ky < c->kernel[0]; ky++) {
                const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
                if (iy < 0 || iy >= c->size[0]) continue;
                for (ptrdiff_t kx = 0; kx < c->kernel[1]; kx++) {
                    const ptrdiff_t shift = kx * c->dilation[1] - c->pad[1], step = c->stride[1];
                    ptrdiff_t low = 0, high = c->osize[1];
                    while (low < high && low * step + shift < 0) low++;
                    while (high > low && (high - 1) * step + shift >= c->size[1]) high--;
                    for (ptrdiff_t i = 0; i < in; i++) {
                        const float w = weight[((ky * c->kernel[1] + kx) * in + i) * out + o];
                        const float *restrict line = x + (i * c->size[0] + iy) * c->size[1] + shift;
                        float *restrict into = map + oy * c->osize[1];
                        if (step == 1) {
                            for (ptrdiff_t p = low; p < high; p++) into[p] += line[p] * w;
                        } else {
                            for (ptrdiff_t p = low; p < high; p++) into[p] += line[p * step] * w;
                        }
                    }
                }
            }
    }
}

static int64_t NAME(conv_count)(const talon_conv *c, ptrdiff_t row) {
    const ptrdiff_t places = c->size[0] * c->size[1], channels = c->groups * c->in;
    const float *x = c->x + row * channels * places;
    int64_t synops = 0, other = 0, active = 0;
    for (ptrdiff_t i = 0; i < channels; i++)
        for (ptrdiff_t p = 0; p < places; p++) {
            const float value = x[i * places + p];
            active += value != 0.0f;
            synops += value != 0.0f ? c->fan[p] : 0;
            other += (value != 0.0f) & (value != 1.0f);
        }
    c->synops[row] = synops;
    c->binary[row] = other == 0;
    return active;
}

static int NAME(conv)(const talon_conv *c) {
    const ptrdiff_t places = c->size[0] * c->size[1], oplaces = c->osize[0] * c->osize[1];
    const ptrdiff_t weights = c->kernel[0] * c->kernel[1] * c->in * c->out;
    int64_t active = 0;
    for (ptrdiff_t row = 0; row < c->rows; row++) active += NAME(conv_count)(c, row);
    const double share = (double)active / ((double)c->rows * (double)(c->groups * c->in * places));
    const int mode = share < c->crossover ? TALON_EVENT : c->mode;
    if (mode == TALON_EVENT) {
        NAME(taps)(c->taps, c->size[0], c->kernel[0], c->stride[0], c->pad[0], c->dilation[0], c->osize[0]);
        NAME(taps)(c->taps + c->size[0] * (1 + 2 * c->kernel[0]), c->size[1], c->kernel[1], c->stride[1], c->pad[1],
                   c->dilation[1], c->osize[1]);
    }
    float *turned = c->scratch, *total = c->scratch + c->in * places;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        for (ptrdiff_t g = 0; g < c->groups; g++) {
            const float *x = c->x + (row * c->groups + g) * c->in * places;
            const float *weight = c->weight + g * weights, *bias = c->bias == NULL ? NULL : c->bias + g * c->out;
            float *y = c->y + (row * c->groups + g) * c->out * oplaces;
            if (mode == TALON_PLANE) {
                NAME(conv_planes)(c, x, weight, bias, y);
                continue;
            }
            NAME(turn)(turned, x, c->in, places);
            if (mode == TALON_EVENT) {
                NAME(begin_places)(total, bias, oplaces, c->out);
                NAME(conv_events)(c, turned, c->runs + g * weights, total);
            } else {
                NAME(conv_dense)(c, turned, weight, bias, total);
            }
            NAME(turn_back)(y, total, c->out, oplaces);
        }
    }
    return mode;
}
