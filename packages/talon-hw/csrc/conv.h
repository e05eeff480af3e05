/* Convolutions over two axes (one axis: the first has length 1). Every accumulator starts at bias + 0 and takes the
   products in ascending ky, kx, input channel, each rounded before it is added.

   Events: places of the input in rising y, x, channel, each scattered to the outputs that read it. For a given output
   that is the order above, because a later place is read by a later tap. Without stride and dilation the outputs of an
   event are a patch: `runs` has the taps falling, so that a row of the patch is one run of weights.
   Dense: channels of the output side by side, over a few places; depthwise, all channels side by side. */

#define CONV_PLACES 4

/* For every place of an axis, which taps read it and for which output: a count, then pairs of tap and output. */
static void NAME(taps)(int32_t *restrict table, const talon_conv *c, int axis) {
    const ptrdiff_t kernel = c->kernel[axis];
    for (ptrdiff_t place = 0; place < c->size[axis]; place++) {
        int32_t *own = table + place * (1 + 2 * kernel);
        own[0] = 0;
        for (ptrdiff_t k = 0; k < kernel; k++) {
            const ptrdiff_t at = place + c->pad[axis] - k * c->dilation[axis];
            if (at < 0 || at % c->stride[axis] != 0 || at / c->stride[axis] >= c->osize[axis]) continue;
            own[1 + 2 * own[0]] = (int32_t)k;
            own[2 + 2 * own[0]] = (int32_t)(at / c->stride[axis]);
            own[0]++;
        }
    }
}

/* For every output of an axis, the taps that lie inside the map: from, to. */
static void NAME(inside)(int32_t *restrict table, const talon_conv *c, int axis) {
    for (ptrdiff_t o = 0; o < c->osize[axis]; o++) {
        const ptrdiff_t at = o * c->stride[axis] - c->pad[axis], d = c->dilation[axis];
        ptrdiff_t low = 0, high = c->kernel[axis];
        while (low < high && at + low * d < 0) low++;
        while (high > low && at + (high - 1) * d >= c->size[axis]) high--;
        table[2 * o] = (int32_t)low;
        table[2 * o + 1] = (int32_t)high;
    }
}

/* One event as a patch of `kernel[0]` runs. */
static inline void NAME(patch)(float *restrict at, float value, const float *restrict runs, ptrdiff_t rows,
                               ptrdiff_t run, ptrdiff_t line) {
    for (ptrdiff_t a = 0; a < rows; a++) NAME(add_run)(at + a * line, value, runs + a * run, run);
}

static void NAME(conv_events)(const talon_conv *c, ptrdiff_t row, float *restrict total) {
    const ptrdiff_t in = c->groups * c->in, outs = c->groups * c->out, out = c->out;
    const ptrdiff_t ky = c->kernel[0], kx = c->kernel[1], ywide = 1 + 2 * ky, xwide = 1 + 2 * kx;
    const int32_t *ytaps = c->index, *xtaps = ytaps + c->size[0] * ywide;
    int32_t *events = c->index + c->size[0] * ywide + c->size[1] * xwide;
    const int patches = talon_conv_patches(c);
    const ptrdiff_t line = (c->size[1] + kx - 1) * outs;
    int64_t synops = 0;
    int other = 0;
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        const float *restrict x = c->x + (row * c->size[0] + iy) * c->size[1] * in;
        const int64_t *fan = c->fan + iy * c->size[1];
        const ptrdiff_t count = NAME(active)(x, c->size[1] * in, events, &other);
        const int32_t *rows = ytaps + iy * ywide;
        for (ptrdiff_t e = 0; e < count; e++) {
            const int32_t event = events[e], ix = (int32_t)(event / (int32_t)in), i = event - ix * (int32_t)in;
            const float value = x[event];
            synops += fan[ix];
            if (patches) {
                float *at = total + iy * line + ix * outs;
                NAME(patch)(at, value, c->runs + i * ky * kx * out, ky, kx * out, line);
                continue;
            }
            const int32_t *columns = xtaps + ix * xwide;
            const ptrdiff_t first = i / c->in * out;
            for (int32_t a = 0; a < rows[0]; a++)
                for (int32_t b = 0; b < columns[0]; b++) {
                    const ptrdiff_t tap = (i * ky + (ky - 1 - rows[1 + 2 * a])) * kx + (kx - 1 - columns[1 + 2 * b]);
                    float *at = total + (rows[2 + 2 * a] * c->osize[1] + columns[2 + 2 * b]) * outs + first;
                    NAME(add_run)(at, value, c->runs + tap * out, out);
                }
        }
    }
    c->synops[row] = synops;
    c->binary[row] = !other;
}

