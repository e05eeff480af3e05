/* Pools: windows of maps, of floats and of spikes as bytes. */

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

/* Of bytes that are 0 or 1, whether one of them is 1. */
#define POOL_EITHER(a, b) ((uint8_t)((a) | (b)))

/* Windows of four values, all inside the map, which is what most networks have: a line of outputs. The constants make each
   call a loop of its own. */
#define POOL_FOUR(TYPE, LARGER, LINE, NAMED)                                                                          \
    static inline __attribute__((always_inline)) void LINE(const talon_pool *c, const TYPE *restrict upper,           \
                                                           TYPE *restrict y, ptrdiff_t channels) {                    \
        const TYPE *restrict lower = upper + c->size[1] * channels;                                                   \
        const ptrdiff_t apart = c->stride[1] * channels;                                                              \
        for (ptrdiff_t ox = 0; ox < c->osize[1]; ox++, upper += apart, lower += apart, y += channels)                 \
            for (ptrdiff_t o = 0; o < channels; o++) {                                                                \
                const TYPE best = LARGER(LARGER(upper[o], upper[channels + o]), lower[o]);                            \
                y[o] = LARGER(best, lower[channels + o]);                                                             \
            }                                                                                                         \
    }                                                                                                                 \
    static void NAMED(const talon_pool *c, const TYPE *x, TYPE *y, ptrdiff_t oy) {                                    \
        x += oy * c->stride[0] * c->size[1] * c->channels;                                                            \
        y += oy * c->osize[1] * c->channels;                                                                          \
        switch (c->channels) {                                                                                        \
            case 8: LINE(c, x, y, 8); break;                                                                          \
            case 16: LINE(c, x, y, 16); break;                                                                        \
            case 32: LINE(c, x, y, 32); break;                                                                        \
            default: LINE(c, x, y, c->channels);                                                                      \
        }                                                                                                             \
    }
POOL_FOUR(float, NAME(larger), NAME(pool_line), NAME(pool_four))
POOL_FOUR(uint8_t, POOL_EITHER, NAME(pool_bytes_line), NAME(pool_bytes_four))

/* The largest of bytes, of which every window has some. */
static void NAME(pool_bytes_place)(const talon_pool *c, const uint8_t *restrict x, uint8_t *restrict y, ptrdiff_t oy,
                                   ptrdiff_t ox) {
    y += (oy * c->osize[1] + ox) * c->channels;
    memset(y, 0, (size_t)c->channels);
    for (ptrdiff_t ky = 0; ky < c->kernel[0]; ky++) {
        const ptrdiff_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        if (iy < 0 || iy >= c->size[0]) continue;
        for (ptrdiff_t kx = 0; kx < c->kernel[1]; kx++) {
            const ptrdiff_t ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            if (ix < 0 || ix >= c->size[1]) continue;
            const uint8_t *restrict place = x + (iy * c->size[1] + ix) * c->channels;
            for (ptrdiff_t o = 0; o < c->channels; o++) y[o] = (uint8_t)(y[o] | place[o]);
        }
    }
}

static void NAME(pool_bytes)(const talon_pool *c, int four) {
    const ptrdiff_t in = c->size[0] * c->size[1] * c->channels, out = c->osize[0] * c->osize[1] * c->channels;
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const uint8_t *x = c->x.bytes + row * in;
        uint8_t *y = c->bytes + row * out;
        for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++) {
            if (four)
                NAME(pool_bytes_four)(c, x, y, oy);
            else
                for (ptrdiff_t ox = 0; ox < c->osize[1]; ox++) NAME(pool_bytes_place)(c, x, y, oy, ox);
        }
    }
}

static void NAME(pool)(const talon_pool *c) {
    const ptrdiff_t in = c->size[0] * c->size[1] * c->channels, out = c->osize[0] * c->osize[1] * c->channels;
    int four = c->kind == TALON_MAX;
    for (int axis = 0; axis < 2; axis++)
        four &= c->kernel[axis] == 2 && c->pad[axis] == 0 && c->dilation[axis] == 1 &&
                (c->osize[axis] - 1) * c->stride[axis] + 2 <= c->size[axis];
    if (c->x.floats == NULL) {
        NAME(pool_bytes)(c, four);
        return;
    }
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const float *x = c->x.floats + row * in;
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
