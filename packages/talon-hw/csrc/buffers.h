/* What the door of module.c checks of the arguments of a call: that buffers hold what the numbers say. */
#ifndef TALON_BUFFERS_H
#define TALON_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "native.h"

/* Buffers of one call, released together. */
typedef struct {
    Py_buffer view[24];
    int count;
} buffers;

static void release(buffers *held) {
    while (held->count > 0) PyBuffer_Release(&held->view[--held->count]);
}

/* The memory of an object with `items` items of `size` bytes; NULL with an error set, also by an earlier one, or for
   None where `optional`. */
static void *memory(buffers *held, PyObject *object, const char *name, Py_ssize_t items, Py_ssize_t size, int writable,
                    int optional) {
    if (PyErr_Occurred() || (optional && object == Py_None)) return NULL;
    Py_buffer *view = &held->view[held->count];
    if (PyObject_GetBuffer(object, view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) return NULL;
    held->count++;
    if (items < 0 || view->len != items * size) {
        PyErr_Format(PyExc_ValueError, "%s: expected %zd bytes, found %zd", name, items * size, view->len);
        return NULL;
    }
    if ((uintptr_t)view->buf % (uintptr_t)size != 0) {
        PyErr_Format(PyExc_ValueError, "%s is not aligned to %zd bytes", name, size);
        return NULL;
    }
    return view->buf;
}

/* Floats, or spikes as bytes, as the length of the memory says. */
static talon_values values(buffers *held, PyObject *object, const char *name, Py_ssize_t items) {
    talon_values found = {NULL, NULL};
    if (PyErr_Occurred()) return found;
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0) return found;
    const int bytes = items > 0 && view.len == items;
    PyBuffer_Release(&view);
    if (bytes)
        found.bytes = memory(held, object, name, items, sizeof(uint8_t), 0, 0);
    else
        found.floats = memory(held, object, name, items, sizeof(float), 0, 0);
    return found;
}

static Py_ssize_t width_of(talon_values x) {
    return x.bytes != NULL ? sizeof(uint8_t) : sizeof(float);
}

static const uint8_t *bytes_of(talon_values x) {
    return x.bytes != NULL ? x.bytes : (const uint8_t *)x.floats;
}

#define FLOATS(object, name, items) memory(&held, object, name, items, sizeof(float), 0, 0)
#define FLOATS_OR_NONE(object, name, items) memory(&held, object, name, items, sizeof(float), 0, 1)
#define INTO(object, name, items, type) memory(&held, object, name, items, sizeof(type), 1, 0)

/* Bytes of a weight and of a sum, and sums side by side, of a kind. */
typedef struct {
    Py_ssize_t weight, sum, lanes;
} widths;

static const widths kinds[TALON_KINDS] = {
    {sizeof(float), sizeof(float), TALON_WIDE},
    {sizeof(int8_t), sizeof(int16_t), 2 * TALON_WIDE},
    {sizeof(int16_t), sizeof(int32_t), TALON_WIDE},
};

static int there_is(int number) {
    if (number >= 0 && number < TALON_KINDS) return 1;
    PyErr_Format(PyExc_ValueError, "there is no kind %d", number);
    return 0;
}

static PyObject *done(buffers *held, int mode) {
    release(held);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(mode);
}

/* What follows a layer, as the tuple that describes it says by its first number. */
enum { NEURON = 0, CELL = 1 };

typedef struct {
    talon_neuron neuron;
    talon_cell cell;
    int trapped;
} followers;

