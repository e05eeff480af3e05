/* Maps that are pooled, resampled, joined and turned, and what is computed value by value. */

/* Windows in rising ky, kx; what lies outside the map is left out: it is minus infinity, or adds nothing. */
static inline __attribute__((always_inline)) void NAME(pool_place)(const talon_pool *c, const float *restrict x,
                                                                   float *restrict y, ptrdiff_t oy, ptrdiff_t ox,
                                                                   ptrdiff_t from, ptrdiff_t lanes) {
    float best[TALON_WIDE];
    for (ptrdiff_t o = 0; o < lanes; o++) best[o] = c->kind == TALON_MAX ? -INFINITY : 0.0f;
    for (ptrdiff_t ky = 0; ky < c->kernel[0]; ky++) {
        const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        if (iy < 0 || iy >= c->size[0]) continue;
        for (ptrdiff_t kx = 0; kx < c->kernel[1]; kx++) {
            const ptrdiff_t ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            if (ix < 0 || ix >= c->size[1]) continue;
            const float *restrict place = x + (iy * c->size[1] + ix) * c->channels + from;
            if (c->kind == TALON_MAX)
                for (ptrdiff_t o = 0; o < lanes; o++)
                    best[o] = (place[o] > best[o]) | (place[o] != place[o]) ? place[o] : best[o];
            else
                for (ptrdiff_t o = 0; o < lanes; o++) best[o] += place[o];
        }
    }
    float *into = y + (oy * c->osize[1] + ox) * c->channels + from;
    if (c->kind == TALON_MAX) {
        for (ptrdiff_t o = 0; o < lanes; o++) into[o] = best[o];
    } else {
        const float divisor = c->divisor[oy * c->osize[1] + ox];
        for (ptrdiff_t o = 0; o < lanes; o++) into[o] = best[o] / divisor;
    }
}

/* The second where it is larger or no number, which is how maxima go through a window. */
static inline __attribute__((always_inline)) float NAME(larger)(float best, float value) {
    const float found = value > best ? value : best;
    return value != value ? value : found;
}

/* Windows of four values, all inside the map, which is what most networks have: a line of outputs. The constant makes each
   call a loop of its own. */
static inline __attribute__((always_inline)) void NAME(pool_line)(const talon_pool *c, const float *restrict upper,
                                                                  float *restrict y, ptrdiff_t channels) {
    const float *restrict lower = upper + c->size[1] * channels;
    const ptrdiff_t apart = c->stride[1] * channels;
    for (ptrdiff_t ox = 0; ox < c->osize[1]; ox++, upper += apart, lower += apart, y += channels)
        for (ptrdiff_t o = 0; o < channels; o++) {
            const float best = NAME(larger)(NAME(larger)(upper[o], upper[channels + o]), lower[o]);
            y[o] = NAME(larger)(best, lower[channels + o]);
        }
}

static void NAME(pool_four)(const talon_pool *c, const float *x, float *y, ptrdiff_t oy) {
    x += oy * c->stride[0] * c->size[1] * c->channels;
    y += oy * c->osize[1] * c->channels;
    switch (c->channels) {
        case 8: NAME(pool_line)(c, x, y, 8); break;
        case 16: NAME(pool_line)(c, x, y, 16); break;
        case 32: NAME(pool_line)(c, x, y, 32); break;
        default: NAME(pool_line)(c, x, y, c->channels);
    }
}

static void NAME(pool)(const talon_pool *c) {
    const ptrdiff_t in = c->size[0] * c->size[1] * c->channels, out = c->osize[0] * c->osize[1] * c->channels;
    int four = c->kind == TALON_MAX;
    for (int axis = 0; axis < 2; axis++)
        four &= c->kernel[axis] == 2 && c->pad[axis] == 0 && c->dilation[axis] == 1 &&
                (c->osize[axis] - 1) * c->stride[axis] + 2 <= c->size[axis];
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = c->x + row * in;
        float *y = c->y + row * out;
        for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++) {
            if (four) {
                NAME(pool_four)(c, x, y, oy);
                continue;
            }
            for (ptrdiff_t ox = 0; ox < c->osize[1]; ox++) {
                ptrdiff_t from = 0;
                for (; from + 16 <= c->channels; from += 16) NAME(pool_place)(c, x, y, oy, ox, from, 16);
                for (; from + 8 <= c->channels; from += 8) NAME(pool_place)(c, x, y, oy, ox, from, 8);
                for (; from < c->channels; from++) NAME(pool_place)(c, x, y, oy, ox, from, 1);
            }
        }
    }
}

static void NAME(mean)(const talon_mean *c) {
    for (ptrdiff_t t = 0; t < c->steps; t++)
        for (ptrdiff_t b = 0; b < c->batch; b++) {
            const float *restrict x = c->x + (t * c->batch + b) * c->size;
            float *restrict y = c->y + (t * c->batch + b) * c->size, *restrict sum = c->sum + b * c->size;
            const float count = c->count[b] += 1.0f;
            for (ptrdiff_t j = 0; j < c->size; j++) {
                sum[j] = NAME(settle)(sum[j] + x[j]);
                y[j] = sum[j] / count;
            }
        }
}