/* `places` outputs of a line beside each other, of `lanes` channels. The constants make each call a loop of its own. */
static inline __attribute__((always_inline)) void NAME(conv_places)(const talon_conv *c, const float *restrict x,
                                                                    float *restrict total, ptrdiff_t group,
                                                                    ptrdiff_t oy, ptrdiff_t ox, ptrdiff_t from,
                                                                    ptrdiff_t places, ptrdiff_t lanes) {
    const ptrdiff_t in = c->groups * c->in, outs = c->groups * c->out, channel = group * c->out + from;
    const int32_t *yinside = c->index + 2 * oy, *xinside = c->index + 2 * c->osize[0] + 2 * ox;
    float sum[CONV_PLACES][TALON_WIDE];
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < lanes; o++) sum[p][o] = c->bias == NULL ? 0.0f : c->bias[channel + o] + 0.0f;
    /* The first place has the highest first tap, the last one the lowest last tap. */
    const ptrdiff_t low = xinside[0], high = xinside[2 * places - 1];
    for (ptrdiff_t ky = yinside[0]; ky < yinside[1]; ky++) {
        const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        for (ptrdiff_t kx = xinside[2 * places - 2]; kx < xinside[1]; kx++) {
            const ptrdiff_t ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            const float *restrict w = c->weight + (ky * c->kernel[1] + kx) * c->in * outs + channel;
            const float *restrict place = x + (iy * c->size[1] + ix) * in + group * c->in;
            const ptrdiff_t apart = c->stride[1] * in;
            if (kx >= low && kx < high) {
                for (ptrdiff_t i = 0; i < c->in; i++)
                    for (ptrdiff_t p = 0; p < places; p++) {
                        const float value = place[p * apart + i];
                        for (ptrdiff_t o = 0; o < lanes; o++) sum[p][o] += value * w[i * outs + o];
                    }
            } else {
                for (ptrdiff_t p = 0; p < places; p++) {
                    if (kx < xinside[2 * p] || kx >= xinside[2 * p + 1]) continue;
                    for (ptrdiff_t i = 0; i < c->in; i++)
                        for (ptrdiff_t o = 0; o < lanes; o++) sum[p][o] += place[p * apart + i] * w[i * outs + o];
                }
            }
        }
    }
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < lanes; o++) total[(oy * c->osize[1] + ox + p) * outs + channel + o] = sum[p][o];
}

static void NAME(conv_dense)(const talon_conv *c, const float *restrict x, float *restrict total) {
    for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++)
        for (ptrdiff_t ox = 0; ox < c->osize[1]; ox += CONV_PLACES) {
            const ptrdiff_t left = c->osize[1] - ox;
            for (ptrdiff_t g = 0; g < c->groups; g++)
                for (ptrdiff_t from = 0; from < c->out;) {
                    const ptrdiff_t rest = c->out - from, lanes = rest >= 16 ? 16 : rest >= 8 ? 8 : rest >= 4 ? 4 : 1;
                    if (left < CONV_PLACES) {
                        for (ptrdiff_t p = 0; p < left; p++) NAME(conv_places)(c, x, total, g, oy, ox + p, from, 1, lanes);
                    } else if (lanes == 16) {
                        NAME(conv_places)(c, x, total, g, oy, ox, from, CONV_PLACES, 16);
                    } else if (lanes == 8) {
                        NAME(conv_places)(c, x, total, g, oy, ox, from, CONV_PLACES, 8);
                    } else if (lanes == 4) {
                        NAME(conv_places)(c, x, total, g, oy, ox, from, CONV_PLACES, 4);
                    } else {
                        NAME(conv_places)(c, x, total, g, oy, ox, from, CONV_PLACES, 1);
                    }
                    from += lanes;
                }
        }
}

/* One input and one output a group: all channels of a place side by side. */
static inline __attribute__((always_inline)) void NAME(depthwise_lanes)(const talon_conv *c, const float *restrict x,
                                                                        float *restrict total, ptrdiff_t from,
                                                                        ptrdiff_t lanes) {
    const ptrdiff_t channels = c->groups;
    const int32_t *yinside = c->index, *xinside = c->index + 2 * c->osize[0];
    for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++)
        for (ptrdiff_t ox = 0; ox < c->osize[1]; ox++) {
            float sum[TALON_WIDE];
            for (ptrdiff_t o = 0; o < lanes; o++) sum[o] = c->bias == NULL ? 0.0f : c->bias[from + o] + 0.0f;
            for (ptrdiff_t ky = yinside[2 * oy]; ky < yinside[2 * oy + 1]; ky++) {
                const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
                for (ptrdiff_t kx = xinside[2 * ox]; kx < xinside[2 * ox + 1]; kx++) {
                    const ptrdiff_t ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
                    const float *restrict place = x + (iy * c->size[1] + ix) * channels + from;
                    const float *restrict w = c->weight + (ky * c->kernel[1] + kx) * channels + from;
                    for (ptrdiff_t o = 0; o < lanes; o++) sum[o] += place[o] * w[o];
                }
            }
            for (ptrdiff_t o = 0; o < lanes; o++) total[(oy * c->osize[1] + ox) * channels + from + o] = sum[o];
        }
}

