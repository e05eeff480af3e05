#include "partition.h"

#include <stdlib.h>
#include <string.h>

/* Every vertex in turn that is alone joins the cluster that shares most with it for its size, if both stay small. */
void talon_cluster(talon_clusters *c) {
    const talon_nets *h = &c->h;
    const int64_t kinds = c->kinds;
    for (int64_t v = 0; v < h->vertices; v++) c->cluster[v] = v, c->seen[v] = 0;
    memcpy(c->load, c->needs, (size_t)(h->vertices * kinds) * sizeof(int64_t));
    int64_t *alone = c->seen; /* 1 where others have joined, in bit 0; the list of candidates uses `found` */
    int64_t *found = malloc((size_t)(h->vertices + 1) * sizeof(int64_t));
    if (found == NULL) return;
    for (int64_t i = 0; i < h->vertices; i++) {
        const int64_t v = c->order[i];
        if (alone[v]) continue;
        int64_t candidates = 0;
        for (int64_t j = h->own_ends[v]; j < h->own_ends[v + 1]; j++) {
            const int64_t e = h->own[j], size = h->ends[e + 1] - h->ends[e];
            if (size > c->widest || size < 2) continue;
            const double part = (double)h->weight[e] / (double)(size - 1);
            for (int64_t k = h->ends[e]; k < h->ends[e + 1]; k++) {
                const int64_t to = c->cluster[h->members[k]];
                if (to == v) continue;
                if (c->score[to] == 0.0) found[candidates++] = to;
                c->score[to] += part;
            }
        }
        int64_t best = -1;
        double most = 0.0;
        for (int64_t n = 0; n < candidates; n++) {
            const int64_t to = found[n];
            double size = 1.0;
            int fits = 1;
            for (int64_t k = 0; k < kinds; k++) {
                const int64_t sum = c->load[to * kinds + k] + c->needs[v * kinds + k];
                if (c->most[k] < 0) continue;
                if (sum > c->most[k]) fits = 0;
                const double share = (double)sum / (double)(c->most[k] + 1);
                if (k == 0 || share > size) size = share;
            }
            const double score = size > 0.0 ? c->score[to] / size : c->score[to];
            c->score[to] = 0.0;
            if (fits && (score > most || (score == most && best >= 0 && to < best))) most = score, best = to;
        }
        if (best < 0) continue;
        c->cluster[v] = best;
        alone[v] = alone[best] = 1;
        for (int64_t k = 0; k < kinds; k++) c->load[best * kinds + k] += c->needs[v * kinds + k];
    }
    free(found);
}
