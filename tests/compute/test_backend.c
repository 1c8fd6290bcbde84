// The table of a backend: memory, copies, lanes, and that every kind of op opens.
#include "compute/backend_list.h"
#include "compute/kernel_cache.h"
#include "core/machine.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
    const struct bench *bench = *state;
    const bool checked = strcmp(bench->name, "check") == 0;
    assert_string_equal(bench->backend->ops->name, checked ? "ref" : bench->name);
    struct backend *backend = NULL;
    const struct backend_options plain = {.threads = 1}, check = {.threads = 1, .check = true},
                                 negative = {.threads = -1};
    assert_int_equal(backend_open("gpu", &plain, &backend), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "\"gpu\""));
    assert_non_null(strstr(status_message(), "ref, cpu"));
    assert_int_equal(backend_open("cpu", &check, &backend), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "check"));
    assert_int_equal(backend_open("ref", &negative, &backend), ERR_CONFIG);
    assert_null(backend);
    backend_close(NULL);
    kernel_close(NULL);
}

// What backends say of themselves, and which is taken where that is left open.
static void test_asking(void **state)
{
    (void)state;
    const struct backend_options plain = {.threads = 1, .device = -1}, check = {.check = true};
    struct backend_facts facts;
    char why[256];
    assert_int_equal(backend_ask("cpu", &plain, &facts), OK);
    assert_non_null(strstr(facts.numerics, "oneDNN"));
    assert_int_equal(strncmp(facts.numerics, facts.library, strlen(facts.library)), 0);
    assert_true(facts.int8 == machine_has_vnni() && facts.n_devices == 0);
    assert_int_equal(backend_ask("ref", &check, &facts), OK);
    assert_true(facts.numerics[0] != '\0' && facts.int8);
    assert_int_equal(backend_ask("gpu", &plain, &facts), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "ref, cpu"));
    assert_int_equal(backend_ask("cpu", &check, &facts), ERR_UNSUPPORTED);
    bool devices = false;
    for (int i = 0; backend_at(i) != NULL; i++) {
        devices = devices || backend_at(i)->device;
    }
    const char *best = backend_best(&plain, why, sizeof why);
    assert_int_equal(backend_ask(best, &plain, &facts), OK);
    assert_true(devices || (strcmp(best, "cpu") == 0 && why[0] == '\0'));
}

static struct op wide_add(int channels)
{
    return (struct op){.kind = OP_ADD, .n = 1, .in_h = 1, .in_w = 1, .in_c = channels};
}

// Equal ops are one kernel, also after it was closed; so much as one attribute makes another.
static void test_kernels_are_shared(void **state)
{
    const struct bench *bench = *state;
    struct op op = wide_add(3);
    struct kernel *first = NULL, *second = NULL, *third = NULL;
    assert_int_equal(kernel_open(bench->backend, &op, &first), OK);
    assert_int_equal(kernel_open(bench->backend, &op, &second), OK);
    assert_ptr_equal(first, second);
    op.act.kind = ACT_RELU;
    assert_int_equal(kernel_open(bench->backend, &op, &third), OK);
    assert_ptr_not_equal(first, third);
    kernel_close(first);
    kernel_close(second);
    kernel_close(third);
    assert_int_equal(kernel_open(bench->backend, &op, &second), OK);
    assert_ptr_equal(second, third);
    kernel_close(second);
}

// What nobody uses makes room, the longest unused first; what is in use stays whatever comes.
static void test_unused_kernels_make_room(void **state)
{
    const struct bench *bench = *state;
    struct kernel *held = NULL, *last = NULL, *again = NULL;
    struct op op = wide_add(100000);
    assert_int_equal(kernel_open(bench->backend, &op, &held), OK);
    for (int i = 1; i <= 2 * KERNEL_CACHE_MOST; i++) {
        op = wide_add(i);
        assert_int_equal(kernel_open(bench->backend, &op, &last), OK);
        kernel_close(last);
    }
    assert_int_equal(kernel_open(bench->backend, &op, &again), OK);
    assert_ptr_equal(again, last);
    kernel_close(again);
    op = wide_add(100000);
    assert_int_equal(kernel_open(bench->backend, &op, &again), OK);
    assert_ptr_equal(again, held);
    assert_int_equal(again->op.in_c, 100000);
    kernel_close(again);
    kernel_close(held);
}

