/* What this machine can do at most, as one JSON object: cycles a second, bytes read from memory a second, and updates
   of LIF neurons a second whose values are in the nearest cache. Compiled by limit.py for the machine it runs on. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NEURONS = 2048, REPEATS = 20000, ADDS = 100000000, BYTES = 256 << 20, TURNS = 5 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A chain of additions takes a cycle each. */
static double cycles(void)
{
    double start = seconds();
    unsigned long x = 1, y = 3;
    for (long i = 0; i < ADDS / 10; i++) {
        for (int k = 0; k < 10; k++) {
            x += y;
            __asm__ volatile("" : "+r"(x), "+r"(y));
        }
    }
    return ADDS / (seconds() - start);
}

static double bandwidth(const unsigned long *memory)
{
    double start = seconds();
    unsigned long sum = 0;
    for (size_t i = 0; i < BYTES / sizeof *memory; i++)
        sum += memory[i];
    __asm__ volatile("" : : "r"(sum));
    return BYTES / (seconds() - start);
}

static double updates(float *restrict v, const float *restrict x, float *restrict spikes)
{
    double start = seconds();
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        for (int i = 0; i < NEURONS; i++) {
            float now = 0.5f * v[i] + x[i];
            spikes[i] = now >= 1.0f ? 1.0f : 0.0f;
            v[i] = now >= 1.0f ? 0.0f : now;
        }
        __asm__ volatile("" : : "r"(v), "r"(spikes) : "memory");
    }
    return (double)NEURONS * REPEATS / (seconds() - start);
}

static int lanes(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") ? 16 : __builtin_cpu_supports("avx2") ? 8 : 4;
#else
    return 4;
#endif
}

int main(void)
{
    static float v[NEURONS], x[NEURONS], spikes[NEURONS];
    unsigned long *memory = malloc(BYTES);
    double best[3] = {0, 0, 0};
    if (!memory)
        return 1;
    for (size_t i = 0; i < BYTES / sizeof *memory; i++)
        memory[i] = i;
    for (int i = 0; i < NEURONS; i++)
        x[i] = (float)(i % 100) / 100.0f;
    for (int turn = 0; turn < TURNS; turn++) {
        double found[3] = {cycles(), bandwidth(memory), updates(v, x, spikes)};
        for (int i = 0; i < 3; i++)
            best[i] = found[i] > best[i] ? found[i] : best[i];
    }
    printf("{\"lanes\": %d, \"cycles\": %.4g, \"bandwidth\": %.4g, \"updates\": %.4g}\n", lanes(), best[0], best[1],
           best[2]);
    free(memory);
    return 0;
}
