/* Python's door to the kernels of the partitioner. */
#ifndef TALON_MAPPING_H
#define TALON_MAPPING_H

#include "buffers.h"
#include "partition.h"

#define LONGS(object, name, items) memory(&held, object, name, items, sizeof(int64_t), 0, 0)

/* Rising ends of `count` lists that hold `all` numbers below `below`. 0 with an error set. */
static int listed(const int64_t *ends, Py_ssize_t count, const int64_t *items, Py_ssize_t all, Py_ssize_t low,
                  Py_ssize_t below) {
    int good = ends == NULL || (ends[0] == 0 && ends[count] == all);
    for (Py_ssize_t n = 0; good && ends != NULL && n < count; n++) good = ends[n] <= ends[n + 1];
    for (Py_ssize_t n = 0; good && n < all; n++) good = items[n] >= low && items[n] < below;
    if (!good) PyErr_SetString(PyExc_ValueError, "lists of a hypergraph: expected rising ends and numbers that there are");
    return good;
}

/* A hypergraph from (vertices, nets, pins, ends, members, own_ends, own, weight). 0 with an error set. */
static int hypergraph(buffers *held, PyObject *given, talon_nets *h) {
    PyObject *ends, *members, *own_ends, *own, *weight;
    Py_ssize_t vertices, nets, pins;
    if (!PyArg_ParseTuple(given, "nnnOOOOO", &vertices, &nets, &pins, &ends, &members, &own_ends, &own, &weight)) return 0;
    const Py_ssize_t size = sizeof(int64_t);
    h->vertices = vertices, h->nets = nets;
    h->ends = memory(held, ends, "ends", nets + 1, size, 0, 0);
    h->members = memory(held, members, "members", pins, size, 0, 0);
    h->own_ends = memory(held, own_ends, "own_ends", vertices + 1, size, 0, 0);
    h->own = memory(held, own, "own", pins, size, 0, 0);
    h->weight = memory(held, weight, "weight", nets, size, 0, 0);
    return !PyErr_Occurred() && listed(h->ends, nets, h->members, pins, 0, vertices) &&
           listed(h->own_ends, vertices, h->own, pins, 0, nets);
}

static PyObject *cluster(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *given, *needs, *most, *order, *into;
    talon_clusters c = {0};
    Py_ssize_t sorts, widest;
    if (!PyArg_ParseTuple(args, "OnnOOOO", &given, &sorts, &widest, &needs, &most, &order, &into)) return NULL;
    buffers held = {.count = 0};
    if (PyTuple_Check(given) && hypergraph(&held, given, &c.h)) {
        c.kinds = sorts, c.widest = widest;
        c.needs = LONGS(needs, "needs", c.h.vertices * sorts);
        c.most = LONGS(most, "most", sorts);
        c.order = LONGS(order, "order", c.h.vertices);
        c.cluster = INTO(into, "cluster", c.h.vertices, int64_t);
        if (!PyErr_Occurred() && listed(NULL, 0, c.order, c.h.vertices, 0, c.h.vertices)) {
            int failed;
            Py_BEGIN_ALLOW_THREADS
            failed = talon_cluster(&c);
            Py_END_ALLOW_THREADS
            if (failed) PyErr_NoMemory();
        }
    }
    return done(&held, 0);
}

static PyObject *refine(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *given, *needs, *limits, *soft, *source, *hears, *units, *rank, *core;
    talon_moves c = {0};
    Py_ssize_t cores, sorts, patience, rounds;
    int axons;
    if (!PyArg_ParseTuple(args, "OnniOOOOOOOnnO", &given, &cores, &sorts, &axons, &needs, &limits, &soft, &source, &hears,
                          &units, &rank, &patience, &rounds, &core))
        return NULL;
    buffers held = {.count = 0};
    if (PyTuple_Check(given) && hypergraph(&held, given, &c.h)) {
        c.cores = cores, c.kinds = sorts, c.axons = axons, c.patience = patience, c.rounds = rounds;
        c.needs = LONGS(needs, "needs", c.h.vertices * sorts);
        c.limits = LONGS(limits, "limits", cores * sorts);
        c.soft = LONGS(soft, "soft", cores * sorts);
        c.source = LONGS(source, "source", c.h.nets);
        c.hears = LONGS(hears, "hears", c.h.nets);
        c.units = LONGS(units, "units", c.h.nets);
        c.rank = LONGS(rank, "rank", c.h.vertices);
        c.core = INTO(core, "core", c.h.vertices, int64_t);
        if (cores < 1 || sorts < 2) PyErr_SetString(PyExc_ValueError, "there is a core, and needs of it");
        if (!PyErr_Occurred() && listed(NULL, 0, c.core, c.h.vertices, 0, cores) &&
            listed(NULL, 0, c.source, c.h.nets, -1, c.h.vertices)) {
            int failed;
            Py_BEGIN_ALLOW_THREADS
            failed = talon_refine(&c);
            Py_END_ALLOW_THREADS
            if (failed) PyErr_NoMemory();
        }
    }
    return done(&held, 0);
}

#endif
