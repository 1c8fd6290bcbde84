// Check mode catches what goes unnoticed in plain memory: host access, overruns, use after release,
// and reading what nobody wrote.
#include "compute/backend.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

// Does it in a child process, and fails unless that dies of this signal.
static void expect_end(void (*body)(const struct access *), const struct access *access,
                       int expected)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(expected, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        body(access);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), expected);
}

static void expect_fault(void (*body)(const struct access *), const struct access *access)
{
    expect_end(body, access, SIGSEGV);
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

// ---- pinned memory: copies are as late as they may be
static void change_too_early(const struct access *access)
{
    void *pinned = NULL;
    struct backend *backend = access->backend;
    assert_int_equal(backend->ops->alloc_pinned(backend, access->bytes, &pinned), OK);
    memset(pinned, 1, access->bytes);
    backend->ops->upload(backend, access->address, pinned, access->bytes);
    memset(pinned, 2, access->bytes);
    (void)backend->ops->sync(backend);
}

static void test_pinned_upload(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    const struct access access = {backend, alloc(backend, 100), 100};
    expect_end(change_too_early, &access, SIGABRT);
    void *pinned = NULL;
    unsigned char bytes[100];
    assert_int_equal(backend->ops->alloc_pinned(backend, 100, &pinned), OK);
    for (int round = 0; round < 2; round++) { // changed after a wait: fine
        memset(pinned, round, 100);
        backend->ops->upload(backend, access.address, pinned, 100);
        assert_int_equal(backend->ops->sync(backend), OK);
    }
    memset(pinned, 7, 100);
    backend->ops->upload(backend, access.address, pinned, 100);
    assert_int_equal(backend->ops->download(backend, bytes, access.address, 100), OK);
    memset(pinned, 8, 100); // so is a download to other memory
    assert_int_equal(bytes[99], 7);
    backend->ops->release_pinned(backend, pinned);
    backend_close(backend);
}

static void test_pinned_download(void **state)
{
    (void)state;
    struct backend *backend = open_check();
    const float sent[3] = {1.0F, 2.0F, 3.0F};
    void *address = alloc(backend, sizeof sent), *pinned = NULL;
    assert_int_equal(backend->ops->alloc_pinned(backend, sizeof sent, &pinned), OK);
    const float *got = pinned;
    backend->ops->upload(backend, address, sent, sizeof sent);
    assert_int_equal(backend->ops->download(backend, pinned, address, sizeof sent), OK);
    assert_true(isnan(got[0]) && isnan(got[2])); // not there yet
    assert_int_equal(backend->ops->sync(backend), OK);
    assert_memory_equal(got, sent, sizeof sent);
    // There and back without a wait between.
    backend->ops->zero(backend, address, sizeof sent);
    assert_int_equal(backend->ops->download(backend, pinned, address, sizeof sent), OK);
    backend->ops->upload(backend, address, pinned, sizeof sent);
    assert_int_equal(backend->ops->sync(backend), OK);
    assert_true(got[0] == 0.0F && got[2] == 0.0F);
    backend_close(backend); // releases what was forgotten
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
        cmocka_unit_test(test_pinned_upload),     cmocka_unit_test(test_pinned_download),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
