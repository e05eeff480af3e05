/* Python's door to the kernels: checks that buffers hold what the numbers say, and lets other threads run meanwhile. */
#include "mapping.h"
#include "synapses.h"

static const talon_kernels *kernels;

static PyObject *affine(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *bias, *y, *synops, *binary, *index, *masks, *widened, *after;
    talon_affine c = {0};
    followers n = {0};
    int mode = 0, number;
    Py_ssize_t rows, in, out;
    if (!PyArg_ParseTuple(args, "innndOOOOOOOOOO", &number, &rows, &in, &out, &c.crossover, &x, &weight, &bias, &y, &synops,
                          &binary, &index, &masks, &widened, &after) ||
        !there_is(number))
        return NULL;
    const widths k = kinds[number];
    const Py_ssize_t wide = (out + k.lanes - 1) / k.lanes * k.lanes;
    buffers held = {.count = 0};
    c.rows = rows, c.in = in, c.out = out;
    c.x = values(&held, x, "x", rows * in);
    c.weight = memory(&held, weight, "weight", in * wide, k.weight, 0, 0);
    c.bias = memory(&held, bias, "bias", wide, k.sum, 0, 1);
    c.y = after == Py_None ? INTO(y, "y", rows * out, float) : NULL;
    c.synops = INTO(synops, "synops", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.index = INTO(index, "index", in + TALON_WIDE, int32_t);
    c.masks = INTO(masks, "masks", in, uint64_t);
    c.widened = INTO(widened, "widened", TALON_ROWS * in, float);
    c.after = fed(&held, after, &n, rows, out);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->affine[number](&c);
        Py_END_ALLOW_THREADS
        if (n.trapped) mode |= TALON_TRAPPED;
    }
    return done(&held, mode);
}

static PyObject *sparse(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *weight, *x, *bias, *y, *synops, *binary, *index, *sum, *after;
    talon_sparse c = {0};
    followers n = {0};
    int mode = 0;
    Py_ssize_t rows;
    if (!PyArg_ParseTuple(args, "nOOOOOOOOO", &rows, &weight, &x, &bias, &y, &synops, &binary, &index, &sum, &after))
        return NULL;
    const synapses *found = PyCapsule_GetPointer(weight, SYNAPSES);
    if (found == NULL) return NULL;
    buffers held = {.count = 0};
    c.rows = rows, c.synapses = &found->c;
    c.x = values(&held, x, "x", rows * found->c.in);
    c.bias = FLOATS_OR_NONE(bias, "bias", found->c.out);
    c.y = after == Py_None ? INTO(y, "y", rows * found->c.out, float) : NULL;
    c.synops = INTO(synops, "synops", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.index = INTO(index, "index", found->c.in + TALON_WIDE, int32_t);
    c.sum = memory(&held, sum, "sum", found->c.out, sizeof(int32_t), 1, 0);
    c.after = fed(&held, after, &n, rows, found->c.out);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->sparse(&c);
        Py_END_ALLOW_THREADS
        if (n.trapped) mode |= TALON_TRAPPED;
    }
    return done(&held, mode);
}

static PyObject *conv(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *weight, *runs, *bias, *y, *fan, *synops, *binary, *scratch, *index, *after;
    talon_conv c = {0};
    followers n = {0};
    window w;
    int mode = 0;
    Py_ssize_t rows, groups, in, out;
    if (!PyArg_ParseTuple(args, "ppnnnnd" WINDOW "OOOOOOOOOOO", &c.whole, &c.narrow, &rows, &groups, &in, &out, &c.crossover,
                          WINDOW_AT(w), &x, &weight, &runs, &bias, &y, &fan, &synops, &binary, &scratch, &index, &after))
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
    c.x = values(&held, x, "x", rows * groups * in * places);
    c.weight = FLOATS(weight, "weight", taps * (in == 1 && out == 1 ? 1 : talon_widened(out)));
    const Py_ssize_t filled = talon_conv_patches(&c) ? in * c.kernel[0] * talon_conv_whole(&c) : taps * out;
    c.runs = memory(&held, runs, "runs", filled, c.narrow ? sizeof(int16_t) : sizeof(float), 0, 0);
    c.bias = FLOATS_OR_NONE(bias, "bias", groups * out);
    c.y = after == Py_None ? INTO(y, "y", rows * outs, float) : NULL;
    c.fan = memory(&held, fan, "fan", places, sizeof(int64_t), 0, 0);
    c.synops = INTO(synops, "synops", rows, int64_t);
    c.binary = INTO(binary, "binary", rows, uint8_t);
    c.scratch = INTO(scratch, "scratch", talon_conv_scratch(&c), float);
    c.index = INTO(index, "index", talon_conv_index(&c), int32_t);
    c.after = fed(&held, after, &n, rows, outs);
    if (c.narrow && !PyErr_Occurred() && (c.after.cell == NULL || !c.whole || !talon_conv_patches(&c)))
        PyErr_SetString(PyExc_ValueError, "narrow sums: expected whole numbers, patches and integer neurons");
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        mode = kernels->conv(&c);
        Py_END_ALLOW_THREADS
        if (n.trapped) mode |= TALON_TRAPPED;
    }
    return done(&held, mode);
}