/* The rule of a neuron and its buffers but x, which the caller knows, from a tuple. 0 with an error set. */
static int neurons(buffers *held, PyObject *given, talon_neuron *c) {
    PyObject *y, *v, *trace, *spikes, *beta, *gain, *leak, *r, *threshold, *reset;
    Py_ssize_t steps, batch, size;
    long long first;
    int kind;
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "neurons are a tuple");
        return 0;
    }
    if (!PyArg_ParseTuple(given, "innniiLOOOOOOOOOO", &kind, &steps, &batch, &size, &c->rule, &c->per_neuron, &first, &y, &v, &trace,
                          &spikes, &beta, &gain, &leak, &r, &threshold, &reset))
        return 0;
    c->steps = steps, c->batch = batch, c->size = size, c->first = first;
    const Py_ssize_t all = steps * batch * size, own = c->per_neuron ? size : 1;
    const int delayed = c->rule & ~(TALON_GREATER | TALON_LEAKS);
    if ((c->rule & ~31) != 0 || delayed == (TALON_SUBTRACT | TALON_NO_RESET) ||
        delayed > (TALON_LATE | TALON_SUBTRACT)) {
        PyErr_Format(PyExc_ValueError, "there is no rule %d", c->rule);
        return 0;
    }
    c->y = memory(held, y, "y", all, sizeof(uint8_t), 1, 0);
    c->v = memory(held, v, "v", batch * size, sizeof(float), 1, 0);
    c->trace = memory(held, trace, "trace", all, sizeof(float), 1, 1);
    c->spikes = memory(held, spikes, "spikes", steps * batch, sizeof(int64_t), 1, 0);
    c->beta = memory(held, beta, "beta", own, sizeof(float), 0, 0);
    c->gain = memory(held, gain, "gain", own, sizeof(float), 0, 0);
    c->leak = memory(held, leak, "leak", own, sizeof(float), 0, 0);
    c->r = memory(held, r, "r", own, sizeof(float), 0, 0);
    c->threshold = memory(held, threshold, "threshold", own, sizeof(float), 0, 0);
    c->reset = memory(held, reset, "reset", own, sizeof(float), 0, 0);
    return !PyErr_Occurred();
}

static int rounds(int rounding) {
    return rounding >= TALON_FLOOR && rounding <= TALON_HALF_UP;
}

static int keeps(talon_register r, int most) {
    return r.bits >= 1 && r.bits <= most && r.overflow >= TALON_SATURATE && r.overflow <= TALON_TRAP;
}

/* The same for integer neurons. */
static int cells(buffers *held, PyObject *given, talon_cell *c) {
    PyObject *y, *v, *trace, *spikes, *factor, *threshold, *reset;
    Py_ssize_t steps, batch, size, period;
    long long first;
    int kind;
    if (!PyArg_ParseTuple(given, "innniinL(iii)(ii)(ii)(ii)OOOOOOO", &kind, &steps, &batch, &size, &c->word, &c->rule,
                          &period, &first, &c->decay, &c->decay_bits, &c->decay_rounding, &c->shift, &c->rounding,
                          &c->sums.bits, &c->sums.overflow, &c->membranes.bits, &c->membranes.overflow, &y, &v, &trace,
                          &spikes, &factor, &threshold, &reset))
        return 0;
    c->steps = steps, c->batch = batch, c->size = size, c->period = period, c->first = first;
    const Py_ssize_t all = steps * batch * size;
    const Py_ssize_t own = period == 0 ? 1 : period < size ? period + TALON_STRIP : size;
    const Py_ssize_t word = c->word / 8;
    const int bits = c->word, delayed = c->rule & (TALON_SUBTRACT | TALON_NO_RESET | TALON_LATE);
    /* What the kernel of 16 bits does not know. */
    const int odd = c->rule & (TALON_NO_RESET | TALON_LATE | TALON_INPUT_FIRST) || !(c->rule & TALON_RISES) ||
                    (c->decay != TALON_KEEP && c->decay != TALON_MULTIPLY) || c->shift < 0 ||
                    c->membranes.overflow != TALON_SATURATE || (c->rule & TALON_TWICE && c->shift == 0);
    if ((bits != 16 && bits != 32 && bits != 64) || (bits == 16 ? odd : c->rule & (TALON_ALIKE | TALON_TWICE)) ||
        c->rule < 0 || c->rule >= 2 * TALON_TWICE || c->rule & TALON_LEAKS || delayed == (TALON_SUBTRACT | TALON_NO_RESET) || delayed > (TALON_LATE | TALON_SUBTRACT) ||
        c->decay < TALON_KEEP || c->decay > TALON_MULTIPLY || c->decay_bits < 0 || c->decay_bits >= bits ||
        !rounds(c->decay_rounding) || c->shift <= -bits || c->shift >= bits || !rounds(c->rounding) ||
        !keeps(c->sums, 64) || !keeps(c->membranes, bits) || period < 0 || period > size) {
        PyErr_SetString(PyExc_ValueError, "there are no such integer neurons");
        return 0;
    }
    c->y = memory(held, y, "y", all, sizeof(uint8_t), 1, 0);
    c->one_pass = talon_in_one_pass(c);
    c->v = memory(held, v, "v", batch * size, word, 1, 0);
    c->trace = memory(held, trace, "trace", all, word, 1, 1);
    c->spikes = memory(held, spikes, "spikes", steps * batch, sizeof(int64_t), 1, 0);
    c->factor = memory(held, factor, "factor", own, word, 0, 0);
    c->threshold = memory(held, threshold, "threshold", own, word, 0, 0);
    c->reset = memory(held, reset, "reset", own, word, 0, 0);
    if (c->factor != NULL && (c->decay == TALON_SHIFT || c->decay == TALON_SHIFT_1))
        for (Py_ssize_t j = 0; j < own; j++) {
            const int64_t far = bits == 64 ? ((const int64_t *)c->factor)[j] : ((const int32_t *)c->factor)[j];
            if (far < 0 || far >= bits) {
                PyErr_SetString(PyExc_ValueError, "factor: expected shifts that the word has");
                return 0;
            }
        }
    return !PyErr_Occurred();
}

