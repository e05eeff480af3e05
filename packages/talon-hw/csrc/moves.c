/* Moves of vertices between cores: rounds that move every vertex once at most, best gain first, and go back to where it
   was best; cores over their limits then give away what costs least. */
#include "partition.h"

#include <stdlib.h>
#include <string.h>

#define NONE INT64_MIN /* of a key: not waiting */

typedef struct {
    int64_t key, rank, vertex;
} entry;

typedef struct {
    entry *entries;
    int64_t count, room;
} heap;

typedef struct {
    const talon_moves *c;
    int32_t *count;               /* (nets, cores): members there */
    int64_t *near;                /* (vertices, cores): weight of their nets with members there */
    int64_t *alone, *whole;       /* (vertices): weight of their nets without other members there, and of all */
    int64_t *load, *excess;       /* (cores, kinds), (cores) */
    int64_t *reach;               /* (nets): cores that hear it */
    int64_t *key;                 /* (vertices): what each waits with */
    int64_t *touched, *moved, *from, *start;
    unsigned char *locked, *marked, *filled; /* (vertices), (vertices), (cores) */
    heap *heaps;                  /* (cores) while cores give away; else the first is for all */
    int64_t touches, total, cost; /* total excess, and packets so far against the start */
    int waiting, failed;          /* 0: nobody waits; 1: in one heap, 2: in heaps of cores */
} state;

static int before(entry a, entry b) {
    return a.key > b.key || (a.key == b.key && a.rank < b.rank);
}

static void push(state *s, heap *h, entry e) {
    if (h->count == h->room) {
        const int64_t room = h->room ? 2 * h->room : 64;
        entry *more = realloc(h->entries, (size_t)room * sizeof *more);
        if (more == NULL) {
            s->failed = 1;
            return;
        }
        h->entries = more, h->room = room;
    }
    int64_t i = h->count++;
    while (i > 0 && before(e, h->entries[(i - 1) / 2])) h->entries[i] = h->entries[(i - 1) / 2], i = (i - 1) / 2;
    h->entries[i] = e;
}

static entry pop(heap *h) {
    const entry top = h->entries[0], last = h->entries[--h->count];
    int64_t i = 0;
    for (int64_t child = 1; child < h->count; child = 2 * i + 1) {
        if (child + 1 < h->count && before(h->entries[child + 1], h->entries[child])) child++;
        if (!before(h->entries[child], last)) break;
        h->entries[i] = h->entries[child], i = child;
    }
    if (h->count > 0) h->entries[i] = last;
    return top;
}

static void wait(state *s, int64_t v, int64_t key) {
    s->key[v] = key;
    push(s, &s->heaps[s->waiting == 2 ? s->c->core[v] : 0], (entry){key, s->c->rank[v], v});
}

/* How far a core is over its limits, in 65536ths of each. */
static int64_t over(const state *s, int64_t core) {
    int64_t sum = 0;
    for (int64_t k = 0; k < s->c->kinds; k++) {
        const int64_t most = s->c->limits[core * s->c->kinds + k], more = s->load[core * s->c->kinds + k] - most;
        if (most >= 0 && more > 0) sum += (more * 65536 + most) / (most + 1);
    }
    return sum;
}

/* How full a core is by what it is fullest of, in 1048576ths, with a vertex more or without. */
static int64_t fill(const state *s, int64_t core, const int64_t *more) {
    int64_t highest = 0;
    for (int64_t k = 0; k < s->c->kinds; k++) {
        const int64_t most = s->c->limits[core * s->c->kinds + k];
        if (most < 0) continue;
        const int64_t part = (s->load[core * s->c->kinds + k] + (more ? more[k] : 0)) * 1048576 / (most + 1);
        if (part > highest) highest = part;
    }
    return highest;
}

/* Whether a core hears net e by others than a member that only sends there. */
static int64_t hearers(const state *s, int64_t e, int64_t core) {
    const int64_t source = s->c->source[e];
    const int sends = source >= 0 && !s->c->hears[e] && s->c->core[source] == core;
    return s->count[e * s->c->cores + core] - sends;
}

