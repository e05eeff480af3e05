/* What the kernels offer to module.c: plain C, no Python. One table of functions per instruction set.

   Rows are samples of steps: row t * batch + b. Maps lie channels last, (y, x, channel). */
#ifndef TALON_NATIVE_H
#define TALON_NATIVE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Raised whenever a signature or a constant changes; module.c tells Python, which refuses a library that was not rebuilt. */
#define TALON_API 11

/* How a layer with weights goes through its inputs. Both add in the same order and agree to the bit. */
enum { TALON_EVENT = 1, TALON_DENSE = 2 };

/* Returned besides: a number did not fit an integer register that traps. What was computed is of no use then. */
enum { TALON_TRAPPED = 4 };

/* `crossover`: by events where a smaller share of the inputs than this is not zero (2: always, 0: never). Every few rows
   choose for themselves; what was chosen is returned, as bits. */

/* Reset, comparison and delay as bits of `rule`. */
enum { TALON_SUBTRACT = 1, TALON_NO_RESET = 2, TALON_LATE = 4, TALON_GREATER = 8, TALON_LEAKS = 16 };

/* Of integer neurons: the input comes before the decay; no threshold is negative; of those of 16 bits, all have one factor
   and one reset, and an input is taken by halves. How a membrane decays (not at all, v - (v >> k), the same but at least 1,
   v * factor >> bits); how a quotient is rounded; what a register does with a number that does not fit. */
enum { TALON_INPUT_FIRST = 32, TALON_RISES = 64, TALON_ALIKE = 128, TALON_TWICE = 256 };
enum { TALON_KEEP = 0, TALON_SHIFT = 1, TALON_SHIFT_1 = 2, TALON_MULTIPLY = 3 };
enum { TALON_FLOOR = 0, TALON_RTZ = 1, TALON_HALF_EVEN = 2, TALON_HALF_UP = 3 };
enum { TALON_SATURATE = 0, TALON_WRAP = 1, TALON_TRAP = 2 };

typedef struct {
    ptrdiff_t steps, batch, size;
    const float *x;  /* (steps, batch, size), unless a layer hands its sums on */
    uint8_t *y;      /* the same: spikes, 0 or 1 */
    float *v;        /* (batch, size): the membrane, before and after */
    float *trace;    /* (steps, batch, size), the membrane after every step, or NULL */
    int64_t *spikes; /* (steps, batch) */
    /* Each (size) where per_neuron is 1, else one value. */
    const float *beta, *gain, *leak, *r, *threshold, *reset;
    int per_neuron;
    int rule;
    int64_t first; /* index of the first step: at 0 no reset is pending */
} talon_neuron;

/* Types of weights and sums. Sums of whole numbers are exact, which Python has proved: for int16_t below 2^15. */
enum { TALON_F32 = 0, TALON_I8_I16 = 1, TALON_I16_I32 = 2, TALON_KINDS = 3 };

/* Neurons that are worked on at once. */
#define TALON_STRIP 256

/* Signed, of 1 to 64 bits. */
typedef struct {
    int bits, overflow;
} talon_register;

/* Integer neurons of 32 bits or of 64, and of 16 as short.h says. Nothing that is computed on the way may be wider than that. */
typedef struct {
    ptrdiff_t steps, batch, size;
    const float *x;  /* (steps, batch, size): whole numbers, unless a layer hands its sums on */
    uint8_t *y;      /* the same: spikes, 0 or 1 */
    void *v;         /* (batch, size): the membrane, before and after */
    void *trace;     /* (steps, batch, size), the membrane after every step, or NULL */
    int64_t *spikes; /* (steps, batch) */
    /* One value where `period` is 0; (size) where it is that; else they repeat, (period + TALON_STRIP), so that a strip from
       any neuron on has them side by side. `factor`: what to multiply by, or how far to shift; of 16 bits a fraction. */
    const void *factor, *threshold, *reset;
    ptrdiff_t period;
    int word, rule; /* word: bits of v, trace and the parameters, 16, 32 or 64 */
    int decay, decay_bits, decay_rounding;
    int shift, rounding; /* of the input: to the left, or below 0 to the right */
    talon_register sums, membranes;
    int64_t first; /* index of the first step: at 0 no reset is pending */
    int one_pass;  /* whether talon_in_one_pass, which is asked once for all rows */
    int *trapped;  /* set to 1 where a number does not fit a register that traps */
} talon_cell;

/* Whether integer neurons are what most networks have: sums that fit, shifted to the left; a membrane that decays by a
   product of 12 bits, takes them, saturates and is reset at once, by thresholds that are not negative. */
#define TALON_PASS_BITS 12
static inline int talon_in_one_pass(const talon_cell *c) {
    return c->word == 32 && c->decay == TALON_MULTIPLY && c->decay_bits == TALON_PASS_BITS && c->sums.bits >= 32 &&
           c->shift >= 0 && c->membranes.overflow == TALON_SATURATE &&
           (c->rule & ~(TALON_GREATER | TALON_SUBTRACT)) == TALON_RISES &&
           (c->decay_rounding == TALON_RTZ || c->decay_rounding == TALON_HALF_EVEN);
}