/* The neurons of a tuple, of either kind: rows, and how many each has. 0 with an error set. */
static int followed(buffers *held, PyObject *given, followers *f, talon_after *after, Py_ssize_t *rows, Py_ssize_t *size) {
    PyObject *first = PyTuple_Check(given) && PyTuple_Size(given) > 0 ? PyTuple_GetItem(given, 0) : NULL;
    if (first == NULL) {
        PyErr_SetString(PyExc_TypeError, "neurons are a tuple that begins with their kind");
        return 0;
    }
    const long kind = PyLong_AsLong(first);
    if (kind == CELL) {
        f->cell.trapped = &f->trapped;
        if (!cells(held, given, &f->cell)) return 0;
        after->cell = &f->cell;
        *rows = f->cell.steps * f->cell.batch, *size = f->cell.size;
    } else {
        if (PyErr_Occurred() || !neurons(held, given, &f->neuron)) return 0;
        after->neuron = &f->neuron;
        *rows = f->neuron.steps * f->neuron.batch, *size = f->neuron.size;
    }
    return 1;
}

/* What a layer of `rows` rows with `outs` outputs feeds: nothing where it is None. */
static talon_after fed(buffers *held, PyObject *given, followers *f, Py_ssize_t rows, Py_ssize_t outs) {
    talon_after after = {NULL, NULL};
    Py_ssize_t own = 0, size = 0;
    if (given == Py_None || PyErr_Occurred() || !followed(held, given, f, &after, &own, &size)) return after;
    if (own != rows || size != outs)
        PyErr_Format(PyExc_ValueError, "neurons: expected %zd rows of %zd, found %zd of %zd", rows, outs, own, size);
    return after;
}

/* A window over two axes: sizes are positive, padding is not negative. */
typedef struct {
    Py_ssize_t n[12];
} window;

#define WINDOW "(nn)(nn)(nn)(nn)(nn)(nn)"
#define WINDOW_AT(w)                                                                                            \
    &(w).n[0], &(w).n[1], &(w).n[2], &(w).n[3], &(w).n[4], &(w).n[5], &(w).n[6], &(w).n[7], &(w).n[8], &(w).n[9], \
        &(w).n[10], &(w).n[11]

static int fill(const window *w, ptrdiff_t *size, ptrdiff_t *kernel, ptrdiff_t *stride, ptrdiff_t *pad,
                ptrdiff_t *dilation, ptrdiff_t *osize) {
    for (int axis = 0; axis < 2; axis++) {
        size[axis] = w->n[axis];
        kernel[axis] = w->n[2 + axis];
        stride[axis] = w->n[4 + axis];
        pad[axis] = w->n[6 + axis];
        dilation[axis] = w->n[8 + axis];
        osize[axis] = w->n[10 + axis];
        if (size[axis] < 1 || kernel[axis] < 1 || stride[axis] < 1 || pad[axis] < 0 || dilation[axis] < 1 || osize[axis] < 1) {
            PyErr_SetString(PyExc_ValueError, "sizes of a window are positive");
            return 0;
        }
    }
    return 1;
}

#endif