/* Axons and edges of a core once v has come, and in `more` what v needs there. */
static void needed(const state *s, int64_t v, int64_t core, int64_t *more) {
    const talon_moves *c = s->c;
    const int64_t kinds = c->kinds, here = c->core[v];
    memcpy(more, c->needs + v * kinds, (size_t)kinds * sizeof *more);
    if (!c->axons) return;
    for (int64_t j = c->h.own_ends[v]; j < c->h.own_ends[v + 1]; j++) {
        const int64_t e = c->h.own[j], source = c->source[e];
        const int64_t listens = source != v || c->hears[e];
        const int64_t comes = listens && hearers(s, e, core) == 0, goes = listens && hearers(s, e, here) == 1;
        if (comes) more[kinds - 2] += c->units[e];
        if (source == v) more[kinds - 1] += c->units[e] * (s->reach[e] + comes - goes);
        else if (source >= 0 && c->core[source] == core) more[kinds - 1] += c->units[e] * (comes - goes);
    }
}

/* Whether a core has room for the first `count` kinds of needs. */
static int fits(const state *s, int64_t core, const int64_t *more, const int64_t *limits, int64_t count) {
    const int64_t kinds = s->c->kinds;
    for (int64_t k = 0; k < count; k++)
        if (limits[core * kinds + k] >= 0 && s->load[core * kinds + k] + more[k] > limits[core * kinds + k]) return 0;
    return 1;
}

/* The most that v gains on another core, whatever is free there. */
static int64_t hope(const state *s, int64_t v) {
    const int64_t cores = s->c->cores, *near = s->near + v * cores;
    int64_t most = NONE;
    for (int64_t k = 0; k < cores; k++)
        if (k != s->c->core[v] && near[k] > most) most = near[k];
    return most == NONE ? NONE : most + s->alone[v] - s->whole[v];
}

/* The core that v gains most on, of those that have room; of equals the one with least on it. While cores give away, also
   one that ends up less full than the one it comes from. -1: none. */
static int64_t target(const state *s, int64_t v, int64_t *gain, int64_t *more) {
    const talon_moves *c = s->c;
    const int64_t *near = s->near + v * c->cores, kinds = c->kinds, here = c->core[v];
    const int64_t full = s->waiting == 2 ? fill(s, here, NULL) : 0;
    int64_t best = -1;
    for (int64_t k = 0; k < c->cores; k++) {
        if (k == here || (best >= 0 && (near[k] < near[best] ||
                                        (near[k] == near[best] && s->load[k * kinds] >= s->load[best * kinds]))))
            continue;
        /* What needs no look at nets first. */
        if (s->waiting != 2 && !fits(s, k, c->needs + v * kinds, c->soft, kinds - 2)) continue;
        needed(s, v, k, more);
        if (s->waiting == 2 ? fits(s, k, more, c->limits, kinds) || fill(s, k, more) < full
                            : fits(s, k, more, c->soft, kinds))
            best = k;
    }
    *gain = best < 0 ? NONE : near[best] + s->alone[v] - s->whole[v];
    return best;
}

static void recount(state *s, int64_t core) {
    const int64_t now = over(s, core);
    s->total += now - s->excess[core];
    s->excess[core] = now;
}

static void touch(state *s, int64_t v) {
    if (s->waiting && !s->marked[v] && !s->locked[v]) s->marked[v] = 1, s->touched[s->touches++] = v;
}

/* Loads when v goes, before anything else is changed. */
static void carry(state *s, int64_t v, int64_t to) {
    const talon_moves *c = s->c;
    const int64_t kinds = c->kinds, from = c->core[v];
    for (int64_t k = 0; k < kinds; k++) {
        s->load[from * kinds + k] -= c->needs[v * kinds + k];
        s->load[to * kinds + k] += c->needs[v * kinds + k];
    }
    for (int64_t j = c->h.own_ends[v]; c->axons && j < c->h.own_ends[v + 1]; j++) {
        const int64_t e = c->h.own[j], source = c->source[e], units = c->units[e];
        const int64_t listens = source != v || c->hears[e];
        const int64_t comes = listens && hearers(s, e, to) == 0, goes = listens && hearers(s, e, from) == 1;
        s->load[to * kinds + kinds - 2] += units * comes;
        s->load[from * kinds + kinds - 2] -= units * goes;
        if (source >= 0) {
            const int64_t sends = c->core[source];
            s->load[sends * kinds + kinds - 1] -= units * s->reach[e];
            s->reach[e] += comes - goes;
            s->load[(source == v ? to : sends) * kinds + kinds - 1] += units * s->reach[e];
            if (sends != from && sends != to) recount(s, sends);
        }
    }
}

