/* Inputs of integer networks: round(x / scale), halves to even, between `low` and `high`. 1, and nothing is written, where
   the inputs are that already, to the bit. */

/* Inputs that are looked at before anybody asks whether all of them were whole. */
#define ENCODE_RUN 4096

/* Spikes as bytes. */
static int NAME(narrow)(ptrdiff_t count, const float *restrict x, uint8_t *restrict y) {
    for (ptrdiff_t from = 0; from < count; from += ENCODE_RUN) {
        const ptrdiff_t end = from + ENCODE_RUN < count ? from + ENCODE_RUN : count;
        int32_t odd = 0;
        for (ptrdiff_t j = from; j < end; j++) {
            int32_t a;
            memcpy(&a, x + j, sizeof a);
            /* 1 is 0x3f800000. */
            const int32_t spike = a == 0x3f800000;
            odd |= a ^ (spike ? 0x3f800000 : 0);
            y[j] = (uint8_t)spike;
        }
        if (odd != 0) return 0;
    }
    return 1;
}

static int NAME(encode)(ptrdiff_t count, double scale, double low, double high, const float *restrict x,
                        float *restrict y) {
    int32_t odd = scale != 1.0;
    for (ptrdiff_t from = 0; odd == 0 && from < count; from += ENCODE_RUN) {
        const ptrdiff_t end = from + ENCODE_RUN < count ? from + ENCODE_RUN : count;
        const float least = (float)low, most = (float)high;
        for (ptrdiff_t j = from; j < end; j++) {
            const float above = x[j] > least ? x[j] : least, inside = above < most ? above : most;
            const float whole = (float)(int32_t)inside;
            int32_t a, b;
            memcpy(&a, &whole, sizeof a);
            memcpy(&b, x + j, sizeof b);
            /* -0 is no 0, though compilers that make one instruction of both conversions leave it as it is. */
            odd |= (a ^ b) | (b == INT32_MIN);
        }
    }
    if (odd == 0) return 1;
    /* What it leaves of a double is whole. */
    const double round = 6755399441055744.0;
    for (ptrdiff_t j = 0; j < count; j++) {
        const double value = (double)x[j] / scale;
        const double above = value > low ? value : low, inside = above < high ? above : high;
        y[j] = (float)((inside + round) - round);
    }
    return 0;
}
