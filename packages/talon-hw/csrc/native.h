/* What the kernels offer to module.c: plain C, no Python. One table of functions per instruction set. */
#ifndef TALON_NATIVE_H
#define TALON_NATIVE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Raised whenever a signature or a constant changes; module.c tells Python, which refuses a library that was not rebuilt. */
#define TALON_API 2

/* How a layer with weights goes through its inputs. All of them add in the same order and agree to the bit. */
enum { TALON_EVENT = 0, TALON_DENSE = 1, TALON_PLANE = 2 };

/* `crossover`: by events where a smaller share of the inputs than this is not zero (2: always, 0: never). What was
   chosen is returned. */

typedef struct {
    ptrdiff_t rows, in, out;
    const float *x;      /* (rows, in) */
    const float *weight; /* (in, out) */
    const float *bias;   /* (out) or NULL */
    float *y;            /* (rows, out) */
    int64_t *active;     /* (rows): inputs that are not zero */
    uint8_t *binary;     /* (rows): whether all inputs are 0 or 1 */
    int32_t *index;      /* scratch: (in) */
    double crossover;
} talon_affine;

typedef struct {
    ptrdiff_t rows, groups, in, out; /* in, out: channels of one group */
    ptrdiff_t size[2], kernel[2], stride[2], pad[2], dilation[2], osize[2];
    const float *x;       /* (rows, groups * in, *size) */
    const float *weight;  /* (groups, ky, kx, in, out) */
    const float *runs;    /* the same as (groups, ky, in, kx falling, out) */
    const float *bias;    /* (groups * out) or NULL */
    float *y;             /* (rows, groups * out, *osize) */
    const int64_t *fan;   /* (*size): how many products an input at a place takes part in */
    int64_t *synops;      /* (rows) */
    uint8_t *binary;      /* (rows) */
    float *scratch;       /* of talon_conv_scratch floats */
    int32_t *taps;        /* scratch: size[0] * (1 + 2 kernel[0]) + size[1] * (1 + 2 kernel[1]) */
    double crossover;
    int mode; /* without events: TALON_DENSE or TALON_PLANE */
} talon_conv;

/* Reset, comparison and delay as bits of `rule`. */
enum { TALON_SUBTRACT = 1, TALON_NO_RESET = 2, TALON_LATE = 4, TALON_GREATER = 8, TALON_LEAKS = 16 };

typedef struct {
    ptrdiff_t steps, batch, size;
    const float *x; /* (steps, batch, size) */
    float *y;       /* the same: spikes, 0 or 1 */
    float *v;       /* (batch, size): the membrane, before and after */
    float *trace;   /* (steps, batch, size), the membrane after every step, or NULL */
    int64_t *spikes; /* (steps, batch) */
    /* Each (size) where per_neuron is 1, else one value. */
    const float *beta, *gain, *leak, *r, *threshold, *reset;
    int per_neuron;
    int rule;
    int64_t first; /* index of the first step: at 0 no reset is pending */
} talon_neuron;

typedef struct {
    const char *name;
    int (*affine)(const talon_affine *);
    int (*conv)(const talon_conv *);
    void (*neuron)(const talon_neuron *);
} talon_kernels;

extern const talon_kernels talon_base;
#if defined(__x86_64__) && defined(__GNUC__)
#define TALON_X86 1
extern const talon_kernels talon_v3, talon_v4;
#endif

/* Floats of scratch that a convolution needs. */
ptrdiff_t talon_conv_scratch(const talon_conv *c);

/* The table for this processor, or of a name; NULL where it does not have it. */
const talon_kernels *talon_choose(const char *name);

#endif