/* Floats, and numbers, of scratch that a convolution needs; and whether its events are scattered as patches. */
static PyObject *conv_scratch(PyObject *self, PyObject *args) {
    (void)self;
    talon_conv c = {0};
    window w;
    Py_ssize_t groups, in, out;
    if (!PyArg_ParseTuple(args, "nnn" WINDOW, &groups, &in, &out, WINDOW_AT(w))) return NULL;
    if (!fill(&w, c.size, c.kernel, c.stride, c.pad, c.dilation, c.osize)) return NULL;
    c.groups = groups, c.in = in, c.out = out;
    return Py_BuildValue("nni", (Py_ssize_t)talon_conv_scratch(&c), (Py_ssize_t)talon_conv_index(&c), talon_conv_patches(&c));
}

static PyObject *neuron(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *given;
    followers n = {0};
    talon_after after = {NULL, NULL};
    Py_ssize_t rows = 0, size = 0;
    if (!PyArg_ParseTuple(args, "OO", &x, &given)) return NULL;
    buffers held = {.count = 0};
    if (followed(&held, given, &n, &after, &rows, &size)) n.neuron.x = n.cell.x = FLOATS(x, "x", rows * size);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (after.cell != NULL)
            kernels->cell(after.cell);
        else
            kernels->neuron(after.neuron);
        Py_END_ALLOW_THREADS
    }
    return done(&held, n.trapped ? TALON_TRAPPED : 0);
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
    c.x = values(&held, x, "x", rows * w.n[0] * w.n[1] * channels);
    c.divisor = memory(&held, divisor, "divisor", w.n[10] * w.n[11], sizeof(float), 0, c.kind == TALON_MAX);
    const Py_ssize_t outs = rows * w.n[10] * w.n[11] * channels;
    if (c.x.bytes != NULL)
        c.bytes = INTO(y, "y", outs, uint8_t);
    else
        c.y = INTO(y, "y", outs, float);
    if (c.x.bytes != NULL && c.kind != TALON_MAX) PyErr_SetString(PyExc_ValueError, "x: a mean is of floats");
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

