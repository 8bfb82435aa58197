/* One-byte traps in code that is already loaded.
 *
 * arm() writes 0xCC (int3) over the first byte of each place. The first thread that gets there raises SIGTRAP; the
 * handler looks the place up, notes it, puts the original byte back and lets the thread go on. From then on the place
 * costs nothing. x86-64 Linux only: another architecture's trap is not one byte.
 *
 * What makes this safe:
 *  - The table of places is written before the first trap is, and never moves or shrinks afterwards; the handler only
 *    reads it. It takes no lock, allocates nothing and calls nothing.
 *  - A thread that was already trapped when another one restored the byte finds the place in the table and just runs
 *    the instruction again.
 *  - A trap that is none of ours goes to the handler that was there before.
 *  - SA_NODEFER: a signal handler or a nested call that runs into another trap may trap too. The kernel keeps off the
 *    128 bytes below the stack pointer that code may use without asking (the red zone of the System V ABI).
 *  - Pages become private to the process when they are written (copy on write), so the file and other processes that
 *    have it loaded see nothing, and fork gives the child the same traps and an own copy of what changes.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__linux__)
#define SUPPORTED 1
#include <ucontext.h>
#else
#define SUPPORTED 0
#endif

#define TRAP 0xCC
/* Libraries, not places: a process has a handful of interesting ones. */
#define MAX_REGIONS 32

typedef struct {
    size_t count;
    uintptr_t *address;          /* sorted */
    uint8_t *original;           /* the byte that was there */
    _Atomic uint8_t *hit;        /* 1: reached; 2: told to the caller, or not armed at all */
    uint32_t first;              /* number of the region's first place: places are numbered across regions */
} Region;

static Region regions[MAX_REGIONS];
static _Atomic int region_count;
static _Atomic uint64_t hits;
static struct sigaction previous;
static int installed;

#if SUPPORTED

static Region *find(uintptr_t address, size_t *index)
{
    int count = atomic_load_explicit(&region_count, memory_order_acquire);
    for (int i = 0; i < count; i++) {
        Region *region = &regions[i];
        if (!region->count || address < region->address[0] || address > region->address[region->count - 1])
            continue;
        size_t low = 0, high = region->count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (region->address[middle] < address)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < region->count && region->address[low] == address) {
            *index = low;
            return region;
        }
    }
    return NULL;
}

static void chain(int signal, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler == SIG_IGN) {
        return;
    } else if (previous.sa_handler == SIG_DFL) {
        /* As if we had never been here: the default is death by SIGTRAP. */
        struct sigaction fallback;
        memset(&fallback, 0, sizeof fallback);
        fallback.sa_handler = SIG_DFL;
        sigaction(SIGTRAP, &fallback, NULL);
        raise(SIGTRAP);
    } else {
        previous.sa_handler(signal);
    }
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    greg_t *registers = state->uc_mcontext.gregs;
    uintptr_t address = (uintptr_t)registers[REG_RIP] - 1;
    size_t index;
    Region *region = find(address, &index);
    if (region == NULL) {
        chain(signal, info, context);
        return;
    }
    *(volatile uint8_t *)address = region->original[index];
    uint8_t expected = 0;
    if (atomic_compare_exchange_strong(&region->hit[index], &expected, 1))
        atomic_fetch_add_explicit(&hits, 1, memory_order_relaxed);
    registers[REG_RIP] = (greg_t)address;
}

static int install(void)
{
    if (installed)
        return 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTRAP, &action, &previous))
        return -1;
    installed = 1;
    return 0;
}

/* Make the pages that hold places writable, runs of neighbouring pages at once. */
static int make_writable(const uintptr_t *address, size_t count)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t i = 0;
    while (i < count) {
        uintptr_t start = address[i] & ~(page - 1), end = start + page;
        /* A gap of up to 16 pages costs less than another call. */
        while (++i < count && address[i] < end + 16 * page)
            end = (address[i] & ~(page - 1)) + page;
        if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE | PROT_EXEC))
            return -1;
    }
    return 0;
}

#endif

