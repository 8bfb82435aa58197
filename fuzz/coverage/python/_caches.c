/* What a process has executed, read from CPython 3.11's inline caches.
 *
 * CPython 3.11 (PEP 659) lets instructions that can be specialised carry a cache in the byte code. The first execution
 * of such an instruction leaves a trace there: a specialised instruction in its place, or a counter that is not zero.
 * A code object is given its adaptive instructions when it has been entered often enough; here its counter of entries
 * is advanced, so that the first entry suffices. Nothing is called while code runs: it costs what CPython does anyway.
 *
 * watch(codes, caches, kinds) -> watch
 *     Begin to watch code objects. caches[op] is the number of cache entries behind an instruction, kinds[op] is 1 where
 *     the counter tells (the plain and the adaptive form), 2 where the instruction itself does (specialised forms), else
 *     0. What has left a trace before is not told of.
 * take(watch) -> bytes
 *     Pairs of native uint32: the number of a code object and the byte offset of an instruction in it that has been
 *     executed since. Each is told once. Offset 0 says that the code was entered.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030C0000
#error "inline caches are laid out so in CPython 3.11 only"
#endif

typedef struct {
    PyCodeObject *code;
    uint32_t *units;       /* instructions with a cache that have not been told of */
    uint32_t count;
    int entered;           /* told of */
} Watched;

typedef struct {
    Watched *items;
    Py_ssize_t count;
    unsigned char caches[256];
    unsigned char kinds[256];
} Watch;

static const char NAME[] = "misfold.watch";

static int
executed(const Watch *watch, const _Py_CODEUNIT *unit)
{
    /* the operation is the unit's first byte in memory, the counter the unit behind it */
    unsigned char op = *(const unsigned char *)unit;
    return watch->kinds[op] == 2 || (watch->kinds[op] == 1 && unit[1] != 0);
}

static void
release(PyObject *capsule)
{
    Watch *watch = PyCapsule_GetPointer(capsule, NAME);
    if (watch == NULL) {
        return;
    }
    for (Py_ssize_t i = 0; i < watch->count; i++) {
        Py_XDECREF(watch->items[i].code);
        PyMem_Free(watch->items[i].units);
    }
    PyMem_Free(watch->items);
    PyMem_Free(watch);
}

static int
begin(const Watch *watch, Watched *item, PyCodeObject *code)
{
    const _Py_CODEUNIT *units = _PyCode_CODE(code);
    uint32_t size = (uint32_t)Py_SIZE(code);
    item->units = PyMem_Malloc(sizeof(uint32_t) * (size + 1));
    if (item->units == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    item->code = (PyCodeObject *)Py_NewRef((PyObject *)code);
    item->count = 0;
    if (code->co_warmup < 0) {
        code->co_warmup = -1;
    }
    item->entered = code->co_warmup == 0;
    for (uint32_t i = 0; i < size;) {
        unsigned char caches = watch->caches[*(const unsigned char *)(units + i)];
        if (caches > 0 && i + caches < size && !executed(watch, units + i)) {
            item->units[item->count++] = i;
        }
        i += 1 + caches;
    }
    uint32_t *fitting = PyMem_Realloc(item->units, sizeof(uint32_t) * (item->count + 1));
    item->units = fitting != NULL ? fitting : item->units;
    return 0;
}

static PyObject *
watch_codes(PyObject *self, PyObject *args)
{
    PyObject *codes;
    Py_buffer caches, kinds;
    if (!PyArg_ParseTuple(args, "O!y*y*", &PyList_Type, &codes, &caches, &kinds)) {
        return NULL;
    }
    Watch *watch = NULL;
    PyObject *result = NULL;
    if (caches.len != 256 || kinds.len != 256) {
        PyErr_SetString(PyExc_ValueError, "a table has one byte for each of 256 operations");
        goto done;
    }
    watch = PyMem_Calloc(1, sizeof(Watch));
    if (watch == NULL || (watch->items = PyMem_Calloc(PyList_GET_SIZE(codes) + 1, sizeof(Watched))) == NULL) {
        PyMem_Free(watch);
        PyErr_NoMemory();
        goto done;
    }
    memcpy(watch->caches, caches.buf, 256);
    memcpy(watch->kinds, kinds.buf, 256);
    result = PyCapsule_New(watch, NAME, release);
    if (result == NULL) {
        PyMem_Free(watch->items);
        PyMem_Free(watch);
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(codes); i++) {
        PyObject *code = PyList_GET_ITEM(codes, i);
        if (!PyCode_Check(code)) {
            PyErr_SetString(PyExc_TypeError, "not a code object");
            Py_CLEAR(result);
            goto done;
        }
        watch->count = i + 1;
        if (begin(watch, &watch->items[i], (PyCodeObject *)code) < 0) {
            Py_CLEAR(result);
            goto done;
        }
    }
done:
    PyBuffer_Release(&caches);
    PyBuffer_Release(&kinds);
    return result;
}

static int
tell(uint32_t **found, size_t *count, size_t *space, uint32_t number, uint32_t offset)
{
    if (*count + 2 > *space) {
        size_t wanted = *space ? 2 * *space : 1024;
        uint32_t *grown = PyMem_Realloc(*found, wanted * sizeof(uint32_t));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        *found = grown;
        *space = wanted;
    }
    (*found)[(*count)++] = number;
    (*found)[(*count)++] = offset;
    return 0;
}

static PyObject *
take(PyObject *self, PyObject *capsule)
{
    Watch *watch = PyCapsule_GetPointer(capsule, NAME);
    if (watch == NULL) {
        return NULL;
    }
    uint32_t *found = NULL;
    size_t count = 0, space = 0;
    PyObject *result = NULL;
    for (Py_ssize_t i = 0; i < watch->count; i++) {
        Watched *item = &watch->items[i];
        if (item->code->co_warmup < 0) {
            continue; /* not entered yet */
        }
        if (!item->entered) {
            item->entered = 1;
            if (tell(&found, &count, &space, (uint32_t)i, 0) < 0) {
                goto done;
            }
        }
        const _Py_CODEUNIT *units = _PyCode_CODE(item->code);
        uint32_t left = 0;
        for (uint32_t j = 0; j < item->count; j++) {
            uint32_t unit = item->units[j];
            if (!executed(watch, units + unit)) {
                item->units[left++] = unit;
            }
            else if (tell(&found, &count, &space, (uint32_t)i, unit * (uint32_t)sizeof(_Py_CODEUNIT)) < 0) {
                goto done;
            }
        }
        item->count = left;
    }
    result = PyBytes_FromStringAndSize((const char *)found, (Py_ssize_t)(count * sizeof(uint32_t)));
done:
    PyMem_Free(found);
    return result;
}

static PyMethodDef methods[] = {
    {"watch", watch_codes, METH_VARARGS, "Begin to watch code objects."},
    {"take", take, METH_O, "What has been executed since."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_caches", "What has been executed, from inline caches.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__caches(void)
{
    return PyModule_Create(&module);
}
