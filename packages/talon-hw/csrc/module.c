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
    Py_buffer view[16];
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

static PyObject *affine(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *bias, *y, *active, *binary, *index;
    talon_affine c = {0};
    int mode = 0;
    Py_ssize_t rows, in, out;
    if (!PyArg_ParseTuple(args, "nnndOOOOOOO", &rows, &in, &out, &c.crossover, &x, &weight, &bias, &y, &active, &binary,
                          &index))
        return NULL;
    buffers held = {.count = 0};
    c.rows = rows, c.in = in, c.out = out;
    c.x = FLOATS(x, "x", rows * in);
    c.weight = FLOATS(weight, "weight", in * out);
    c.bias = FLOATS_OR_NONE(bias, "bias", out);
    c.y = INTO(y, "y", rows * out, float);
    c.active = INTO(active, "active", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.index = INTO(index, "index", in, int32_t);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->affine(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, mode);
}

static PyObject *conv(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *runs, *bias, *y, *fan, *synops, *binary, *scratch, *taps;
    talon_conv c = {0};
    int mode = 0;
    Py_ssize_t rows, groups, in, out, n[12];
    if (!PyArg_ParseTuple(args, "nnnndi(nn)(nn)(nn)(nn)(nn)(nn)OOOOOOOOOO", &rows, &groups, &in, &out, &c.crossover, &c.mode, &n[0],
                          &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10], &n[11], &x, &weight,
                          &runs, &bias, &y, &fan, &synops, &binary, &scratch, &taps))
        return NULL;
    buffers held = {.count = 0};
    c.rows = rows, c.groups = groups, c.in = in, c.out = out;
    if (c.mode != TALON_DENSE && c.mode != TALON_PLANE) {
        PyErr_Format(PyExc_ValueError, "there is no mode %d", c.mode);
        return NULL;
    }
    for (int axis = 0; axis < 2; axis++) {
        c.size[axis] = n[axis];
        c.kernel[axis] = n[2 + axis];
        c.stride[axis] = n[4 + axis];
        c.pad[axis] = n[6 + axis];
        c.dilation[axis] = n[8 + axis];
        c.osize[axis] = n[10 + axis];
        if (c.size[axis] < 1 || c.kernel[axis] < 1 || c.stride[axis] < 1 || c.pad[axis] < 0 || c.dilation[axis] < 1 ||
            c.osize[axis] < 1) {
            PyErr_SetString(PyExc_ValueError, "sizes of a convolution are positive");
            return NULL;
        }
    }
    const Py_ssize_t places = n[0] * n[1], oplaces = n[10] * n[11], taken = n[2] * n[3] * in * out * groups;
    c.x = FLOATS(x, "x", rows * groups * in * places);
    c.weight = FLOATS(weight, "weight", taken);
    c.runs = FLOATS(runs, "runs", taken);
    c.bias = FLOATS_OR_NONE(bias, "bias", groups * out);
    c.y = INTO(y, "y", rows * groups * out * oplaces, float);
    c.fan = memory(&held, fan, "fan", places, sizeof(int64_t), 0, 0);
    c.synops = INTO(synops, "synops", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.scratch = INTO(scratch, "scratch", talon_conv_scratch(&c), float);
    c.taps = INTO(taps, "taps", n[0] * (1 + 2 * n[2]) + n[1] * (1 + 2 * n[3]), int32_t);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->conv(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, mode);
}

static PyObject *neuron(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y, *v, *trace, *spikes, *beta, *gain, *leak, *r, *threshold, *reset;
    talon_neuron c = {0};
    int mode = 0;
    Py_ssize_t steps, batch, size;
    long long first;
    if (!PyArg_ParseTuple(args, "nnniiLOOOOOOOOOOO", &steps, &batch, &size, &c.rule, &c.per_neuron, &first, &x, &y, &v,
                          &trace, &spikes, &beta, &gain, &leak, &r, &threshold, &reset))
        return NULL;
    buffers held = {.count = 0};
    c.steps = steps, c.batch = batch, c.size = size, c.first = first;
    const Py_ssize_t all = steps * batch * size, own = c.per_neuron ? size : 1;
    const int delayed = c.rule & ~(TALON_GREATER | TALON_LEAKS);
    if ((c.rule & ~31) != 0 || delayed == (TALON_SUBTRACT | TALON_NO_RESET) || delayed > (TALON_LATE | TALON_SUBTRACT)) {
        PyErr_Format(PyExc_ValueError, "there is no rule %d", c.rule);
        return NULL;
    }
    c.x = FLOATS(x, "x", all);
    c.y = INTO(y, "y", all, float);
    c.v = INTO(v, "v", batch * size, float);
    c.trace = memory(&held, trace, "trace", all, sizeof(float), 1, 1);
    c.spikes = INTO(spikes, "spikes", steps * batch, int64_t);
    c.beta = FLOATS(beta, "beta", own);
    c.gain = FLOATS(gain, "gain", own);
    c.leak = FLOATS(leak, "leak", own);
    c.r = FLOATS(r, "r", own);
    c.threshold = FLOATS(threshold, "threshold", own);
    c.reset = FLOATS(reset, "reset", own);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->neuron(&c);
        Py_END_ALLOW_THREADS
    }
    return done(&held, mode);
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
    {"affine", affine, METH_VARARGS, "rows, in, out, crossover, x, weight, bias, y, active, binary, index"},
    {"conv", conv, METH_VARARGS,
     "rows, groups, in, out, crossover, mode, size, kernel, stride, pad, dilation, osize, x, weight, runs, bias, y, fan, synops, "
     "binary, scratch, taps"},
    {"neuron", neuron, METH_VARARGS,
     "steps, batch, size, rule, per_neuron, first, x, y, v, trace, spikes, beta, gain, leak, r, threshold, reset"},
    {"isa", isa, METH_VARARGS, "the instruction set in use; with a name, use that one"},
    {NULL, NULL, 0, NULL},
};

/* What Python must say as C does. */
typedef struct {
    const char *name;
    long value;
} constant;

static const constant constants[] = {
    {"API", TALON_API},           {"EVENT", TALON_EVENT},       {"DENSE", TALON_DENSE}, {"PLANE", TALON_PLANE},
    {"SUBTRACT", TALON_SUBTRACT}, {"NO_RESET", TALON_NO_RESET}, {"LATE", TALON_LATE},   {"GREATER", TALON_GREATER},
    {"LEAKS", TALON_LEAKS},       {NULL, 0},
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