/* v goes to another core, and all that is known of gains follows. */
static void move(state *s, int64_t v, int64_t to) {
    const talon_moves *c = s->c;
    const int64_t cores = c->cores, from = c->core[v];
    s->cost -= s->near[v * cores + to] + s->alone[v] - s->whole[v];
    carry(s, v, to);
    c->core[v] = to;
    recount(s, from);
    recount(s, to);
    s->alone[v] = 0;
    for (int64_t j = c->h.own_ends[v]; j < c->h.own_ends[v + 1]; j++) {
        const int64_t e = c->h.own[j], weight = c->h.weight[e];
        const int64_t *first = c->h.members + c->h.ends[e], *last = c->h.members + c->h.ends[e + 1];
        const int32_t left = --s->count[e * cores + from], there = ++s->count[e * cores + to];
        if (there == 1) s->alone[v] += weight;
        if (weight == 0) continue;
        if (left == 0 || there == 1) {
            for (const int64_t *u = first; u < last; u++) {
                if (left == 0) s->near[*u * cores + from] -= weight;
                if (there == 1) {
                    s->near[*u * cores + to] += weight;
                    touch(s, *u);
                }
            }
        }
        if (left == 1 || there == 2) {
            for (const int64_t *u = first; u < last; u++) {
                if (left == 1 && c->core[*u] == from) s->alone[*u] += weight, touch(s, *u);
                if (there == 2 && *u != v && c->core[*u] == to) s->alone[*u] -= weight;
            }
        }
    }
    if (s->waiting == 2) touch(s, v);
    for (int64_t n = 0; n < s->touches; n++) {
        const int64_t u = s->touched[n];
        s->marked[u] = 0;
        if (s->waiting == 2 && !s->filled[c->core[u]]) continue;
        const int64_t key = hope(s, u);
        if (key > s->key[u] || u == v) wait(s, u, key);
    }
    s->touches = 0;
}

/* The next that waits in a heap and its target; it gains all that it hoped for. -1: nobody. */
static int64_t next(state *s, heap *h, int64_t core, int64_t *to, int64_t *more) {
    while (h->count > 0 && !s->failed) {
        const entry e = pop(h);
        const int64_t v = e.vertex;
        int64_t gain;
        if (s->key[v] != e.key || s->locked[v] || (core >= 0 && s->c->core[v] != core)) continue;
        s->key[v] = NONE;
        *to = target(s, v, &gain, more);
        if (*to < 0) continue;
        if (gain >= e.key) return v;
        wait(s, v, gain);
    }
    return -1;
}

static void nobody(state *s, int waiting) {
    for (int64_t k = 0; k < s->c->cores; k++) s->heaps[k].count = 0, s->filled[k] = 0;
    for (int64_t v = 0; v < s->c->h.vertices; v++) s->key[v] = NONE, s->locked[v] = 0;
    s->waiting = waiting;
}

/* Cores over their limits give away what costs least, the worst first, until none is or nothing can go. */
static void relieve(state *s, int64_t *more) {
    const talon_moves *c = s->c;
    nobody(s, 2);
    for (int64_t moves = 4 * c->h.vertices; moves > 0 && s->total > 0 && !s->failed; moves--) {
        int64_t worst = 0, to = -1;
        for (int64_t k = 1; k < c->cores; k++)
            if (s->excess[k] > s->excess[worst]) worst = k;
        if (!s->filled[worst]) {
            s->filled[worst] = 1;
            for (int64_t v = 0; v < c->h.vertices; v++)
                if (c->core[v] == worst) wait(s, v, hope(s, v));
        }
        const int64_t v = next(s, &s->heaps[worst], worst, &to, more);
        if (v < 0) break;
        move(s, v, to);
    }
    s->waiting = 0;
}