// A kernel that packs scales into itself serves one set of weights: two ask, two get it.
static void test_kernels_that_keep_weights(void **state)
{
    const struct bench *bench = *state;
    if (!bench->backend->int8) {
        print_message("skipped: no 8-bit convolutions here\n");
        return;
    }
    const struct op op = {.kind = OP_CONV,
                          .n = 1,
                          .in_h = 4,
                          .in_w = 4,
                          .in_c = 8,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = 5,
                          .in_type = DTYPE_U8,
                          .kernel = {4, 4},
                          .stride = {1, 1},
                          .dilation = {1, 1},
                          .groups = 1};
    struct kernel *a = NULL, *b = NULL;
    assert_int_equal(kernel_open(bench->backend, &op, &a), OK);
    assert_int_equal(kernel_open(bench->backend, &op, &b), OK);
    assert_true((a == b) == !a->keeps_weights);
    assert_true(a->keeps_weights == (strcmp(bench->name, "cpu") == 0));
    kernel_close(a);
    kernel_close(b);
}

static void test_complete(void **state)
{
    const struct bench *bench = *state;
    const struct backend_ops *ops = bench->backend->ops;
    assert_true(ops->ask != NULL && ops->alloc_pinned != NULL && ops->release_pinned != NULL);
    assert_true(ops->open != NULL && ops->close != NULL && ops->alloc != NULL &&
                ops->release != NULL && ops->upload != NULL && ops->download != NULL &&
                ops->zero != NULL && ops->sync != NULL && ops->parallel != NULL);
    for (int kind = 0; kind < OP_COUNT; kind++) {
        const struct kernel_ops *kernel = ops->kernels[kind];
        if (kernel == NULL || kernel->open == NULL || kernel->run == NULL ||
            kernel->close == NULL) {
            fail_msg("%s has no %s", bench->name, op_kind_name((enum op_kind)kind));
        }
        const bool packs = kind == OP_CONV || kind == OP_CONV_BACKWARD_DATA || kind == OP_LSTM ||
                           kind == OP_LSTM_BACKWARD;
        assert_true(packs == (kernel->pack != NULL));
        const bool unpacks = kind == OP_CONV_BACKWARD_WEIGHTS || kind == OP_LSTM_BACKWARD;
        assert_true(unpacks == (kernel->unpack != NULL));
    }
}

static void test_properties(void **state)
{
    const struct bench *bench = *state;
    const struct backend *backend = bench->backend;
    const bool check = strcmp(bench->name, "check") == 0;
    const bool device = strncmp(bench->name, "cuda", 4) == 0;
    assert_true(backend->lanes >= 1 && (backend->chunk_bytes > 0) == !device);
    assert_true(backend->host_memory == (!check && !device));
    if (device) {
        assert_true(!backend->int8 && backend->lanes == 1);
        return;
    }
    assert_true(strcmp(bench->name, "cpu") == 0 ? backend->int8 == machine_has_vnni()
                                                : backend->int8 && backend->lanes == 1);
}

static void test_memory(void **state)
{
    const struct bench *bench = *state;
    struct backend *backend = bench->backend;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100001};
    static unsigned char sent[100001], got[100001];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (unsigned char)(i * 31 % 251);
    }
    for (int i = 0; i < 7; i++) {
        void *address = NULL;
        assert_int_equal(backend->ops->alloc(backend, sizes[i], &address), OK);
        assert_non_null(address);
        assert_int_equal((uintptr_t)address % 64, 0);
        backend->ops->upload(backend, address, sent, sizes[i]);
        memset(got, 0, sizeof got);
        backend->ops->download(backend, got, address, sizes[i]);
        backend->ops->sync(backend);
        assert_memory_equal(got, sent, sizes[i]);
        backend->ops->zero(backend, address, sizes[i]);
        backend->ops->download(backend, got, address, sizes[i]);
        backend->ops->sync(backend);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(got[k], 0);
        }
        backend->ops->release(backend, address);
    }
}

static void test_refusal(void **state)
{
    const struct bench *bench = *state;
    struct kernel *kernel = NULL;
    const struct op op = {.kind = OP_CONV,
                          .n = 1,
                          .in_h = 5,
                          .in_w = 5,
                          .in_c = 3,
                          .out_h = 5,
                          .out_w = 5,
                          .out_c = 4,
                          .kernel = {3, 3},
                          .stride = {1, 1},
                          .dilation = {1, 1},
                          .groups = 1};
    assert_int_equal(kernel_open(bench->backend, &op, &kernel), ERR_INPUT);
    assert_non_null(strstr(status_message(), "CONV 1 x [5 x 5 x 3] f32 -> [5 x 5 x 4] f32"));
    assert_non_null(strstr(status_message(), "output must be 3 x 3"));
    assert_null(kernel);
}

enum { MOST_INDICES = 1000 };
struct visits {
    int lanes;
    atomic_int count[MOST_INDICES];
    atomic_bool busy[64]; // by lane
    atomic_bool clash;
};

static void visit(void *context, int index, int lane)
{
    struct visits *visits = context;
    if (lane < 0 || lane >= visits->lanes || atomic_exchange(&visits->busy[lane], true)) {
        atomic_store(&visits->clash, true);
        return;
    }
    atomic_fetch_add(&visits->count[index], 1);
    atomic_store(&visits->busy[lane], false);
}

