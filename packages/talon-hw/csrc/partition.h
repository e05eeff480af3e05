/* Kernels of the partitioner: clusters of vertices, and moves of vertices between cores. What they do is written once
   more in Python (talon/hw/mapping), which gives the same to the last vertex. */
#ifndef TALON_PARTITION_H
#define TALON_PARTITION_H

#include <stdint.h>

typedef struct {
    int64_t vertices, nets;
    const int64_t *ends, *members; /* of nets */
    const int64_t *own_ends, *own; /* nets of vertices */
    const int64_t *weight;         /* of nets */
} talon_nets;

typedef struct {
    talon_nets h;
    int64_t kinds;               /* of needs */
    const int64_t *needs, *most; /* (vertices, kinds), (kinds): of a cluster, -1 for no limit */
    const int64_t *order;        /* of turns */
    int64_t widest;              /* nets with more members are passed over */
    int64_t *cluster;            /* the result: one vertex of each cluster */
} talon_clusters;

typedef struct {
    talon_nets h;
    int64_t cores, kinds;                  /* of needs: the last two are axons heard and edges sent */
    int64_t axons;                         /* whether one of these two has a limit */
    const int64_t *needs;                  /* (vertices, kinds): of the last two what nets do not say */
    const int64_t *limits, *soft;          /* (cores, kinds), -1 for none: to keep in the end, and on the way */
    const int64_t *source, *hears, *units; /* of nets: the vertex or -1; whether it hears itself; axons */
    const int64_t *rank;                   /* (vertices): who goes first of those that gain the same */
    int64_t patience, rounds;              /* moves without a gain in a round, rounds */
    int64_t *core;                         /* (vertices): in and out */
} talon_moves;

/* -1 without memory. */
int talon_cluster(const talon_clusters *c);
int talon_refine(const talon_moves *c);

#endif