/* What a kernel reads: floats, or spikes as bytes that are 0 or 1. One of them is there. */
typedef struct {
    const float *floats;
    const uint8_t *bytes;
} talon_values;

/* What the sums of a layer go to: at most one of them. */
typedef struct {
    const talon_neuron *neuron;
    const talon_cell *cell;
} talon_after;

typedef struct {
    ptrdiff_t rows, in, out;
    talon_values x;      /* (rows, in) */
    const void *weight; /* (in, wide): out and what fills it up to a multiple of the lanes of the kind */
    const void *bias;   /* (wide), as sums, or NULL */
    float *y;            /* (rows, out); unused with neurons */
    int64_t *synops;     /* (rows): inputs that are not zero, times the outputs that each has */
    uint8_t *binary;     /* (rows): whether all inputs are 0 or 1 */
    int32_t *index;      /* scratch: (in + TALON_WIDE) */
    uint64_t *masks;     /* scratch: (in) */
    float *widened;      /* scratch: (TALON_ROWS, in), for bytes */
    double crossover;
    talon_after after;
} talon_affine;

/* A sparse weight by inputs: those of input i are from ends[i] to ends[i + 1]. It is read from far away: the narrower the
   faster. */
typedef struct {
    ptrdiff_t in, out;
    const int64_t *ends; /* (in + 1) */
    const void *index;   /* the outputs: of one input ascending, each once; int32, or uint16 if `near` */
    const void *value;   /* float, or int16 if `whole` */
    int near, whole;     /* whole: 0, or the bits of sums, 16 or 32: Python has proved that they fit */
    int packed;          /* near and whole: `index` is uint32, with the value in the upper half; `value` is not there */
} talon_synapses;

typedef struct {
    ptrdiff_t rows;
    const talon_synapses *synapses;
    talon_values x;    /* (rows, in) */
    const float *bias; /* (out) or NULL */
    float *y;          /* (rows, out); unused with neurons */
    int64_t *synops;   /* (rows) */
    uint8_t *binary;   /* (rows) */
    int32_t *index;    /* scratch: (in + TALON_WIDE) */
    void *sum;         /* scratch for (out) sums: of 4 bytes each, of which those of 16 bits take the first half; whole
                          ones are zeros before every call, and again after it */
    talon_after after;
} talon_sparse;

typedef struct {
    ptrdiff_t rows, groups, in, out; /* in, out: channels of one group */
    ptrdiff_t size[2], kernel[2], stride[2], pad[2], dilation[2], osize[2];
    talon_values x;      /* (rows, *size, groups * in) */
    const float *weight; /* (ky, kx, in, groups * wide): out and what fills it up; depthwise (ky, kx, groups) */
    const void *runs;    /* the same as (groups * in, ky falling, kx falling, out); of int16 where they are narrow */
    const float *bias;   /* (groups * out) or NULL */
    float *y;            /* (rows, *osize, groups * out); unused with neurons */
    const int64_t *fan;  /* (*size): how many products an input at a place takes part in */
    int64_t *synops;     /* (rows) */
    uint8_t *binary;     /* (rows) */
    float *scratch;      /* of talon_conv_scratch floats */
    int32_t *index;      /* scratch: of talon_conv_index numbers */
    double crossover;
    int whole;  /* whether all numbers are whole and below 2^24 */
    int narrow; /* whether all are below 2^15 besides, patches suit, and integer neurons take the sums */
    talon_after after;
} talon_conv;

enum { TALON_MAX = 0, TALON_MEAN = 1 };

typedef struct {
    ptrdiff_t rows, channels;
    ptrdiff_t size[2], kernel[2], stride[2], pad[2], dilation[2], osize[2];
    talon_values x;       /* (rows, *size, channels); bytes for a maximum of windows that none lies outside the map */
    const float *divisor; /* (*osize), for a mean */
    float *y;             /* (rows, *osize, channels), of floats */
    uint8_t *bytes;       /* the same, of bytes */
    int kind;
} talon_pool;

typedef struct {
    ptrdiff_t steps, batch, size;
    const float *x; /* (steps, batch, size) */
    float *y;
    float *sum;   /* (batch, size): of all inputs so far */
    float *count; /* (batch): steps so far */
} talon_mean;