/* Every vertex moves once at most; ends where cost was least. */
static void round_of(state *s, int64_t *more) {
    const talon_moves *c = s->c;
    nobody(s, 1);
    for (int64_t v = 0; v < c->h.vertices; v++) {
        const int64_t key = hope(s, v);
        if (key > s->alone[v] - s->whole[v]) wait(s, v, key); /* some of its nets are there */
    }
    int64_t least = s->cost, kept = 0, count = 0, to = -1;
    while (count - kept < c->patience && !s->failed) {
        const int64_t v = next(s, &s->heaps[0], -1, &to, more);
        if (v < 0) break;
        s->moved[count] = v, s->from[count++] = c->core[v];
        s->locked[v] = 1;
        move(s, v, to);
        if (s->cost < least) least = s->cost, kept = count;
    }
    s->waiting = 0;
    while (count > kept) count--, move(s, s->moved[count], s->from[count]);
}

static void begin(state *s) {
    const talon_moves *c = s->c;
    const talon_nets *h = &c->h;
    for (int64_t e = 0; e < h->nets; e++)
        for (int64_t k = h->ends[e]; k < h->ends[e + 1]; k++) s->count[e * c->cores + c->core[h->members[k]]]++;
    for (int64_t v = 0; v < h->vertices; v++) {
        for (int64_t k = 0; k < c->kinds; k++) s->load[c->core[v] * c->kinds + k] += c->needs[v * c->kinds + k];
        for (int64_t j = h->own_ends[v]; j < h->own_ends[v + 1]; j++) {
            const int64_t e = h->own[j];
            s->whole[v] += h->weight[e];
            if (s->count[e * c->cores + c->core[v]] == 1) s->alone[v] += h->weight[e];
        }
    }
    for (int64_t e = 0; e < h->nets; e++)
        for (int64_t k = 0; k < c->cores; k++) {
            if (s->count[e * c->cores + k] == 0) continue;
            for (int64_t j = h->ends[e]; j < h->ends[e + 1]; j++) s->near[h->members[j] * c->cores + k] += h->weight[e];
            if (hearers(s, e, k) == 0) continue;
            s->reach[e]++;
            s->load[k * c->kinds + c->kinds - 2] += c->units[e];
            if (c->source[e] >= 0) s->load[c->core[c->source[e]] * c->kinds + c->kinds - 1] += c->units[e];
        }
    for (int64_t k = 0; k < c->cores; k++) recount(s, k);
}

/* Back to where all vertices were. */
static void restore(state *s) {
    for (int64_t v = 0; v < s->c->h.vertices; v++)
        if (s->c->core[v] != s->start[v]) move(s, v, s->start[v]);
}

static void rounds(state *s, int64_t *more) {
    const talon_moves *c = s->c;
    const size_t bytes = (size_t)c->h.vertices * sizeof *c->core;
    if (s->total > 0) relieve(s, more);
    for (int64_t n = 0; n < c->rounds && !s->failed; n++) {
        const int64_t cost = s->cost, total = s->total;
        memcpy(s->start, c->core, bytes);
        round_of(s, more);
        if (s->total > 0) relieve(s, more);
        if (s->total > total || (s->total == total && s->cost > cost)) restore(s);
        if (s->total == total && s->cost >= cost) break;
    }
}

int talon_refine(const talon_moves *c) {
    const size_t v = (size_t)c->h.vertices + 1, e = (size_t)c->h.nets + 1, k = (size_t)c->cores, kinds = (size_t)c->kinds;
    /* One block for all numbers of eight bytes. */
    const size_t parts[] = {v * k, v, v, k * kinds, k, e, v, v, v, v, v, kinds};
    size_t sum = 0;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++) sum += parts[n];
    state s = {.c = c};
    int64_t *block = calloc(sum, sizeof *block), *at = block;
    s.count = calloc(e * k, sizeof *s.count);
    s.locked = calloc(2 * v + k, 1);
    s.heaps = calloc(k, sizeof *s.heaps);
    s.failed = block == NULL || s.count == NULL || s.locked == NULL || s.heaps == NULL;
    if (!s.failed) {
        int64_t **const into[] = {&s.near,  &s.alone, &s.whole,   &s.load,  &s.excess, &s.reach,
                                  &s.key,   &s.touched, &s.moved, &s.from,  &s.start};
        for (size_t n = 0; n < sizeof into / sizeof *into; n++) *into[n] = at, at += parts[n];
        s.marked = s.locked + v, s.filled = s.marked + v;
        begin(&s);
        rounds(&s, at);
    }
    for (size_t n = 0; s.heaps != NULL && n < k; n++) free(s.heaps[n].entries);
    free(block), free(s.count), free(s.locked), free(s.heaps);
    return s.failed ? -1 : 0;
}