static void NAME(conv_depthwise)(const talon_conv *c, const float *x, float *total) {
    ptrdiff_t from = 0;
    for (; from + 16 <= c->groups; from += 16) NAME(depthwise_lanes)(c, x, total, from, 16);
    for (; from + 4 <= c->groups; from += 4) NAME(depthwise_lanes)(c, x, total, from, 4);
    for (; from < c->groups; from++) NAME(depthwise_lanes)(c, x, total, from, 1);
}

/* Where the sums of a row go; `line` sums lie from one line of outputs to the next. */
static void NAME(conv_done)(const talon_conv *c, ptrdiff_t row, const float *total, ptrdiff_t line) {
    const ptrdiff_t wide = c->osize[1] * c->groups * c->out;
    if (c->neuron != NULL) c->neuron->spikes[row] = 0;
    for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++) {
        if (c->neuron != NULL)
            NAME(neuron_span)(c->neuron, row, oy * wide, wide, total + oy * line);
        else if (c->y + (row * c->osize[0] + oy) * wide != total + oy * line)
            memcpy(c->y + (row * c->osize[0] + oy) * wide, total + oy * line, sizeof(float) * (size_t)wide);
    }
}

/* What a row costs, as the events themselves count it where they are gone through. */
static void NAME(conv_count)(const talon_conv *c, ptrdiff_t row) {
    const ptrdiff_t places = c->size[0] * c->size[1], channels = c->groups * c->in;
    const float *x = c->x + row * channels * places;
    int64_t synops = 0;
    int32_t other = 0;
    for (ptrdiff_t p = 0; p < places; p++) {
        int32_t active = 0;
        for (ptrdiff_t i = 0; i < channels; i++) {
            const float value = x[p * channels + i];
            active += value != 0.0f;
            other += (value != 0.0f) & (value != 1.0f);
        }
        synops += active * c->fan[p];
    }
    c->synops[row] = synops;
    c->binary[row] = other == 0;
}

static int64_t NAME(conv_active)(const talon_conv *c) {
    const ptrdiff_t count = c->size[0] * c->size[1] * c->groups * c->in;
    int64_t all = 0;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        int32_t active = 0;
        for (ptrdiff_t i = 0; i < count; i++) active += c->x[row * count + i] != 0.0f;
        all += active;
    }
    return all;
}

static int NAME(conv)(const talon_conv *c) {
    const ptrdiff_t outs = c->groups * c->out, oplaces = c->osize[0] * c->osize[1];
    const ptrdiff_t inputs = c->size[0] * c->size[1] * c->groups * c->in;
    const int event = c->crossover > 1.0 || (c->crossover > 0.0 && (double)NAME(conv_active)(c) <
                                                                       c->crossover * (double)c->rows * (double)inputs);
    if (event) {
        const int patches = talon_conv_patches(c);
        const ptrdiff_t line = patches ? (c->size[1] + c->kernel[1] - 1) * outs : c->osize[1] * outs;
        const ptrdiff_t lines = patches ? c->size[0] + c->kernel[0] - 1 : c->osize[0];
        const ptrdiff_t first = patches ? (c->kernel[0] - 1 - c->pad[0]) * line + (c->kernel[1] - 1 - c->pad[1]) * outs : 0;
        NAME(taps)(c->index, c, 0);
        NAME(taps)(c->index + c->size[0] * (1 + 2 * c->kernel[0]), c, 1);
        for (ptrdiff_t row = 0; row < c->rows; row++) {
            NAME(begin)(c->scratch, c->bias, lines * line / outs, outs);
            NAME(conv_events)(c, row, c->scratch);
            NAME(conv_done)(c, row, c->scratch + first, line);
        }
        return TALON_EVENT;
    }
    NAME(inside)(c->index, c, 0);
    NAME(inside)(c->index + 2 * c->osize[0], c, 1);
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = c->x + row * inputs;
        float *total = c->neuron == NULL ? c->y + row * oplaces * outs : c->scratch;
        NAME(conv_count)(c, row);
        if (c->in == 1 && c->out == 1)
            NAME(conv_depthwise)(c, x, total);
        else
            NAME(conv_dense)(c, x, total);
        NAME(conv_done)(c, row, total, c->osize[1] * outs);
    }
    return TALON_DENSE;
}
