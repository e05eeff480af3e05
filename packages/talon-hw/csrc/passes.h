/* Integer neurons in one pass: see talon_in_one_pass. */

/* Sixteen at once by hand, for membranes of 16 bits, which are computed as floats: the share of a membrane that is left is
   a product cut off toward zero at 24 bits, which are more than those before its point. What is rounded after that is too
   large for the membrane, also then. Spikes are counted as bits. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define PASS_WIDE 1
#define WIDE_CUT (_MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)
#define WIDE_PLUS_f32(left, sum, shift) _mm512_fmadd_ps(_mm512_loadu_ps(sum), _mm512_set1_ps((float)(1 << (shift))), left)
#define WIDE_PLUS(left, sum, shift) _mm512_add_ps(left, _mm512_cvtepi32_ps(_mm512_sllv_epi32(sum, _mm512_set1_epi32(shift))))
#define WIDE_PLUS_i16(left, sum, shift) \
    WIDE_PLUS(left, _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(sum))), shift)
#define WIDE_PLUS_i32(left, sum, shift) WIDE_PLUS(left, _mm512_loadu_si512(sum), shift)
#define WIDE_OF(parameters, each) ((each) ? _mm512_loadu_si512((parameters) + j) : _mm512_set1_epi32(*(parameters)))
#define WIDE_SHARES(parameters, each) \
    ((each) ? _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512((parameters) + j)), unit) : shared)
#define WIDE_PASS(TYPE, KIND_)                                                                                          \
    static inline __attribute__((always_inline)) ptrdiff_t NAME(wide_##KIND_)(                                          \
        const talon_cell *c, ptrdiff_t count, const TYPE *restrict sum, const int32_t *restrict factors,                \
        const int32_t *restrict thresholds, const int32_t *restrict resets, int32_t *restrict v, uint8_t *restrict y,   \
        int32_t *spikes, ptrdiff_t p, int rule, int alike, int greater) {                                               \
        const NAME(range_32) r = NAME(range_of_32)(c->membranes);                                                       \
        const __m512 low = _mm512_set1_ps((float)r.low), high = _mm512_set1_ps((float)r.high);                          \
        const __m512 unit = _mm512_set1_ps(1.0f / (1 << TALON_PASS_BITS));                                              \
        const __m512 shared = _mm512_mul_ps(_mm512_set1_ps((float)*factors), unit);                                     \
        int32_t fired = 0;                                                                                              \
        ptrdiff_t j = 0;                                                                                                \
        for (; j + 16 <= count; j += 16) {                                                                              \
            const __m512 own = _mm512_cvtepi32_ps(_mm512_loadu_si512(v + j)), share = WIDE_SHARES(factors, p && !alike);\
            const __m512 left = _mm512_roundscale_ps(_mm512_mul_round_ps(own, share, WIDE_CUT), WIDE_CUT);              \
            const __m512 now = WIDE_PLUS_##KIND_(left, sum + j, c->shift);                                              \
            const __m512i u = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(now, low), high));                         \
            const __m512i threshold = WIDE_OF(thresholds, p);                                                           \
            const __mmask16 fires = greater ? _mm512_cmpgt_epi32_mask(u, threshold) : _mm512_cmpge_epi32_mask(u, threshold);\
            const __m512i after = rule == TALON_SUBTRACT ? _mm512_sub_epi32(u, threshold) : WIDE_OF(resets, p && !alike);\
            _mm512_storeu_si512(v + j, _mm512_mask_mov_epi32(u, fires, after));                                         \
            _mm_storeu_si128((__m128i *)(y + j), _mm_maskz_set1_epi8(fires, 1));                                        \
            fired += __builtin_popcount(fires);                                                                         \
        }                                                                                                               \
        *spikes += fired;                                                                                               \
        return j;                                                                                                       \
    }
WIDE_PASS(float, f32)
WIDE_PASS(int16_t, i16)
WIDE_PASS(int32_t, i32)
#undef WIDE_PASS
#else
#define PASS_WIDE 0
#define NO_WIDE_PASS(c, count, sum, factors, thresholds, resets, v, y, spikes, p, rule, alike, greater) 0
#endif

#define BY_HANDS(BY_HAND, RULE, ALIKE, GREATER)                                                                   \
    case RULE:                                                                                                    \
        j = BY_HAND(c, count, sum, factors, thresholds, resets, v, y, &spikes, p, rule, ALIKE, GREATER);          \
        break;

/* In one pass, where that is what they are: what a reset leaves of a membrane fits. `p`: 1 where parameters repeat, else 0. */
#define CELL_PASS(TYPE, NAMED, BY_HAND)                                                                                      \
    static inline __attribute__((always_inline)) void NAMED(const talon_cell *c, ptrdiff_t row, ptrdiff_t from,         \
                                                            ptrdiff_t count, const TYPE *restrict sum, ptrdiff_t p,     \
                                                            int rule, int rounding) {                                   \
        const ptrdiff_t own = NAME(own_32)(c, from);                                                                    \
        const int32_t *restrict factors = (const int32_t *)c->factor + own;                                             \
        const int32_t *restrict thresholds = (const int32_t *)c->threshold + own;                                       \
        const int32_t *restrict resets = (const int32_t *)c->reset + own;                                               \
        const NAME(range_32) r = NAME(range_of_32)(c->membranes);                                                       \
        const int32_t greater = (c->rule & TALON_GREATER) != 0, shift = c->shift, bits = TALON_PASS_BITS;               \
        int32_t *restrict v = (int32_t *)c->v + talon_remainder(row, c->batch) * c->size + from, bad = 0, spikes = 0;                 \
        uint8_t *restrict y = c->y + row * c->size + from;                                                              \
        ptrdiff_t j = 0;                                                                                                \
        if (PASS_WIDE && rounding == TALON_RTZ && c->membranes.bits <= 16)                                              \
            switch (c->rule & (TALON_ALIKE | TALON_GREATER)) {                                                          \
                BY_HANDS(BY_HAND, TALON_ALIKE, 1, 0)                                                                    \
                BY_HANDS(BY_HAND, TALON_ALIKE | TALON_GREATER, 1, 1)                                                    \
                BY_HANDS(BY_HAND, 0, 0, 0)                                                                              \
                BY_HANDS(BY_HAND, TALON_GREATER, 0, 1)                                                                  \
            }                                                                                                           \
        for (; j < count; j++) {                                                                                        \
            const int32_t threshold = thresholds[j * p], reset = resets[j * p];                                         \
            const int32_t x = (int32_t)((uint32_t)(int32_t)sum[j] << shift);                                            \
            const int32_t now = NAME(quotient_32)(v[j] * factors[j * p], bits, rounding) + x;                           \
            const int32_t u = NAME(kept_32)(now, r, TALON_SATURATE, &bad), above = u - threshold;                       \
            const int32_t fires = above >= greater;                                                                     \
            v[j] = fires ? (rule == TALON_SUBTRACT ? above : reset) : u;                                                \
            y[j] = (uint8_t)fires;                                                                                      \
            spikes += fires;                                                                                            \
        }                                                                                                               \
        c->spikes[row] += spikes;                                                                                       \
        if (c->trace != NULL) memcpy((int32_t *)c->trace + row * c->size + from, v, sizeof(int32_t) * (size_t)count);   \
    }
#if PASS_WIDE
CELL_PASS(float, NAME(pass_f32), NAME(wide_f32))
CELL_PASS(int16_t, NAME(pass_i16), NAME(wide_i16))
CELL_PASS(int32_t, NAME(pass_i32), NAME(wide_i32))
#else
CELL_PASS(float, NAME(pass_f32), NO_WIDE_PASS)
CELL_PASS(int16_t, NAME(pass_i16), NO_WIDE_PASS)
CELL_PASS(int32_t, NAME(pass_i32), NO_WIDE_PASS)
#endif
#undef BY_HANDS
#undef PASS_WIDE
