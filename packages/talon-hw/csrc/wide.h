/* Loops over values that lie side by side, TALON_WIDE at a time, and the search for values that are not zero. */

#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

/* TALON_WIDE values in one, two or four registers, as the compiler splits them for the instruction set (vectors of gcc and
   clang). They go through macros, because a function that takes or gives one is warned of. */
typedef float NAME(wide) __attribute__((vector_size(4 * TALON_WIDE), aligned(4), may_alias));
#define WIDE NAME(wide)
#define TAKE(p) (*(const WIDE *)(p))
#define PUT(p, a) (*(WIDE *)(p) = (a))
#define ZERO ((WIDE){0})
typedef float NAME(four) __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t NAME(places) __attribute__((vector_size(16)));
#define FOUR NAME(four)
#define TAKE_FOUR(p) (*(const FOUR *)(p))
#define PUT_FOUR(p, a) (*(FOUR *)(p) = (a))
#ifdef __clang__
#define MIX(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define MIX(a, b, i, j, k, l) __builtin_shuffle(a, b, (NAME(places)){i, j, k, l})
#endif

/* y += x * w; without the product where x is 1, which changes no bit. */
static inline void NAME(add_run)(float *restrict y, float x, const float *restrict w, ptrdiff_t count) {
    ptrdiff_t o = 0;
    if (count == TALON_WIDE) {
        /* What most layers have, without a loop. */
        if (x == 1.0f)
            PUT(y, TAKE(y) + TAKE(w));
        else
            PUT(y, TAKE(y) + x * TAKE(w));
        return;
    }
    if (x == 1.0f) {
        for (; o + TALON_WIDE <= count; o += TALON_WIDE) PUT(y + o, TAKE(y + o) + TAKE(w + o));
        if (count - o >= 8) {
            for (ptrdiff_t k = 0; k < 8; k++) y[o + k] += w[o + k];
            o += 8;
        }
        for (; o < count; o++) y[o] += w[o];
    } else {
        for (; o + TALON_WIDE <= count; o += TALON_WIDE) PUT(y + o, TAKE(y + o) + x * TAKE(w + o));
        for (; o < count; o++) y[o] += x * w[o];
    }
}

/* Values from a place on: NULL where they are bytes. */
static inline const float *NAME(floats_at)(talon_values x, ptrdiff_t at) {
    return x.floats == NULL ? NULL : x.floats + at;
}

/* Bytes as floats. */
static void NAME(widen)(ptrdiff_t count, const uint8_t *restrict x, float *restrict y) {
    ptrdiff_t i = 0;
#if defined(__AVX512F__) && defined(__AVX512BW__)
    /* What is too much for the caches of a core is written past them, by whole lines, which are not read before. */
    if (count >= TALON_STREAMED) {
        for (; ((uintptr_t)(y + i) & 63) != 0; i++) y[i] = (float)x[i];
        for (; i + 16 <= count; i += 16) {
            const __m128i own = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
            _mm512_stream_ps(y + i, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(own)));
        }
        _mm_sfence();
    }
#endif
    for (; i < count; i++) y[i] = (float)x[i];
}

/* The places of the bytes that are not zero. */
static inline ptrdiff_t NAME(active_bytes)(const uint8_t *restrict x, ptrdiff_t count, int32_t *restrict index) {
    ptrdiff_t found = 0, i = 0;
#if defined(__AVX512F__) && defined(__AVX512BW__)
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; i + 64 <= count; i += 64) {
        const __m512i value = _mm512_loadu_si512(x + i);
        uint64_t mask = _mm512_test_epi8_mask(value, value);
        for (int32_t at = (int32_t)i; mask != 0; mask >>= 16, at += 16) {
            const __mmask16 some = (__mmask16)mask;
            const __m512i own = _mm512_add_epi32(places, _mm512_set1_epi32(at));
            _mm512_storeu_si512(index + found, _mm512_maskz_compress_epi32(some, own));
            found += __builtin_popcount(some);
        }
    }
#endif
    for (; i + 8 <= count; i += 8) {
        /* All at once where none is active, which most are not where few spike. */
        uint64_t eight;
        memcpy(&eight, x + i, sizeof eight);
        if (eight == 0) continue;
        for (ptrdiff_t k = i; k < i + 8; k++) {
            index[found] = (int32_t)k;
            found += x[k] != 0;
        }
    }
    for (; i < count; i++) {
        index[found] = (int32_t)i;
        found += x[i] != 0;
    }
    return found;
}

static inline ptrdiff_t NAME(active_floats)(const float *restrict x, ptrdiff_t count, int32_t *restrict index, int *other) {
    ptrdiff_t found = 0, i = 0;
    int odd = 0;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    const __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1.0f);
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i next = _mm512_set1_epi32(16);
    for (; i + 16 <= count; i += 16) {
        const __m512 value = _mm512_loadu_ps(x + i);
        const __mmask16 mask = _mm512_cmp_ps_mask(value, zero, _CMP_NEQ_UQ);
        odd |= mask & _mm512_cmp_ps_mask(value, one, _CMP_NEQ_UQ);
        _mm512_storeu_si512(index + found, _mm512_maskz_compress_epi32(mask, at));
        found += __builtin_popcount(mask);
        at = _mm512_add_epi32(at, next);
    }
#else
    for (; i + TALON_WIDE <= count; i += TALON_WIDE) {
        /* All at once where none is active, which most are not where few spike. */
        uint64_t pairs[TALON_WIDE / 2], any = 0;
        memcpy(pairs, x + i, sizeof pairs);
        for (int k = 0; k < TALON_WIDE / 2; k++) any |= pairs[k];
        if ((any & UINT64_C(0x7fffffff7fffffff)) == 0) continue;
        for (ptrdiff_t k = i; k < i + TALON_WIDE; k++) {
            index[found] = (int32_t)k;
            found += x[k] != 0.0f;
            odd |= (x[k] != 0.0f) & (x[k] != 1.0f);
        }
    }
#endif
    for (; i < count; i++) {
        index[found] = (int32_t)i;
        found += x[i] != 0.0f;
        odd |= (x[i] != 0.0f) & (x[i] != 1.0f);
    }
    *other |= odd;
    return found;
}

/* The places of the `count` values from `at` on that are not zero, ascending; how many. `index` has room for count +
   TALON_WIDE. `other` is set where a value is neither 0 nor 1. */
static inline ptrdiff_t NAME(active)(talon_values x, ptrdiff_t at, ptrdiff_t count, int32_t *restrict index, int *other) {
    return x.floats == NULL ? NAME(active_bytes)(x.bytes + at, count, index)
                            : NAME(active_floats)(x.floats + at, count, index, other);
}
