/* Dense convolutions, one compilation for floats and one for whole numbers, which the file that includes this names:
   DENSE. */
#define DENSE_NAME_OF(function, dense) function##_##dense
#define DENSE_NAMED(function, dense) NAME(DENSE_NAME_OF(function, dense))
#define DENSE_NAME(function) DENSE_NAMED(function, DENSE)

/* `places` outputs of a line beside each other, all with the taps `low` to `high` inside the map. The constant makes each
   call a loop of its own. */
static inline __attribute__((always_inline)) void DENSE_NAME(conv_places)(const talon_conv *c, const float *restrict x,
                                                                    NAME(output_line) line, float *restrict sums,
                                                                    ptrdiff_t group, ptrdiff_t from, ptrdiff_t ox,
                                                                    int places) {
    const ptrdiff_t in = c->groups * c->in, width = talon_widened(c->out), across = c->groups * width;
    const ptrdiff_t low = line.xinside[2 * ox], high = line.xinside[2 * ox + 1], apart = c->stride[1] * in;
    /* Without groups and dilation the taps of a line are one run of inputs. */
    const int together = c->groups == 1 && c->dilation[1] == 1;
    const ptrdiff_t runs = together ? 1 : high - low, run = together ? (high - low) * c->in : c->in;
    WIDE sum[CONV_PLACES], start = ZERO;
    if (c->bias != NULL) {
        float bias[TALON_WIDE] = {0};
        for (ptrdiff_t o = 0; o < TALON_WIDE && from + o < c->out; o++) bias[o] = c->bias[group * c->out + from + o];
        start = TAKE(bias) + start;
    }
    for (int p = 0; p < places; p++) sum[p] = start;
    for (ptrdiff_t ky = line.low; ky < line.high; ky++) {
        const ptrdiff_t iy = line.oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        for (ptrdiff_t k = 0; k < runs; k++) {
            const ptrdiff_t kx = low + k, ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            const float *restrict w = c->weight + (ky * c->kernel[1] + kx) * c->in * across + group * width + from;
            const float *restrict place = x + (iy * c->size[1] + ix) * in + group * c->in;
            for (ptrdiff_t i = 0; i < run; i++)
                for (int p = 0; p < places; p++)
                    sum[p] += place[p * apart + i] * TAKE(w + i * across);
        }
    }
    const ptrdiff_t lanes = c->out - from < TALON_WIDE ? c->out - from : TALON_WIDE;
    for (int p = 0; p < places; p++) {
        float *into = sums + (ox + p) * c->groups * c->out + group * c->out + from;
        if (lanes == TALON_WIDE) {
            PUT(into, sum[p]);
        } else {
            float part[TALON_WIDE];
            PUT(part, sum[p]);
            for (ptrdiff_t o = 0; o < lanes; o++) into[o] = part[o];
        }
    }
}

/* One input and one output a group: TALON_WIDE channels of a few places. */
static inline __attribute__((always_inline)) void DENSE_NAME(depthwise_places)(const talon_conv *c, const float *restrict x,
                                                                         NAME(output_line) line, float *restrict sums,
                                                                         ptrdiff_t from, ptrdiff_t ox, int places) {
    const ptrdiff_t channels = c->groups, low = line.xinside[2 * ox], high = line.xinside[2 * ox + 1];
    const ptrdiff_t ix = ox * c->stride[1] + low * c->dilation[1] - c->pad[1];
    const ptrdiff_t next = c->dilation[1] * channels, apart = c->stride[1] * channels;
    WIDE sum[CONV_PLACES], start = ZERO;
    if (c->bias != NULL) start = TAKE(c->bias + from) + start;
    for (int p = 0; p < places; p++) sum[p] = start;
    for (ptrdiff_t ky = line.low; ky < line.high; ky++) {
        const ptrdiff_t iy = line.oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        const float *place = x + (iy * c->size[1] + ix) * channels + from;
        const float *w = c->weight + (ky * c->kernel[1] + low) * channels + from;
        for (ptrdiff_t k = low; k < high; k++, place += next, w += channels)
            for (int p = 0; p < places; p++) sum[p] += TAKE(place + p * apart) * TAKE(w);
    }
    for (int p = 0; p < places; p++) PUT(sums + (ox + p) * channels + from, sum[p]);
}

/* The same for a kernel of 3 by 3 that lies inside the map at all of the `places`: with constants the weights stay in
   registers. */
static inline __attribute__((always_inline)) void DENSE_NAME(depthwise_nine)(const talon_conv *c, const float *restrict x,
                                                                             ptrdiff_t oy, float *restrict sums,
                                                                             ptrdiff_t from, ptrdiff_t ox, ptrdiff_t places) {
    const ptrdiff_t channels = c->groups, next = c->dilation[1] * channels, apart = c->stride[1] * channels;
    const ptrdiff_t iy = oy * c->stride[0] - c->pad[0], ix = ox * c->stride[1] - c->pad[1];
    const float *line[3];
    WIDE w[9], start = ZERO;
    for (int k = 0; k < 9; k++) w[k] = TAKE(c->weight + k * channels + from);
    for (int k = 0; k < 3; k++) line[k] = x + ((iy + k * c->dilation[0]) * c->size[1] + ix) * channels + from;
    if (c->bias != NULL) start = TAKE(c->bias + from) + start;
    float *restrict into = sums + ox * channels + from;
    for (ptrdiff_t p = 0; p < places; p++, into += channels) {
        WIDE sum = start;
        for (int k = 0; k < 9; k++) sum += TAKE(line[k / 3] + p * apart + k % 3 * next) * w[k];
        PUT(into, sum);
    }
}

