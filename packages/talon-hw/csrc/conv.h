/* Convolutions over two axes (one axis: the first has length 1). Every accumulator starts at bias + 0 and takes the
   products in ascending ky, kx, input channel, each rounded before it is added.

   Events: places of the input in rising y, x, channel, each scattered to the outputs that read it. For a given output
   that is the order above, because a later place is read by a later tap. Without dilation the outputs of an event are a
   patch: `runs` has the taps falling, those of an event's class together, so that a row of the patch is one run of weights.
   Dense: channels of the output side by side, over a few places; depthwise, all channels side by side. */

/* Outputs of a line that are worked on together: as many as the registers hold. */
#define CONV_FEW 4
#ifdef __AVX512F__
#define CONV_PLACES 8
#else
#define CONV_PLACES CONV_FEW
#endif

/* For every place of an axis, which taps read it and for which output: a count, then pairs of how far on the weights of
   the tap and the sums of the output lie. */
static void NAME(taps)(int32_t *restrict table, const talon_conv *c, int axis) {
    const ptrdiff_t kernel = c->kernel[axis], outs = c->groups * c->out;
    const ptrdiff_t weights = axis == 0 ? c->kernel[1] * c->out : c->out, sums = axis == 0 ? c->osize[1] * outs : outs;
    for (ptrdiff_t place = 0; place < c->size[axis]; place++) {
        int32_t *own = table + place * (1 + 2 * kernel);
        own[0] = 0;
        for (ptrdiff_t k = 0; k < kernel; k++) {
            const ptrdiff_t at = place + c->pad[axis] - k * c->dilation[axis];
            if (at < 0 || at % c->stride[axis] != 0 || at / c->stride[axis] >= c->osize[axis]) continue;
            own[1 + 2 * own[0]] = (int32_t)((kernel - 1 - k) * weights);
            own[2 + 2 * own[0]] = (int32_t)(at / c->stride[axis] * sums);
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

/* The places of the values of a row that are not zero, line by line: `ends` says where each line of the map ends. */
static ptrdiff_t NAME(conv_active)(const talon_conv *c, ptrdiff_t row, int32_t *restrict events, int32_t *restrict ends) {
    const ptrdiff_t line = c->size[1] * c->groups * c->in;
    ptrdiff_t found = 0;
    int other = 0;
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        found += NAME(active)(c->x, (row * c->size[0] + iy) * line, line, events + found, &other);
        ends[iy] = (int32_t)found;
    }
    c->binary[row] = !other;
    return found;
}

/* What hands one line of outputs on. */
static void NAME(conv_line)(const talon_conv *c, ptrdiff_t row, ptrdiff_t oy, const float *sum) {
    const ptrdiff_t wide = c->osize[1] * c->groups * c->out;
    if (!NAME(feed_f32)(&c->after, row, oy * wide, wide, sum))
        memcpy(c->y + (row * c->osize[0] + oy) * wide, sum, sizeof(float) * (size_t)wide);
}

/* Which place of a line an event belongs to: event / in, without a division. */
typedef struct {
    uint64_t factor;
    int32_t in;
} NAME(divider);

static inline NAME(divider) NAME(divide_by)(ptrdiff_t in, ptrdiff_t line) {
    /* Exact where line * in < 2^40. */
    const NAME(divider) by = {line <= ((ptrdiff_t)1 << 40) / in ? (((uint64_t)1 << 40) / (uint64_t)in) + 1 : 0, (int32_t)in};
    return by;
}

static inline int32_t NAME(divided)(int32_t event, NAME(divider) by) {
    return by.factor != 0 ? (int32_t)(((uint64_t)event * by.factor) >> 40) : event / by.in;
}

/* With a stride: where the patch of each place of a line begins, and its weights; -1 where it reaches nothing. */
static void NAME(patch_columns)(const talon_conv *c, int32_t *restrict columns) {
    const ptrdiff_t low = talon_conv_reached(c, 1).low;
    for (ptrdiff_t ix = 0; ix < c->size[1]; ix++, columns += 2) {
        const talon_patch patch = talon_conv_patch(c, 1, ix);
        columns[0] = (int32_t)((patch.low - low) * c->out);
        columns[1] = patch.count == 0 ? -1 : (int32_t)(patch.class * talon_conv_ring(c, 1) * c->out);
    }
}

#define PATCH f32
#define SUM float
#define PATCH_BEGIN(c, y, places) NAME(begin_f32)(y, (c)->bias, places, (c)->out)
#define PATCH_RUN NAME(add_run)
#define PATCH_LINE NAME(conv_line)
#include "patches.h"

/* Sums that are proved to fit 16 bits, on their way to integer neurons; they begin at the bias, of floats. */
static void NAME(begin_narrow)(const talon_conv *c, int16_t *restrict y, ptrdiff_t places) {
    const ptrdiff_t out = c->out;
    if (c->bias == NULL) {
        NAME(begin_i8_i16)(y, NULL, places, out);
        return;
    }
    for (ptrdiff_t o = 0; o < out; o++) y[o] = (int16_t)c->bias[o];
    for (ptrdiff_t p = 1; p < places; p++) memcpy(y + p * out, y, sizeof *y * (size_t)out);
}
static inline void NAME(conv_line_narrow)(const talon_conv *c, ptrdiff_t row, ptrdiff_t oy, const int16_t *sum) {
    const ptrdiff_t wide = c->osize[1] * c->out;
    NAME(feed_i8_i16)(&c->after, row, oy * wide, wide, sum);
}
static inline void NAME(add_narrow)(int16_t *restrict y, int16_t x, const int16_t *restrict w, ptrdiff_t count) {
    for (ptrdiff_t o = 0; o < count; o++) y[o] = (int16_t)(y[o] + x * w[o]);
}
#define PATCH i16
#define SUM int16_t
#define PATCH_BEGIN NAME(begin_narrow)
#define PATCH_RUN NAME(add_narrow)
#define PATCH_LINE NAME(conv_line_narrow)
#include "patches.h"

/* With any stride and dilation, and groups: tap by tap. */
static void NAME(conv_taps)(const talon_conv *c, ptrdiff_t row, const int32_t *restrict events,
                            const int32_t *restrict ends, const int32_t *restrict taps, int64_t *synops) {
    const ptrdiff_t outs = c->groups * c->out, out = c->out, ky = c->kernel[0], kx = c->kernel[1];
    const int32_t *ytaps = taps, *xtaps = ytaps + c->size[0] * (1 + 2 * ky), in = (int32_t)(c->groups * c->in);
    const NAME(divider) by = NAME(divide_by)(in, c->size[1] * in);
    int64_t cost = 0;
    int32_t e = 0;
    NAME(begin_f32)(c->scratch, c->bias, c->osize[0] * c->osize[1], outs);
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++) {
        const float *restrict x = NAME(floats_at)(c->x, (row * c->size[0] + iy) * c->size[1] * in);
        const int64_t *fan = c->fan + iy * c->size[1];
        const int32_t *rows = ytaps + iy * (1 + 2 * ky);
        for (; e < ends[iy]; e++) {
            const int32_t event = events[e], ix = NAME(divided)(event, by), i = event - ix * in;
            const int32_t *columns = xtaps + ix * (1 + 2 * kx);
            const ptrdiff_t first = c->groups == 1 ? 0 : i / (int32_t)c->in * out;
            const float value = x == NULL ? 1.0f : x[event];
            cost += fan[ix];
            const float *runs = (const float *)c->runs + i * ky * kx * out;
            for (int32_t a = 0; a < rows[0]; a++)
                for (int32_t b = 0; b < columns[0]; b++)
                    NAME(add_run)(c->scratch + first + rows[2 + 2 * a] + columns[2 + 2 * b], value,
                                  runs + rows[1 + 2 * a] + columns[1 + 2 * b], out);
        }
    }
    *synops = cost;
    for (ptrdiff_t oy = 0; oy < c->osize[0]; oy++) NAME(conv_line)(c, row, oy, c->scratch + oy * c->osize[1] * outs);
}

/* Where the inputs of a line of outputs begin, and which taps of it lie inside the map. */
typedef struct {
    ptrdiff_t oy, low, high;
    const int32_t *xinside;
} NAME(output_line);

#define DENSE f32
#include "dense.h"

/* Whole numbers below 2^24: product and sum are exact, in one instruction as in two. */
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif
#define DENSE whole
#include "dense.h"
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC pop_options
#endif

/* What the events of a row cost where they are not gone through one by one. */
static int64_t NAME(conv_cost)(const talon_conv *c, const int32_t *restrict events, const int32_t *restrict ends) {
    const ptrdiff_t in = c->groups * c->in;
    const NAME(divider) by = NAME(divide_by)(in, c->size[1] * in);
    int64_t synops = 0;
    int32_t e = 0;
    for (ptrdiff_t iy = 0; iy < c->size[0]; iy++)
        for (; e < ends[iy]; e++) synops += c->fan[iy * c->size[1] + NAME(divided)(events[e], by)];
    return synops;
}

static int NAME(conv)(const talon_conv *c) {
    const ptrdiff_t inputs = c->size[0] * c->size[1] * c->groups * c->in;
    int32_t *ytaps = c->index, *xtaps = ytaps + c->size[0] * (1 + 2 * c->kernel[0]);
    int32_t *inside = xtaps + c->size[1] * (1 + 2 * c->kernel[1]), *ends = inside + 2 * (c->osize[0] + c->osize[1]);
    int32_t *events = ends + c->size[0];
    const int patches = talon_conv_patches(c);
    int ways = 0;
    /* Patches need no taps, and what they need is no more. */
    int32_t *columns = patches && c->stride[1] > 1 ? xtaps : NULL;
    if (columns != NULL) NAME(patch_columns)(c, columns);
    if (!patches) {
        NAME(taps)(ytaps, c, 0);
        NAME(taps)(xtaps, c, 1);
    }
    NAME(inside)(inside, c, 0);
    NAME(inside)(inside + 2 * c->osize[0], c, 1);
    for (ptrdiff_t row = 0; row < c->rows; row++) {
        const ptrdiff_t active = NAME(conv_active)(c, row, events, ends);
        if ((double)active >= c->crossover * (double)inputs) {
            ways |= TALON_DENSE;
            c->synops[row] = NAME(conv_cost)(c, events, ends);
            (c->whole ? NAME(conv_dense_whole) : NAME(conv_dense_f32))(c, row, inside);
        } else {
            ways |= TALON_EVENT;
            if (c->narrow)
                NAME(conv_patches_i16)(c, row, events, ends, columns, &c->synops[row]);
            else if (patches)
                NAME(conv_patches_f32)(c, row, events, ends, columns, &c->synops[row]);
            else
                NAME(conv_taps)(c, row, events, ends, ytaps, &c->synops[row]);
        }
    }
    return ways;
}