// Every index once, and a lane never twice at a time.
static void test_parallel(void **state)
{
    const struct bench *bench = *state;
    static const int counts[] = {0, 1, 2, 3, 17, MOST_INDICES};
    for (int i = 0; i < 6; i++) {
        struct visits visits = {.lanes = bench->backend->lanes};
        assert_in_range(visits.lanes, 1, 64);
        bench->backend->ops->parallel(bench->backend, counts[i], visit, &visits);
        assert_false(atomic_load(&visits.clash));
        for (int index = 0; index < MOST_INDICES; index++) {
            assert_int_equal(atomic_load(&visits.count[index]), index < counts[i]);
        }
    }
}

enum { IMAGES = 12, SIZE = 6 * 6 * 16 };
struct chunks {
    struct kernel *kernel; // of one image
    struct op_args args;   // of the whole batch
    void *scratch[64];     // by lane
};

static void run_chunk(void *context, int index, int lane)
{
    const struct chunks *chunks = context;
    struct op_args args = chunks->args;
    const size_t offset = (size_t)index * SIZE * sizeof(float);
    args.in[0] = (const void *)((uintptr_t)args.in[0] + offset);
    args.out[0] = (void *)((uintptr_t)args.out[0] + offset);
    args.scratch = chunks->scratch[lane];
    args.lane = lane;
    chunks->kernel->ops->run(chunks->kernel, &args);
}

static void *device_numbers(struct backend *backend, size_t count, unsigned salt)
{
    static float host[IMAGES * SIZE];
    void *address = NULL;
    for (size_t i = 0; i < count; i++) {
        host[i] = (float)case_number(i, salt);
    }
    assert_int_equal(backend->ops->alloc(backend, count * sizeof *host, &address), OK);
    backend->ops->upload(backend, address, host, count * sizeof *host);
    return address;
}

// A batch cut into images, run on all lanes: the same bytes every time, and right ones.
static void test_chunks(void **state)
{
    const struct bench *bench = *state;
    struct backend *backend = bench->backend;
    const struct op op = {.kind = OP_CONV,
                          .n = 1,
                          .in_h = 6,
                          .in_w = 6,
                          .in_c = 16,
                          .out_h = 6,
                          .out_w = 6,
                          .out_c = 16,
                          .kernel = {3, 3},
                          .stride = {1, 1},
                          .dilation = {1, 1},
                          .pad = {1, 1, 1, 1},
                          .groups = 1};
    static float first[IMAGES * SIZE], again[IMAGES * SIZE];
    struct chunks chunks = {0};
    void *x = device_numbers(backend, IMAGES * SIZE, 1);
    void *y = device_numbers(backend, IMAGES * SIZE, 2);
    void *weights = device_numbers(backend, 16 * 16 * 9, 11), *packed = NULL;
    assert_int_equal(kernel_open(backend, &op, &chunks.kernel), OK);
    assert_int_equal(backend->ops->alloc(backend, chunks.kernel->packed_bytes, &packed), OK);
    assert_int_equal(chunks.kernel->ops->pack(chunks.kernel, weights, NULL, NULL, packed, 0), OK);
    for (int lane = 0; lane < backend->lanes; lane++) {
        assert_int_equal(
            backend->ops->alloc(backend, chunks.kernel->scratch_bytes, &chunks.scratch[lane]), OK);
    }
    chunks.args = (struct op_args){.in = {x, packed}, .out = {y}};
    for (int round = 0; round < 5; round++) {
        backend->ops->parallel(backend, IMAGES, run_chunk, &chunks);
        backend->ops->sync(backend);
        backend->ops->download(backend, round == 0 ? first : again, y, sizeof first);
        if (round > 0) {
            assert_memory_equal(first, again, sizeof first);
        }
    }
    struct op whole = op;
    whole.n = IMAGES;
    struct op_case c;
    struct case_result expected;
    case_open(&c, &whole);
    case_run(bench->ref, &c, &expected);
    for (size_t i = 0; i < IMAGES * SIZE; i++) {
        const float error = case_f32(&expected.out[0])[i] - first[i];
        assert_true(error < 1e-4F && error > -1e-4F);
    }
    case_result_close(&expected);
    case_close(&c);
    kernel_close(chunks.kernel);
    for (int lane = 0; lane < backend->lanes; lane++) {
        backend->ops->release(backend, chunks.scratch[lane]);
    }
    void *const held[] = {x, y, weights, packed};
    for (int i = 0; i < 4; i++) {
        backend->ops->release(backend, held[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_kernels_are_shared),
        cmocka_unit_test(test_unused_kernels_make_room),
        cmocka_unit_test(test_kernels_that_keep_weights),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_chunks),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