/* The channels that are left over, one place. */
static void DENSE_NAME(depthwise_rest)(const talon_conv *c, const float *restrict x, NAME(output_line) line,
                                 float *restrict sums, ptrdiff_t from, ptrdiff_t ox) {
    const ptrdiff_t channels = c->groups, low = line.xinside[2 * ox], high = line.xinside[2 * ox + 1];
    const ptrdiff_t ix = ox * c->stride[1] + low * c->dilation[1] - c->pad[1];
    float *into = sums + ox * channels;
    for (ptrdiff_t o = from; o < channels; o++) into[o] = c->bias == NULL ? 0.0f : c->bias[o] + 0.0f;
    for (ptrdiff_t ky = line.low; ky < line.high; ky++) {
        const ptrdiff_t iy = line.oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        const float *place = x + (iy * c->size[1] + ix) * channels;
        const float *w = c->weight + (ky * c->kernel[1] + low) * channels;
        for (ptrdiff_t k = low; k < high; k++, place += c->dilation[1] * channels, w += channels)
            for (ptrdiff_t o = from; o < channels; o++) into[o] += place[o] * w[o];
    }
}

/* Line by line; places whose taps all lie inside the map several at once, the others one by one. */
static void DENSE_NAME(conv_dense)(const talon_conv *c, ptrdiff_t row, const int32_t *inside) {
    const ptrdiff_t inputs = c->size[0] * c->size[1] * c->groups * c->in;
    const float *x = NAME(floats_at)(c->x, row * inputs);
    if (x == NULL) {
        /* Behind the sums of a line. */
        float *widened = c->scratch + c->osize[1] * c->groups * c->out;
        NAME(widen)(inputs, c->x.bytes + row * inputs, widened);
        x = widened;
    }
    const int depthwise = c->in == 1 && c->out == 1;
    const ptrdiff_t parts = depthwise ? 1 : c->groups, channels = depthwise ? c->groups : c->out;
    float *sums = c->scratch;
    const int32_t *xinside = inside + 2 * c->osize[0];
    /* The outputs of a line whose taps all lie inside the map. */
    ptrdiff_t first = 0, end = c->osize[1];
    while (first < end && xinside[2 * first + 1] - xinside[2 * first] < c->kernel[1]) first++;
    while (end > first && xinside[2 * end - 1] - xinside[2 * end - 2] < c->kernel[1]) end--;
    const int nine = depthwise && c->kernel[0] == 3 && c->kernel[1] == 3;
    for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++) {
        const NAME(output_line) line = {oy, inside[2 * oy], inside[2 * oy + 1], xinside};
        ptrdiff_t places, done = 0;
        if (nine && line.high - line.low == 3)
            for (; done + TALON_WIDE <= channels; done += TALON_WIDE)
                DENSE_NAME(depthwise_nine)(c, x, oy, sums, done, first, end - first);
        for (ptrdiff_t ox = 0; ox < c->osize[1]; ox += places) {
            /* Those whose taps all lie inside the map lie together. */
            const ptrdiff_t together = ox < first ? 1 : end - ox;
            places = together >= CONV_PLACES ? CONV_PLACES : together >= CONV_FEW ? CONV_FEW : 1;
            for (ptrdiff_t g = 0; g < parts; g++)
                for (ptrdiff_t from = ox < first || ox >= end ? 0 : done; from < channels; from += TALON_WIDE) {
                    if (!depthwise && places == 1) {
                        DENSE_NAME(conv_places)(c, x, line, sums, g, from, ox, 1);
                    } else if (!depthwise && places == CONV_FEW) {
                        DENSE_NAME(conv_places)(c, x, line, sums, g, from, ox, CONV_FEW);
                    } else if (!depthwise) {
                        DENSE_NAME(conv_places)(c, x, line, sums, g, from, ox, CONV_PLACES);
                    } else if (from + TALON_WIDE > channels) {
                        for (ptrdiff_t p = 0; p < places; p++) DENSE_NAME(depthwise_rest)(c, x, line, sums, from, ox + p);
                    } else if (places == 1) {
                        DENSE_NAME(depthwise_places)(c, x, line, sums, from, ox, 1);
                    } else if (places == CONV_FEW) {
                        DENSE_NAME(depthwise_places)(c, x, line, sums, from, ox, CONV_FEW);
                    } else {
                        DENSE_NAME(depthwise_places)(c, x, line, sums, from, ox, CONV_PLACES);
                    }
                }
        }
        NAME(conv_line)(c, row, oy, sums);
    }
}

#undef DENSE_NAME_OF
#undef DENSE_NAMED
#undef DENSE_NAME
#undef DENSE
