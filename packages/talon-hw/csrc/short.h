/* Integer neurons of 16 bits in one pass, of which Python has proved (integers/cells.py) that their membranes, thresholds
   and resets fit; that sums fit their register; that a membrane decays by a product which is cut off toward zero, or not at
   all; and that it takes its input then, saturates, and is reset at once. */

/* What is left of a membrane: the upper half of the product of its size with a factor of 16 bits. */
static inline int32_t NAME(short_left)(int32_t v, int32_t factor) {
    const int32_t cut = (int32_t)(((uint32_t)(v < 0 ? -v : v) * (uint32_t)factor) >> 16);
    return v < 0 ? -cut : cut;
}

/* As many at once as a register holds. A sum of three, of which two are equal, saturates as it would if it were made at once:
   what the first addition lost the second one would, too. So an input of more than 16 bits is added by halves, and what is
   too large even for these saturates by itself; TALON_TWICE says that this is needed. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define SHORT_LANES 32
#define SHORTS __m512i
#define SHORT_OP(name) _mm512_##name
#define SHORT_LOAD(p) _mm512_loadu_si512(p)
#define SHORT_STORE(p, a) _mm512_storeu_si512(p, a)
#define SHORT_NOUGHT _mm512_setzero_si512()
#define SHORT_CUT(a) _mm512_cvtsepi32_epi16(a)
#define SHORT_BOTH(a, b) _mm512_inserti64x4(_mm512_castsi256_si512(SHORT_CUT(a)), SHORT_CUT(b), 1)
#define SHORT_OF_i32(sum) SHORT_BOTH(_mm512_loadu_si512(sum), _mm512_loadu_si512((sum) + 16))
#define SHORT_OF_f32(sum) \
    SHORT_BOTH(_mm512_cvtps_epi32(_mm512_loadu_ps(sum)), _mm512_cvtps_epi32(_mm512_loadu_ps((sum) + 16)))
#define SHORT_SIGNED(size, sign) \
    _mm512_mask_sub_epi16(size, _mm512_movepi16_mask(sign), _mm512_setzero_si512(), size)
#define SHORT_MASK __mmask32
#define SHORT_ABOVE(a, b) _mm512_cmpgt_epi16_mask(a, b)
#define SHORT_WHERE(mask, a, b) _mm512_mask_mov_epi16(b, mask, a)
#define SHORT_SPIKES(y, mask) _mm256_storeu_si256((__m256i *)(void *)(y), _mm256_maskz_set1_epi8(mask, 1))
#define SHORT_COUNT(mask) __builtin_popcount(mask)
#elif defined(__AVX2__)
#define SHORT_LANES 16
#define SHORTS __m256i
#define SHORT_OP(name) _mm256_##name
#define SHORT_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define SHORT_STORE(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define SHORT_NOUGHT _mm256_setzero_si256()
#define SHORT_BOTH(a, b) _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8)
#define SHORT_OF_i32(sum) SHORT_BOTH(SHORT_LOAD(sum), SHORT_LOAD((sum) + 8))
#define SHORT_OF_f32(sum) \
    SHORT_BOTH(_mm256_cvtps_epi32(_mm256_loadu_ps(sum)), _mm256_cvtps_epi32(_mm256_loadu_ps((sum) + 8)))
#define SHORT_SIGNED(size, sign) _mm256_sign_epi16(size, sign)
#define SHORT_MASK __m256i
#define SHORT_ABOVE(a, b) _mm256_cmpgt_epi16(a, b)
#define SHORT_WHERE(mask, a, b) _mm256_blendv_epi8(b, a, mask)
#define SHORT_SPIKES(y, mask)                                                                                          \
    _mm_storeu_si128((__m128i *)(void *)(y),                                                                           \
                     _mm_and_si128(_mm_packs_epi16(_mm256_castsi256_si128(mask), _mm256_extracti128_si256(mask, 1)), \
                                   _mm_set1_epi8(1)))
#define SHORT_COUNT(mask) (__builtin_popcount((unsigned)_mm256_movemask_epi8(mask)) / 2)
#endif

#ifdef SHORT_LANES
#define SHORT_OF_i16(sum) SHORT_LOAD(sum)
#define SHORT_SAME(number) SHORT_OP(set1_epi16)((short)(number))
#define SHORT_EACH(parameter, each) ((each) ? SHORT_LOAD((parameter) + j) : SHORT_SAME(*(parameter)))
#define SHORT_CLIPPED(a, low, high) SHORT_OP(min_epi16)(SHORT_OP(max_epi16)(a, low), high)
#define SHORT_BEGINS(KIND_)                                                                                          \
    const int twice = (c->rule & TALON_TWICE) != 0;                                                                  \
    const __m128i by = _mm_cvtsi32_si128(shift - twice);                                                             \
    const SHORTS most = SHORT_SAME(INT16_MAX >> (shift - twice)), least = SHORT_OP(sub_epi16)(SHORT_NOUGHT, most);   \
    const SHORTS lowest = SHORT_SAME(low), highest = SHORT_SAME(high), equal = SHORT_SAME(!greater);                 \
    for (; j + SHORT_LANES <= count; j += SHORT_LANES) {                                                             \
        const SHORTS before = SHORT_LOAD(v + j);                                                                     \
        SHORTS now = before, x = SHORT_OF_##KIND_(sum + j);                                                          \
        if (leaks)                                                                                                   \
            now = SHORT_SIGNED(                                                                                      \
                SHORT_OP(mulhi_epu16)(SHORT_OP(abs_epi16)(before), SHORT_EACH(factors, each)), before);              \
        if (twice) {                                                                                                 \
            x = SHORT_CLIPPED(x, least, most);                                                                       \
            now = SHORT_OP(adds_epi16)(now, SHORT_OP(sll_epi16)(x, by));                                             \
        }                                                                                                            \
        now = SHORT_CLIPPED(SHORT_OP(adds_epi16)(now, SHORT_OP(sll_epi16)(x, by)), lowest, highest);                 \
        const SHORTS limit = SHORT_EACH(thresholds, some);                                                           \
        const SHORT_MASK fires = SHORT_ABOVE(now, SHORT_OP(sub_epi16)(limit, equal));                                \
        const SHORTS after = subtracts ? SHORT_OP(sub_epi16)(now, limit) : SHORT_EACH(resets, each);                 \
        SHORT_STORE(v + j, SHORT_WHERE(fires, after, now));                                                          \
        SHORT_SPIKES(y + j, fires);                                                                                  \
        spikes += SHORT_COUNT(fires);                                                                                \
    }
#else
#define SHORT_BEGINS(KIND_)
#endif

/* `some`: whether thresholds differ from neuron to neuron; `each`: whether all parameters do. */
#define SHORT_ROW(TYPE, KIND_)                                                                                       \
    static inline __attribute__((always_inline)) void NAME(short_row_##KIND_)(                                       \
        const talon_cell *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count, const TYPE *restrict sum, int some,     \
        int each) {                                                                                                  \
        const ptrdiff_t own = NAME(own_32)(c, from);                                                                 \
        const uint16_t *restrict factors = (const uint16_t *)c->factor + own;                                        \
        const int16_t *restrict thresholds = (const int16_t *)c->threshold + own;                                    \
        const int16_t *restrict resets = (const int16_t *)c->reset + own;                                            \
        const int32_t high = (1 << (c->membranes.bits - 1)) - 1, low = -high - 1, shift = c->shift;                  \
        const int leaks = c->decay != TALON_KEEP, subtracts = (c->rule & TALON_SUBTRACT) != 0;                       \
        const int32_t greater = (c->rule & TALON_GREATER) != 0;                                                      \
        int16_t *restrict v = (int16_t *)c->v + talon_remainder(row, c->batch) * c->size + from;                     \
        uint8_t *restrict y = c->y + row * c->size + from;                                                           \
        int32_t spikes = 0;                                                                                          \
        ptrdiff_t j = 0;                                                                                             \
        SHORT_BEGINS(KIND_)                                                                                          \
        for (; j < count; j++) {                                                                                     \
            const int32_t threshold = thresholds[some ? j : 0], reset = resets[each ? j : 0];                        \
            const int32_t left = leaks ? NAME(short_left)(v[j], factors[each ? j : 0]) : v[j];                       \
            const int32_t sought = left + (int32_t)((uint32_t)(int32_t)sum[j] << shift);                             \
            const int32_t above = sought < low ? low : sought, now = above > high ? high : above;                    \
            const int fires = now >= threshold + greater;                                                            \
            v[j] = (int16_t)(fires ? (subtracts ? now - threshold : reset) : now);                                   \
            y[j] = (uint8_t)fires;                                                                                   \
            spikes += fires;                                                                                         \
        }                                                                                                            \
        c->spikes[row] += spikes;                                                                                    \
        if (c->trace != NULL)                                                                                        \
            memcpy((int16_t *)c->trace + row * c->size + from, v, sizeof(int16_t) * (size_t)count);                  \
    }                                                                                                                \
    static void NAME(short_##KIND_)(const talon_cell *c, ptrdiff_t row, ptrdiff_t from, ptrdiff_t count,             \
                                    const TYPE *restrict sum) {                                                      \
        if (c->period == 0)                                                                                          \
            NAME(short_row_##KIND_)(c, row, from, count, sum, 0, 0);                                                 \
        else if (c->rule & TALON_ALIKE)                                                                              \
            NAME(short_row_##KIND_)(c, row, from, count, sum, 1, 0);                                                 \
        else                                                                                                         \
            NAME(short_row_##KIND_)(c, row, from, count, sum, 1, 1);                                                 \
    }
SHORT_ROW(float, f32)
SHORT_ROW(int16_t, i16)
SHORT_ROW(int32_t, i32)
#undef SHORT_BEGINS