typedef struct {
    const char *name;
    int (*affine[TALON_KINDS])(const talon_affine *);
    int (*sparse)(const talon_sparse *);
    int (*conv)(const talon_conv *);
    void (*neuron)(const talon_neuron *);
    void (*cell)(const talon_cell *);
    void (*pool)(const talon_pool *);
    void (*mean)(const talon_mean *);
    void (*rectify)(ptrdiff_t count, float slope, const float *x, float *y);
    /* Bytes as floats; and floats as bytes, where all are 0 or 1 to the bit: else 0 is returned. */
    void (*widen)(ptrdiff_t count, const uint8_t *x, float *y);
    int (*narrow)(ptrdiff_t count, const float *x, uint8_t *y);
    /* (rows, a, b) -> (rows, b, a), of floats or bytes. */
    void (*turn)(ptrdiff_t rows, ptrdiff_t a, ptrdiff_t b, const float *x, float *y);
    void (*turn_bytes)(ptrdiff_t rows, ptrdiff_t a, ptrdiff_t b, const uint8_t *x, uint8_t *y);
    /* y[row, place] = x[row, index[place]], `size` bytes each */
    void (*gather)(ptrdiff_t rows, ptrdiff_t from, ptrdiff_t places, ptrdiff_t size, const int32_t *index,
                   const uint8_t *x, uint8_t *y);
    /* y[place, offset..] = x[place], `size` bytes each, of `total` */
    void (*join)(ptrdiff_t places, ptrdiff_t size, ptrdiff_t total, ptrdiff_t offset, const uint8_t *x, uint8_t *y);
    int (*encode)(ptrdiff_t count, double scale, double low, double high, const float *x, float *y);
} talon_kernels;

extern const talon_kernels talon_base;
#if defined(__x86_64__) && defined(__GNUC__)
#define TALON_X86 1
extern const talon_kernels talon_v3, talon_v4;
#endif

/* Up to this size every whole number is itself as a float. */
#define TALON_EXACT (1 << 24)

/* How many values kernels work on side by side, whatever the width of the registers. */
#define TALON_WIDE 16

/* From so many floats on, which no second cache holds, they are written past the caches. */
#define TALON_STREAMED (1 << 20)

/* Rows of a dense layer whose sums stay in registers. */
#define TALON_ROWS 4

/* The place of the lowest bit of a mask that is not 0. */
static inline int talon_lowest(uint64_t mask) {
#ifdef __GNUC__
    return __builtin_ctzll(mask);
#else
    int place = 0;
    for (; (mask & 1) == 0; mask >>= 1) place++;
    return place;
#endif
}

/* What is left of a number, which is not negative, by a positive one. Numbers of samples and of channels are powers of two
   more often than not, and a division of 32 bits is a fraction of one of 64. */
static inline ptrdiff_t talon_remainder(ptrdiff_t number, ptrdiff_t by) {
    if ((by & (by - 1)) == 0) return number & (by - 1);
    if (number <= INT32_MAX && by <= INT32_MAX) return (ptrdiff_t)((uint32_t)number % (uint32_t)by);
    return number % by;
}

static inline ptrdiff_t talon_widened(ptrdiff_t count) {
    return (count + TALON_WIDE - 1) / TALON_WIDE * TALON_WIDE;
}

/* Floats, and numbers, of scratch that a convolution needs. */
ptrdiff_t talon_conv_scratch(const talon_conv *c);
ptrdiff_t talon_conv_index(const talon_conv *c);

/* Whether its events are scattered as whole patches, of TALON_PATCH lines at most: then the sums have a border that takes
   what falls outside. */
#define TALON_PATCH 16
int talon_conv_patches(const talon_conv *c);

/* Outputs of an axis that an input reaches at most. */
static inline ptrdiff_t talon_conv_ring(const talon_conv *c, int axis) {
    return (c->kernel[axis] + c->stride[axis] - 1) / c->stride[axis];
}

/* Weights of a line of a patch: taps are classed by what is left of them by the stride, and each class is filled up with 0. */
static inline ptrdiff_t talon_conv_whole(const talon_conv *c) {
    const ptrdiff_t classes = c->stride[1] < c->kernel[1] ? c->stride[1] : c->kernel[1];
    return classes * talon_conv_ring(c, 1) * c->out;
}

/* The outputs of an axis that there are or that a patch lies over: from `low` on. */
typedef struct {
    ptrdiff_t low, count;
} talon_span;

static inline talon_span talon_conv_reached(const talon_conv *c, int axis) {
    const ptrdiff_t before = (c->kernel[axis] - 1 - c->pad[axis]) / c->stride[axis], end = c->osize[axis] - 1;
    const ptrdiff_t last = (c->size[axis] - 1 + c->pad[axis]) / c->stride[axis] + (c->stride[axis] > 1);
    const talon_span found = {-before, (last > end ? last : end) + before + 1};
    return found;
}

/* The patch of an input on an axis: from output `low` on, as many as its class has taps, which begin at tap `first`. */
typedef struct {
    ptrdiff_t low, count, class, first;
} talon_patch;

static inline talon_patch talon_conv_patch(const talon_conv *c, int axis, ptrdiff_t place) {
    const ptrdiff_t at = place + c->pad[axis], stride = c->stride[axis], kernel = c->kernel[axis];
    if (stride == 1) { /* without divisions */
        const talon_patch all = {at + 1 - kernel, kernel, 0, 0};
        return all;
    }
    talon_patch found = {at / stride + 1, 0, at % stride, 0};
    if (found.class < kernel) found.count = (kernel - found.class + stride - 1) / stride;
    found.low -= found.count;
    for (ptrdiff_t before = 0; before < found.class && before < kernel; before++)
        found.first += (kernel - before + stride - 1) / stride;
    return found;
}

/* The table for this processor, or of a name; NULL where it does not have it. */
const talon_kernels *talon_choose(const char *name);

#endif
