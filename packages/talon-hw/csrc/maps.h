/* Maps that are resampled, joined and turned, and what is computed value by value. */

/* Bytes of a word, and lines of a square that is turned at once. */
#define TALON_SQUARE 8
/* Whether the first byte of a word is its lowest. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TALON_LITTLE 1
#else
#define TALON_LITTLE 0
#endif

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

/* Two to four lines woven into one, else 0: the constants let the compiler do it by registers. */
#define WEAVE(TYPE, LINES, NAMED)                                                                                    \
    static inline __attribute__((always_inline)) void LINES(ptrdiff_t a, ptrdiff_t b, const TYPE *restrict x,        \
                                                            TYPE *restrict y) {                                      \
        for (ptrdiff_t l = 0; l < b; l++)                                                                            \
            for (ptrdiff_t k = 0; k < a; k++) y[l * a + k] = x[k * b + l];                                           \
    }                                                                                                                \
    static int NAMED(ptrdiff_t rows, ptrdiff_t a, ptrdiff_t b, const TYPE *restrict x, TYPE *restrict y) {           \
        if (a < 2 || a > 4) return 0;                                                                                \
        for (ptrdiff_t row = 0; row < rows; row++, x += a * b, y += a * b) {                                         \
            if (a == 2) LINES(2, b, x, y);                                                                           \
            if (a == 3) LINES(3, b, x, y);                                                                           \
            if (a == 4) LINES(4, b, x, y);                                                                           \
        }                                                                                                            \
        return 1;                                                                                                    \
    }
WEAVE(float, NAME(weave), NAME(woven))
WEAVE(uint8_t, NAME(weave_bytes), NAME(woven_bytes))

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
    if (NAME(woven)(rows, a, b, x, y)) return;
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

/* Eight by eight bytes, by words of eight that are mixed in three stages. */
static inline __attribute__((always_inline)) void NAME(turn_eight)(ptrdiff_t a, ptrdiff_t b, const uint8_t *restrict x,
                                                                   uint8_t *restrict y) {
    uint64_t line[TALON_SQUARE];
    for (int k = 0; k < TALON_SQUARE; k++) memcpy(line + k, x + k * b, sizeof *line);
    static const uint64_t masks[] = {UINT64_C(0x00ff00ff00ff00ff), UINT64_C(0x0000ffff0000ffff), UINT64_C(0x00000000ffffffff)};
    for (int stage = 0; stage < 3; stage++) {
        const int apart = 1 << stage, bits = 8 * apart;
        const uint64_t mask = masks[stage];
        for (int k = 0; k < TALON_SQUARE; k++) {
            if (k & apart) continue;
            const uint64_t p = line[k], q = line[k + apart];
            line[k] = (p & mask) | (q & mask) << bits;
            line[k + apart] = (p >> bits & mask) | (q & ~mask);
        }
    }
    for (int k = 0; k < TALON_SQUARE; k++) memcpy(y + k * a, line + k, sizeof *line);
}

/* The same of bytes, by squares of eight. */
static void NAME(turn_bytes)(ptrdiff_t rows, ptrdiff_t a, ptrdiff_t b, const uint8_t *restrict x, uint8_t *restrict y) {
    if (NAME(woven_bytes)(rows, a, b, x, y)) return;
    for (ptrdiff_t row = 0; row < rows; row++, x += a * b, y += a * b)
        for (ptrdiff_t i = 0; i < a; i += TALON_SQUARE)
            for (ptrdiff_t j = 0; j < b; j += TALON_SQUARE) {
                const ptrdiff_t iend = i + TALON_SQUARE < a ? i + TALON_SQUARE : a, jend = j + TALON_SQUARE < b ? j + TALON_SQUARE : b;
                if (TALON_LITTLE && iend - i == TALON_SQUARE && jend - j == TALON_SQUARE) {
                    NAME(turn_eight)(a, b, x + i * b + j, y + j * a + i);
                    continue;
                }
                for (ptrdiff_t l = j; l < jend; l++)
                    for (ptrdiff_t k = i; k < iend; k++) y[l * a + k] = x[k * b + l];
            }
}

/* By hand where few bytes are moved: the compiler would call memcpy for every place. The constant makes each call moves of
   registers. */
static inline __attribute__((always_inline)) void NAME(join_places)(ptrdiff_t places, size_t size, ptrdiff_t total,
                                                                    const uint8_t *restrict x, uint8_t *restrict y) {
    for (ptrdiff_t p = 0; p < places; p++, x += size, y += total) memcpy(y, x, size);
}

static void NAME(gather)(ptrdiff_t rows, ptrdiff_t from, ptrdiff_t places, ptrdiff_t size,
                         const int32_t *restrict index, const uint8_t *restrict x, uint8_t *restrict y) {
    for (ptrdiff_t row = 0; row < rows; row++, x += from * size)
        for (ptrdiff_t p = 0; p < places; p++, y += size) memcpy(y, x + index[p] * size, (size_t)size);
}

static void NAME(join)(ptrdiff_t places, ptrdiff_t size, ptrdiff_t total, ptrdiff_t offset, const uint8_t *x,
                       uint8_t *y) {
    y += offset;
    switch (size) {
        case 8: NAME(join_places)(places, 8, total, x, y); break;
        case 16: NAME(join_places)(places, 16, total, x, y); break;
        case 32: NAME(join_places)(places, 32, total, x, y); break;
        case 64: NAME(join_places)(places, 64, total, x, y); break;
        default: NAME(join_places)(places, (size_t)size, total, x, y);
    }
}