static PyObject *widen(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "nOO", &count, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const uint8_t *from = memory(&held, x, "x", count, sizeof(uint8_t), 0, 0);
    float *into = INTO(y, "y", count, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->widen(count, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *narrow(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    int spikes = 0;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "nOO", &count, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const float *from = FLOATS(x, "x", count);
    uint8_t *into = INTO(y, "y", count, uint8_t);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        spikes = kernels->narrow(count, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, spikes);
}

static PyObject *turn(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    Py_ssize_t rows, a, b;
    if (!PyArg_ParseTuple(args, "nnnOO", &rows, &a, &b, &x, &y)) return NULL;
    buffers held = {.count = 0};
    const talon_values from = values(&held, x, "x", rows * a * b);
    void *into = memory(&held, y, "y", rows * a * b, width_of(from), 1, 0);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (from.bytes != NULL)
            kernels->turn_bytes(rows, a, b, from.bytes, into);
        else
            kernels->turn(rows, a, b, from.floats, into);
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
    const talon_values before = values(&held, x, "x", rows * from * channels);
    const Py_ssize_t width = width_of(before);
    void *into = memory(&held, y, "y", rows * places * channels, width, 1, 0);
    for (Py_ssize_t p = 0; at != NULL && p < places; p++)
        if (at[p] < 0 || at[p] >= from) {
            PyErr_Format(PyExc_ValueError, "index: expected 0 to %zd, found %d", from - 1, (int)at[p]);
            break;
        }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->gather(rows, from, places, width * channels, at, bytes_of(before), into);
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
    const talon_values from = values(&held, x, "x", places * channels);
    const Py_ssize_t width = width_of(from);
    void *into = memory(&held, y, "y", places * total, width, 1, 0);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        kernels->join(places, width * channels, width * total, width * offset, bytes_of(from), into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, 0);
}

static PyObject *encode(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *x, *y;
    double scale, low, high;
    int already = 0;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "ndddOO", &count, &scale, &low, &high, &x, &y)) return NULL;
    if (!(scale > 0) || !(low <= high) || low < -TALON_EXACT || high > TALON_EXACT) {
        PyErr_SetString(PyExc_ValueError, "scale, low, high: expected a positive scale and whole numbers of 24 bits");
        return NULL;
    }
    buffers held = {.count = 0};
    const float *from = FLOATS(x, "x", count);
    float *into = INTO(y, "y", count, float);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        already = kernels->encode(count, scale, low, high, from, into);
        Py_END_ALLOW_THREADS
    }
    return done(&held, already);
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
    {"affine", affine, METH_VARARGS,
     "kind, rows, in, out, crossover, x, weight, bias, y, synops, binary, index, masks, widened, neurons"},
    {"synapses", joined, METH_VARARGS, "near, whole, in, out, count, ends, index, value: a sparse weight by inputs, checked"},
    {"sparse", sparse, METH_VARARGS, "rows, synapses, x, bias, y, synops, binary, index, sum, neurons"},
    {"conv", conv, METH_VARARGS,
     "whole, narrow, rows, groups, in, out, crossover, size, kernel, stride, pad, dilation, osize, x, weight, runs, bias, y, fan, "
     "synops, binary, scratch, index, neurons"},
    {"conv_scratch", conv_scratch, METH_VARARGS, "groups, in, out, size, kernel, stride, pad, dilation, osize"},
    {"neuron", neuron, METH_VARARGS,
     "x, (NEURON, steps, batch, size, rule, per_neuron, first, y, v, trace, spikes, beta, gain, leak, r, threshold, reset) "
     "or (CELL, steps, batch, size, word, rule, period, first, (decay, bits, rounding), (shift, rounding), (sums, "
     "overflow), (membranes, overflow), y, v, trace, spikes, factor, threshold, reset)"},
    {"pool", pool, METH_VARARGS,
     "rows, channels, kind, size, kernel, stride, pad, dilation, osize, x, divisor, y"},
    {"mean", mean, METH_VARARGS, "steps, batch, size, x, y, sum, count"},
    {"rectify", rectify, METH_VARARGS, "count, slope, x, y"},
    {"widen", widen, METH_VARARGS, "count, x, y: bytes as floats"},
    {"narrow", narrow, METH_VARARGS, "count, x, y: floats as bytes; 0 where one of them is neither 0 nor 1"},
    {"turn", turn, METH_VARARGS, "rows, a, b, x, y: (rows, a, b) as (rows, b, a)"},
    {"gather", gather, METH_VARARGS, "rows, from, places, channels, index, x, y"},
    {"join", join, METH_VARARGS, "places, channels, total, offset, x, y"},
    {"encode", encode, METH_VARARGS, "count, scale, low, high, x, y: 1 where y would be x, and is not written"},
    {"cluster", cluster, METH_VARARGS, "hypergraph, kinds, widest, needs, most, order, cluster"},
    {"refine", refine, METH_VARARGS,
     "hypergraph, cores, kinds, axons, needs, limits, soft, source, hears, units, rank, patience, rounds, core"},
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
    {"LEAKS", TALON_LEAKS},       {"MEAN", TALON_MEAN},         {"WIDE", TALON_WIDE},   {"NEURON", NEURON},     {"ROWS", TALON_ROWS},
    {"CELL", CELL},               {"TRAPPED", TALON_TRAPPED},   {"KEEP", TALON_KEEP},   {"SHIFT", TALON_SHIFT},
    {"SHIFT_1", TALON_SHIFT_1},   {"MULTIPLY", TALON_MULTIPLY}, {"FLOOR", TALON_FLOOR}, {"RTZ", TALON_RTZ},
    {"HALF_UP", TALON_HALF_UP},   {"SATURATE", TALON_SATURATE}, {"WRAP", TALON_WRAP},   {"TRAP", TALON_TRAP},
    {"HALF_EVEN", TALON_HALF_EVEN}, {"INPUT_FIRST", TALON_INPUT_FIRST}, {"RISES", TALON_RISES}, {"ALIKE", TALON_ALIKE}, {"TWICE", TALON_TWICE}, {"EXACT", TALON_EXACT},
    {"STRIP", TALON_STRIP},       {"F32", TALON_F32},           {"I8_I16", TALON_I8_I16}, {"I16_I32", TALON_I16_I32},
    {NULL, 0},
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
