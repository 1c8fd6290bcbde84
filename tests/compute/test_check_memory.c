// Check mode catches what goes unnoticed in plain memory: host access, overruns, use after release,
// and reading what nobody wrote.
#include "compute/backend.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct access {
    struct backend *backend;
    void *address;
    size_t bytes;
};

static void host_read(const struct access *access)
{
    const volatile unsigned char *byte = access->address;
    (void)*byte;
}

static void host_write(const struct access *access)
{
    volatile unsigned char *byte = access->address;
    *byte = 1;
}

static void copy_out(const struct access *access)
{
    unsigned char bytes[4096];
    access->backend->ops->download(access->backend, bytes, access->address, access->bytes);
}

// Does it in a child process, and fails unless that dies of SIGSEGV.
static void expect_fault(void (*body)(const struct access *), const struct access *access)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        body(access);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGSEGV);
}

static struct backend *open_check(void)
{
    const struct backend_options options = {.threads = 1, .check = true};
    struct backend *backend = NULL;
    assert_int_equal(backend_open("ref", &options, &backend), OK);
    return backend;
}

static void *alloc(struct backend *backend, size_t bytes)
{
    void *address = NULL;
    assert_int_equal(backend->ops->alloc(backend, bytes, &address), OK);
    return address;
}

static void test_host_access(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    const struct access access = {backend, alloc(backend, 100), 100};
    expect_fault(host_read, &access);
    expect_fault(host_write, &access);
    backend_close(backend);
}

static void test_overrun(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    struct access access = {backend, alloc(backend, 128), 128};
    alloc(backend, 128); // a neighbour
    copy_out(&access);   // fine
    access.bytes = 129;
    expect_fault(copy_out, &access);
    backend_close(backend);
}

static void test_use_after_release(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    const struct access access = {backend, alloc(backend, 100), 100};
    backend->ops->release(backend, access.address);
    expect_fault(copy_out, &access);
    assert_ptr_not_equal(alloc(backend, 100), access.address);
    backend_close(backend);
}

static void test_unwritten(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    float values[7];
    backend->ops->download(backend, values, alloc(backend, sizeof values), sizeof values);
    for (int i = 0; i < 7; i++) {
        assert_true(isnan(values[i]));
    }
    backend_close(backend);
}

// A NaN that got in reaches the result through every activation and through pooling.
static void test_unwritten_spreads(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    void *a = alloc(backend, 4 * sizeof(float)), *b = alloc(backend, 4 * sizeof(float));
    void *y = alloc(backend, 4 * sizeof(float));
    backend->ops->zero(backend, a, 4 * sizeof(float));
    for (int act = ACT_NONE; act < ACT_KIND_COUNT; act++) {
        const struct op op = {.kind = OP_ADD,
                              .n = 1,
                              .in_h = 1,
                              .in_w = 1,
                              .in_c = 4,
                              .act = {(enum activation_kind)act, 0.5F, 6.0F}};
        struct kernel *kernel = NULL;
        assert_int_equal(kernel_open(backend, &op, &kernel), OK);
        const struct op_args args = {.in = {a, b}, .out = {y}};
        float values[4];
        kernel->ops->run(kernel, &args);
        backend->ops->download(backend, values, y, sizeof values);
        for (int i = 0; i < 4; i++) {
            assert_true(isnan(values[i]));
        }
        kernel_close(kernel);
    }
    const struct op pool = {.kind = OP_POOL_MAX,
                            .n = 1,
                            .in_h = 2,
                            .in_w = 2,
                            .in_c = 1,
                            .out_h = 1,
                            .out_w = 1,
                            .out_c = 1,
                            .kernel = {2, 2},
                            .stride = {1, 1},
                            .dilation = {1, 1}};
    struct kernel *kernel = NULL;
    float value = 0.0F;
    assert_int_equal(kernel_open(backend, &pool, &kernel), OK);
    backend->ops->upload(backend, b, (const float[4]){1.0F, NAN, 5.0F, 2.0F}, 4 * sizeof(float));
    kernel->ops->run(kernel, &(const struct op_args){.in = {b}, .out = {y}});
    backend->ops->download(backend, &value, y, sizeof value);
    assert_true(isnan(value));
    kernel_close(kernel);
    backend_close(backend);
}

static void test_too_large(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    void *address = NULL;
    assert_int_equal(backend->ops->alloc(backend, (size_t)1 << 50, &address), ERR_MEMORY);
    assert_int_equal(backend->ops->alloc(backend, SIZE_MAX, &address), ERR_MEMORY);
    assert_null(address);
    assert_non_null(alloc(backend, 1)); // still works
    backend_close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_access),       cmocka_unit_test(test_overrun),
        cmocka_unit_test(test_use_after_release), cmocka_unit_test(test_unwritten),
        cmocka_unit_test(test_unwritten_spreads), cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
