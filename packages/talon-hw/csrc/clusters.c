/* Clusters: vertices that share nets, so that a smaller hypergraph stands for a large one. */
#include "partition.h"

#include <stdlib.h>
#include <string.h>

/* Where v would rather be: the cluster that shares most with it for its size, of those that stay small. -1: nowhere. */
static int64_t chosen(const talon_clusters *c, int64_t v, const int64_t *load, double *score, int64_t *found) {
    const talon_nets *h = &c->h;
    const int64_t kinds = c->kinds;
    int64_t candidates = 0, best = -1;
    double most = 0.0;
    for (int64_t j = h->own_ends[v]; j < h->own_ends[v + 1]; j++) {
        const int64_t e = h->own[j], size = h->ends[e + 1] - h->ends[e];
        if (size > c->widest || size < 2 || h->weight[e] == 0) continue;
        const double part = (double)h->weight[e] / (double)(size - 1);
        for (int64_t k = h->ends[e]; k < h->ends[e + 1]; k++) {
            const int64_t to = c->cluster[h->members[k]];
            if (to == v) continue;
            if (score[to] == 0.0) found[candidates++] = to;
            score[to] += part;
        }
    }
    for (int64_t n = 0; n < candidates; n++) {
        const int64_t to = found[n];
        double share = 0.0;
        int fits = 1;
        for (int64_t k = 0; k < kinds; k++) {
            const int64_t sum = load[to * kinds + k] + c->needs[v * kinds + k];
            if (c->most[k] < 0) continue;
            if (sum > c->most[k]) fits = 0;
            const double part = (double)sum / (double)(c->most[k] + 1);
            if (part > share) share = part;
        }
        const double value = share > 0.0 ? score[to] / share : score[to];
        score[to] = 0.0;
        if (fits && (value > most || (value == most && to < best))) most = value, best = to;
    }
    return best;
}

/* Every vertex in turn joins a cluster, unless others have joined it. */
int talon_cluster(const talon_clusters *c) {
    const int64_t vertices = c->h.vertices, kinds = c->kinds;
    const size_t all = (size_t)vertices;
    int64_t *load = malloc((all * (size_t)kinds + 1) * sizeof *load), *found = malloc((all + 1) * sizeof *found);
    double *score = calloc(all + 1, sizeof *score);
    unsigned char *together = calloc(all + 1, 1);
    const int there = load != NULL && found != NULL && score != NULL && together != NULL;
    if (there) {
        memcpy(load, c->needs, all * (size_t)kinds * sizeof *load);
        for (int64_t v = 0; v < vertices; v++) c->cluster[v] = v;
        for (int64_t i = 0; i < vertices; i++) {
            const int64_t v = c->order[i];
            const int64_t best = together[v] ? -1 : chosen(c, v, load, score, found);
            if (best < 0) continue;
            c->cluster[v] = best;
            together[v] = together[best] = 1;
            for (int64_t k = 0; k < kinds; k++) load[best * kinds + k] += c->needs[v * kinds + k];
        }
    }
    free(load), free(found), free(score), free(together);
    return there ? 0 : -1;
}