static PyObject *arm(PyObject *module, PyObject *args)
{
    Py_buffer addresses, skip;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*y*", &addresses, &skip))
        return NULL;
    PyObject *result = NULL;
#if SUPPORTED
    size_t count = (size_t)addresses.len / sizeof(uintptr_t);
    const uintptr_t *given = addresses.buf;
    const uint8_t *skipped = skip.buf;
    int number = atomic_load(&region_count);
    if ((size_t)skip.len != count) {
        PyErr_SetString(PyExc_ValueError, "skip must have one byte for each address");
        goto done;
    }
    for (size_t i = 1; i < count; i++) {
        if (given[i] <= given[i - 1]) {
            PyErr_SetString(PyExc_ValueError, "addresses must be sorted and distinct");
            goto done;
        }
    }
    if (number == MAX_REGIONS) {
        PyErr_Format(PyExc_RuntimeError, "no more than %d regions", MAX_REGIONS);
        goto done;
    }
    Region *region = &regions[number];
    region->count = count;
    region->address = malloc(count * sizeof *region->address + 1);
    region->original = malloc(count + 1);
    region->hit = calloc(count + 1, 1);
    if (!region->address || !region->original || !region->hit) {
        PyErr_NoMemory();
        goto undo;
    }
    memcpy(region->address, given, count * sizeof *region->address);
    region->first = number ? regions[number - 1].first + (uint32_t)regions[number - 1].count : 0;
    if (make_writable(given, count) || install()) {
        PyErr_SetFromErrno(PyExc_OSError);
        goto undo;
    }
    for (size_t i = 0; i < count; i++) {
        region->original[i] = *(volatile uint8_t *)given[i];
        /* A place that is a trap already (a debugger's, or padding) is not ours. */
        if (skipped[i] || region->original[i] == TRAP)
            atomic_store(&region->hit[i], 2);
    }
    /* The table is complete before the first trap is in place. */
    atomic_store_explicit(&region_count, number + 1, memory_order_release);
    for (size_t i = 0; i < count; i++)
        if (atomic_load_explicit(&region->hit[i], memory_order_relaxed) == 0)
            *(volatile uint8_t *)given[i] = TRAP;
    result = PyLong_FromUnsignedLong(region->first);
    goto done;
undo:
    free(region->address);
    free(region->original);
    free((void *)region->hit);
    memset(region, 0, sizeof *region);
done:
#else
    PyErr_SetString(PyExc_NotImplementedError, "one-byte traps need Linux on x86-64");
#endif
    PyBuffer_Release(&addresses);
    PyBuffer_Release(&skip);
    return result;
}

static PyObject *take(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    /* The common answer is nothing: do not walk the table for it. */
    uint64_t expected = atomic_exchange(&hits, 0);
    PyObject *result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(expected * sizeof(uint32_t)));
    if (result == NULL || expected == 0)
        return result;
    uint32_t *out = (uint32_t *)PyBytes_AS_STRING(result);
    uint64_t found = 0;
    int count = atomic_load(&region_count);
    for (int i = 0; i < count && found < expected; i++) {
        Region *region = &regions[i];
        for (size_t j = 0; j < region->count && found < expected; j++) {
            uint8_t reached = 1;
            if (atomic_compare_exchange_strong(&region->hit[j], &reached, 2))
                out[found++] = region->first + (uint32_t)j;
        }
    }
    if (found < expected)
        _PyBytes_Resize(&result, (Py_ssize_t)(found * sizeof(uint32_t)));
    return result;
}

static PyObject *disarm(PyObject *module, PyObject *argument)
{
    /* Put back the bytes of places that need not be told any more: of all, for None. */
    (void)module;
    Py_buffer places = {0};
    if (argument != Py_None && PyObject_GetBuffer(argument, &places, PyBUF_SIMPLE))
        return NULL;
#if SUPPORTED
    int count = atomic_load(&region_count);
    if (argument == Py_None) {
        for (int i = 0; i < count; i++)
            for (size_t j = 0; j < regions[i].count; j++) {
                uint8_t expected = 0;
                if (atomic_compare_exchange_strong(&regions[i].hit[j], &expected, 2))
                    *(volatile uint8_t *)regions[i].address[j] = regions[i].original[j];
            }
    } else {
        const uint32_t *numbers = places.buf;
        size_t given = (size_t)places.len / sizeof *numbers;
        for (size_t k = 0; k < given; k++)
            for (int i = 0; i < count; i++) {
                Region *region = &regions[i];
                if (numbers[k] < region->first || numbers[k] - region->first >= region->count)
                    continue;
                size_t j = numbers[k] - region->first;
                uint8_t expected = 0;
                if (atomic_compare_exchange_strong(&region->hit[j], &expected, 2))
                    *(volatile uint8_t *)region->address[j] = region->original[j];
            }
    }
#endif
    if (argument != Py_None)
        PyBuffer_Release(&places);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"arm", arm, METH_VARARGS,
     "arm(addresses, skip) -> int\n\nTrap each address: bytes of sorted native uint64; skip has a byte for each, not "
     "zero where no trap is wanted. Returns the number of the first place; the others follow.\n\nRaises OSError where "
     "the kernel refuses to make code writable, NotImplementedError on another architecture."},
    {"take", take, METH_NOARGS,
     "take() -> bytes\n\nNumbers (native uint32) of places reached for the first time since the last call."},
    {"disarm", disarm, METH_O,
     "disarm(places)\n\nPut the original bytes back at these places (bytes of native uint32), or at all for None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_traps", "One-byte traps in loaded code.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__traps(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL)
        PyModule_AddIntConstant(module, "SUPPORTED", SUPPORTED);
    return module;
}
