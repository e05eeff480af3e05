/* Python's door to the kernels: checks that buffers hold what the numbers say, and lets other threads run meanwhile. */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "native.h"

static const talon_kernels *kernels;

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

#define FLOATS(object, name, items) memory(&held, object, name, items, sizeof(float), 0, 0)
#define FLOATS_OR_NONE(object, name, items) memory(&held, object, name, items, sizeof(float), 0, 1)
#define INTO(object, name, items, type) memory(&held, object, name, items, sizeof(type), 1, 0)

static PyObject *done(buffers *held, int mode) {
    release(held);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(mode);
}

/* The rule of a neuron and its buffers but x, which the caller knows, from a tuple. 0 with an error set. */
static int neurons(buffers *held, PyObject *given, talon_neuron *c) {
    PyObject *y, *v, *trace, *spikes, *beta, *gain, *leak, *r, *threshold, *reset;
    Py_ssize_t steps, batch, size;
    long long first;
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "neurons are a tuple");
        return 0;
    }
    if (!PyArg_ParseTuple(given, "nnniiLOOOOOOOOOO", &steps, &batch, &size, &c->rule, &c->per_neuron, &first, &y, &v, &trace,
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
    c->y = memory(held, y, "y", all, sizeof(float), 1, 0);
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

/* The neurons that a layer of `rows` rows with `outs` outputs feeds; NULL where it feeds none. */
static const talon_neuron *fed(buffers *held, PyObject *given, talon_neuron *c, Py_ssize_t rows, Py_ssize_t outs) {
    if (given == Py_None || PyErr_Occurred() || !neurons(held, given, c)) return NULL;
    if (c->steps * c->batch != rows || c->size != outs) {
        PyErr_Format(PyExc_ValueError, "neurons: expected %zd rows of %zd, found %zd of %zd", rows, outs,
                     c->steps * c->batch, c->size);
        return NULL;
    }
    return c;
}

static PyObject *affine(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *bias, *y, *active, *binary, *index, *masks, *after;
    talon_affine c = {0};
    talon_neuron n = {0};
    int mode = 0;
    Py_ssize_t rows, in, out;
    if (!PyArg_ParseTuple(args, "nnndOOOOOOOOO", &rows, &in, &out, &c.crossover, &x, &weight, &bias, &y, &active, &binary,
                          &index, &masks, &after))
        return NULL;
    buffers held = {.count = 0};
    c.rows = rows, c.in = in, c.out = out;
    c.x = FLOATS(x, "x", rows * in);
    c.weight = FLOATS(weight, "weight", in * talon_widened(out));
    c.bias = FLOATS_OR_NONE(bias, "bias", talon_widened(out));
    c.y = after == Py_None ? INTO(y, "y", rows * out, float) : NULL;
    c.active = INTO(active, "active", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.index = INTO(index, "index", in + TALON_WIDE, int32_t);
    c.masks = INTO(masks, "masks", in, uint64_t);
    c.neuron = fed(&held, after, &n, rows, out);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->affine(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, mode);
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

static PyObject *conv(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *runs, *bias, *y, *fan, *synops, *binary, *scratch, *index, *after;
    talon_conv c = {0};
    talon_neuron n = {0};
    window w;
    int mode = 0;
    Py_ssize_t rows, groups, in, out;
    if (!PyArg_ParseTuple(args, "nnnnd" WINDOW "OOOOOOOOOOO", &rows, &groups, &in, &out, &c.crossover, WINDOW_AT(w), &x,
                          &weight, &runs, &bias, &y, &fan, &synops, &binary, &scratch, &index, &after))
        return NULL;
    buffers held = {.count = 0};
    c.rows = rows, c.groups = groups, c.in = in, c.out = out;
    if (!fill(&w, c.size, c.kernel, c.stride, c.pad, c.dilation, c.osize)) return NULL;
    if (groups < 1 || in < 1 || out < 1) {
        PyErr_SetString(PyExc_ValueError, "a convolution has channels");
        return NULL;
    }
    const Py_ssize_t places = w.n[0] * w.n[1], outs = w.n[10] * w.n[11] * groups * out;
    const Py_ssize_t taps = w.n[2] * w.n[3] * in * groups;
    c.x = FLOATS(x, "x", rows * groups * in * places);
    c.weight = FLOATS(weight, "weight", taps * (in == 1 && out == 1 ? 1 : talon_widened(out)));
    c.runs = FLOATS(runs, "runs", taps * out);
    c.bias = FLOATS_OR_NONE(bias, "bias", groups * out);
    c.y = after == Py_None ? INTO(y, "y", rows * outs, float) : NULL;
    c.fan = memory(&held, fan, "fan", places, sizeof(int64_t), 0, 0);
    c.synops = INTO(synops, "synops", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.scratch = INTO(scratch, "scratch", talon_conv_scratch(&c), float);
    c.index = INTO(index, "index", talon_conv_index(&c), int32_t);
    c.neuron = fed(&held, after, &n, rows, outs);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->conv(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, mode);
}

/* Floats, and numbers, of scratch that a convolution needs. */
static PyObject *conv_scratch(PyObject *self, PyObject *args) {
    (void)self;
    talon_conv c = {0};
    window w;
    Py_ssize_t groups, in, out;
    if (!PyArg_ParseTuple(args, "nnn" WINDOW, &groups, &in, &out, WINDOW_AT(w))) return NULL;
    if (!fill(&w, c.size, c.kernel, c.stride, c.pad, c.dilation, c.osize)) return NULL;
    c.groups = groups, c.in = in, c.out = out;
    return Py_BuildValue("nn", (Py_ssize_t)talon_conv_scratch(&c), (Py_ssize_t)talon_conv_index(&c));
}

static PyObject *neuron(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *given;
    talon_neuron c = {0};
    if (!PyArg_ParseTuple(args, "OO", &x, &given)) return NULL;
    buffers held = {.count = 0};
    if (neurons(&held, given, &c)) c.x = FLOATS(x, "x", c.steps * c.batch * c.size);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->neuron(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *pool(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *divisor, *y;
    talon_pool c = {0};
    window w;
    Py_ssize_t rows, channels;
    if (!PyArg_ParseTuple(args, "nni" WINDOW "OOO", &rows, &channels, &c.kind, WINDOW_AT(w), &x, &divisor, &y)) return NULL;
    if (!fill(&w, c.size, c.kernel, c.stride, c.pad, c.dilation, c.osize)) return NULL;
    if (c.kind != TALON_MAX && c.kind != TALON_MEAN) return PyErr_Format(PyExc_ValueError, "there is no pool %d", c.kind);
    buffers held = {.count = 0};
    c.rows = rows, c.channels = channels;
    c.x = FLOATS(x, "x", rows * w.n[0] * w.n[1] * channels);
    c.divisor = memory(&held, divisor, "divisor", w.n[10] * w.n[11], sizeof(float), 0, c.kind == TALON_MAX);
    c.y = INTO(y, "y", rows * w.n[10] * w.n[11] * channels, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->pool(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *mean(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y, *sum, *count;
    talon_mean c = {0};
    Py_ssize_t steps, batch, size;
    if (!PyArg_ParseTuple(args, "nnnOOOO", &steps, &batch, &size, &x, &y, &sum, &count)) return NULL;
    buffers held = {.count = 0};
    c.steps = steps, c.batch = batch, c.size = size;
    c.x = FLOATS(x, "x", steps * batch * size);
    c.y = INTO(y, "y", steps * batch * size, float);
    c.sum = INTO(sum, "sum", batch * size, float);
    c.count = INTO(count, "count", batch, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->mean(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *rectify(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    float slope;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "nfOO", &count, &slope, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const float *from = FLOATS(x, "x", count);
    float *into = INTO(y, "y", count, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->rectify(count, slope, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *turn(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    Py_ssize_t rows, a, b;
    if (!PyArg_ParseTuple(args, "nnnOO", &rows, &a, &b, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const float *from = FLOATS(x, "x", rows * a * b);
    float *into = INTO(y, "y", rows * a * b, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->turn(rows, a, b, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *gather(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *index, *x, *y;
    Py_ssize_t rows, from, places, channels;
    if (!PyArg_ParseTuple(args, "nnnnOOO", &rows, &from, &places, &channels, &index, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const int32_t *at = memory(&held, index, "index", places, sizeof(int32_t), 0, 0);
    const float *before = FLOATS(x, "x", rows * from * channels);
    float *into = INTO(y, "y", rows * places * channels, float);
    for (Py_ssize_t p = 0; at != NULL && p < places; p++)
        if (at[p] < 0 || at[p] >= from) {
            PyErr_Format(PyExc_ValueError, "index: expected 0 to %zd, found %d", from - 1, (int)at[p]);
            break;
        }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->gather(rows, from, places, channels, at, before, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *join(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    Py_ssize_t places, channels, total, offset;
    if (!PyArg_ParseTuple(args, "nnnnOO", &places, &channels, &total, &offset, &x, &y)) return NULL;
    buffers held = {.count = 0};
    if (channels < 0 || offset < 0 || offset + channels > total)
        return PyErr_Format(PyExc_ValueError, "channels: expected %zd at most, found %zd from %zd on", total, channels, offset);
    const float *from = FLOATS(x, "x", places * channels);
    float *into = INTO(y, "y", places * total, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->join(places, channels, total, offset, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

/* The name of the instruction set that is used; given one, that one from now on, or ValueError. */
static PyObject *isa(PyObject *self, PyObject *args) {
    (void)self;
    const char *name = NULL;
    if (!PyArg_ParseTuple(args, "|z", &name)) return NULL;
    if (name != NULL) {
        const talon_kernels *found = talon_choose(name);
        if (found == NULL) return PyErr_Format(PyExc_ValueError, "this processor has no instruction set '%s'", name);
        kernels = found;
    }
    return PyUnicode_FromString(kernels->name);
}

static PyMethodDef methods[] = {
    {"affine", affine, METH_VARARGS, "rows, in, out, crossover, x, weight, bias, y, active, binary, index, masks, neurons"},
    {"conv", conv, METH_VARARGS,
     "rows, groups, in, out, crossover, size, kernel, stride, pad, dilation, osize, x, weight, runs, bias, y, fan, synops, "
     "binary, scratch, index, neurons"},
    {"conv_scratch", conv_scratch, METH_VARARGS, "groups, in, out, size, kernel, stride, pad, dilation, osize"},
    {"neuron", neuron, METH_VARARGS,
     "x, (steps, batch, size, rule, per_neuron, first, y, v, trace, spikes, beta, gain, leak, r, threshold, reset)"},
    {"pool", pool, METH_VARARGS,
     "rows, channels, kind, size, kernel, stride, pad, dilation, osize, x, divisor, y"},
    {"mean", mean, METH_VARARGS, "steps, batch, size, x, y, sum, count"},
    {"rectify", rectify, METH_VARARGS, "count, slope, x, y"},
    {"turn", turn, METH_VARARGS, "rows, a, b, x, y: (rows, a, b) as (rows, b, a)"},
    {"gather", gather, METH_VARARGS, "rows, from, places, channels, index, x, y"},
    {"join", join, METH_VARARGS, "places, channels, total, offset, x, y"},
    {"isa", isa, METH_VARARGS, "the instruction set in use; with a name, use that one"},
    {NULL, NULL, 0, NULL},
};

/* What Python must say as C does. */
typedef struct {
    const char *name;
    long value;
} constant;

static const constant constants[] = {
    {"API", TALON_API},           {"EVENT", TALON_EVENT},       {"DENSE", TALON_DENSE}, {"MAX", TALON_MAX},
    {"SUBTRACT", TALON_SUBTRACT}, {"NO_RESET", TALON_NO_RESET}, {"LATE", TALON_LATE},   {"GREATER", TALON_GREATER},
    {"LEAKS", TALON_LEAKS},       {"MEAN", TALON_MEAN},         {"WIDE", TALON_WIDE},   {NULL, 0},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "talon.hw._native",
    .m_doc = "Kernels of the native engine.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void) {
    kernels = talon_choose(NULL);
    PyObject *module = PyModule_Create(&definition);
    for (const constant *c = constants; module != NULL && c->name != NULL; c++)
        if (PyModule_AddIntConstant(module, c->name, c->value) < 0) Py_CLEAR(module);
    return module;
}
