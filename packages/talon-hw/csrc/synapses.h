/* What Python holds of a sparse weight: checked once, so that no call need do it again. */
#ifndef TALON_SYNAPSES_H
#define TALON_SYNAPSES_H

#include "buffers.h"

#define SYNAPSES "talon.hw._native.synapses"

typedef struct {
    talon_synapses c;
    buffers held;
} synapses;

static void forget(PyObject *capsule) {
    synapses *found = PyCapsule_GetPointer(capsule, SYNAPSES);
    if (found == NULL) return;
    release(&found->held);
    PyMem_Free(found);
}

/* Where a synapse leads. */
static ptrdiff_t output_of(const talon_synapses *c, int64_t k) {
    if (c->packed) return ((const uint32_t *)c->index)[k] & 0xFFFF;
    return c->near ? ((const uint16_t *)c->index)[k] : ((const int32_t *)c->index)[k];
}

/* Whether every input has outputs that are there, ascending, each once; else an error is set. */
static int sound(const talon_synapses *c, Py_ssize_t count) {
    int64_t before = 0;
    for (ptrdiff_t i = 0; i <= c->in; i++) {
        if (c->ends[i] < before || c->ends[i] > count || (i == 0 && c->ends[i] != 0)) {
            PyErr_Format(PyExc_ValueError, "ends: expected to ascend from 0 to %zd, found %lld at %zd", count,
                         (long long)c->ends[i], (Py_ssize_t)i);
            return 0;
        }
        before = c->ends[i];
    }
    if (before != count) {
        PyErr_Format(PyExc_ValueError, "ends: expected %zd as the last, found %lld", count, (long long)before);
        return 0;
    }
    for (ptrdiff_t i = 0; i < c->in; i++) {
        ptrdiff_t last = -1;
        for (int64_t k = c->ends[i]; k < c->ends[i + 1]; k++) {
            const ptrdiff_t output = output_of(c, k);
            if (output <= last || output >= c->out) {
                PyErr_Format(PyExc_ValueError, "index: expected to ascend below %zd, found %zd for input %zd",
                             (Py_ssize_t)c->out, (Py_ssize_t)output, (Py_ssize_t)i);
                return 0;
            }
            last = output;
        }
    }
    return 1;
}

/* near, whole (0, or bits of sums), in, out, count, ends (in + 1), index (count), value (count, or None where the index has
   it) -> what `sparse` takes. */
static PyObject *joined(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *ends, *index, *value, *capsule = NULL;
    Py_ssize_t in, out, count;
    int near, whole;
    if (!PyArg_ParseTuple(args, "pinnnOOO", &near, &whole, &in, &out, &count, &ends, &index, &value)) return NULL;
    if (in < 1 || out < 1 || in >= INT32_MAX || out > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "in, out: expected 1 to what 32 bits say");
        return NULL;
    }
    if (whole != 0 && whole != 16 && whole != 32) {
        PyErr_SetString(PyExc_ValueError, "whole: expected 0, 16 or 32");
        return NULL;
    }
    synapses *made = PyMem_Calloc(1, sizeof(synapses));
    if (made == NULL) return PyErr_NoMemory();
    made->c.in = in, made->c.out = out, made->c.near = near, made->c.whole = whole;
    made->c.packed = near && whole != 0;
    made->c.ends = memory(&made->held, ends, "ends", in + 1, sizeof(int64_t), 0, 0);
    made->c.index = memory(&made->held, index, "index", count, near && !whole ? sizeof(uint16_t) : sizeof(int32_t), 0, 0);
    if (made->c.packed != (value == Py_None))
        PyErr_SetString(PyExc_ValueError, "value: expected None where the index has the values, and nowhere else");
    made->c.value = memory(&made->held, value, "value", count, whole ? sizeof(int16_t) : sizeof(float), 0, 1);
    if (!PyErr_Occurred() && sound(&made->c, count)) capsule = PyCapsule_New(made, SYNAPSES, forget);
    if (capsule == NULL) {
        release(&made->held);
        PyMem_Free(made);
    }
    return capsule;
}

#endif