/* x where positive, slope * x elsewhere; without a slope 0, of whatever sign x has. */
static void NAME(rectify)(ptrdiff_t count, float slope, const float *restrict x, float *restrict y) {
    if (slope == 0.0f) {
        for (ptrdiff_t j = 0; j < count; j++) y[j] = x[j] > 0.0f ? x[j] : 0.0f;
    } else {
        for (ptrdiff_t j = 0; j < count; j++) {
            const float below = slope * x[j];
            y[j] = x[j] > 0.0f ? x[j] : below;
        }
    }
}

/* A few lines woven into one: the constant lets the compiler do it by registers. */
static inline __attribute__((always_inline)) void NAME(weave)(ptrdiff_t a, ptrdiff_t b, const float *restrict x,
                                                              float *restrict y) {
    for (ptrdiff_t l = 0; l < b; l++)
        for (ptrdiff_t k = 0; k < a; k++) y[l * a + k] = x[k * b + l];
}

/* Four by four values, by registers. */
static inline __attribute__((always_inline)) void NAME(turn_four)(ptrdiff_t a, ptrdiff_t b, const float *restrict x,
                                                                  float *restrict y) {
    const FOUR p = TAKE_FOUR(x), q = TAKE_FOUR(x + b), r = TAKE_FOUR(x + 2 * b), s = TAKE_FOUR(x + 3 * b);
    const FOUR pr = MIX(p, r, 0, 4, 1, 5), qs = MIX(q, s, 0, 4, 1, 5);
    const FOUR pr_high = MIX(p, r, 2, 6, 3, 7), qs_high = MIX(q, s, 2, 6, 3, 7);
    PUT_FOUR(y, MIX(pr, qs, 0, 4, 1, 5));
    PUT_FOUR(y + a, MIX(pr, qs, 2, 6, 3, 7));
    PUT_FOUR(y + 2 * a, MIX(pr_high, qs_high, 0, 4, 1, 5));
    PUT_FOUR(y + 3 * a, MIX(pr_high, qs_high, 2, 6, 3, 7));
}

/* In squares, so that both sides are gone through in lines of the cache. */
static void NAME(turn)(ptrdiff_t rows, ptrdiff_t a, ptrdiff_t b, const float *restrict x, float *restrict y) {
    if (a == 1 || b == 1) {
        memcpy(y, x, sizeof(float) * (size_t)(rows * a * b));
        return;
    }
    if (a == 2 || a == 3 || a == 4) {
        for (ptrdiff_t row = 0; row < rows; row++, x += a * b, y += a * b) {
            if (a == 2) NAME(weave)(2, b, x, y);
            if (a == 3) NAME(weave)(3, b, x, y);
            if (a == 4) NAME(weave)(4, b, x, y);
        }
        return;
    }
    for (ptrdiff_t row = 0; row < rows; row++, x += a * b, y += a * b)
        for (ptrdiff_t i = 0; i < a; i += TALON_WIDE)
            for (ptrdiff_t j = 0; j < b; j += TALON_WIDE) {
                const ptrdiff_t iend = i + TALON_WIDE < a ? i + TALON_WIDE : a, jend = j + TALON_WIDE < b ? j + TALON_WIDE : b;
                const ptrdiff_t ifours = i + (iend - i) / 4 * 4, jfours = j + (jend - j) / 4 * 4;
                for (ptrdiff_t l = j; l < jfours; l += 4)
                    for (ptrdiff_t k = i; k < ifours; k += 4) NAME(turn_four)(a, b, x + k * b + l, y + l * a + k);
                for (ptrdiff_t l = j; l < jend; l++)
                    for (ptrdiff_t k = l < jfours ? ifours : i; k < iend; k++) y[l * a + k] = x[k * b + l];
            }
}

static void NAME(gather)(ptrdiff_t rows, ptrdiff_t from, ptrdiff_t places, ptrdiff_t channels,
                         const int32_t *restrict index, const float *restrict x, float *restrict y) {
    const size_t bytes = sizeof(float) * (size_t)channels;
    for (ptrdiff_t row = 0; row < rows; row++, x += from * channels)
        for (ptrdiff_t p = 0; p < places; p++, y += channels) memcpy(y, x + index[p] * channels, bytes);
}

static void NAME(join)(ptrdiff_t places, ptrdiff_t channels, ptrdiff_t total, ptrdiff_t offset,
                       const float *restrict x, float *restrict y) {
    if (channels == TALON_WIDE) {
        /* By hand: the compiler would call memcpy for every place. */
        for (ptrdiff_t p = 0; p < places; p++) PUT(y + p * total + offset, TAKE(x + p * TALON_WIDE));
        return;
    }
    if (channels > TALON_WIDE) {
        for (ptrdiff_t p = 0; p < places; p++)
            memcpy(y + p * total + offset, x + p * channels, sizeof(float) * (size_t)channels);
        return;
    }
    for (ptrdiff_t p = 0; p < places; p++)
        for (ptrdiff_t o = 0; o < channels; o++) y[p * total + offset + o] = x[p * channels + o];
}
