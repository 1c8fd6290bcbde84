// Runs a case on a backend: copies its arguments there, packs, runs, reduces, and fetches outputs.
#include "compute/kernel_cut.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Follow every output, to show writes past its end.
enum { CANARY_BYTES = 64, CANARY = 0xA5 };

static void *device_copy(struct backend *backend, const struct case_array *array, size_t extra)
{
    const size_t bytes = array->count * case_type_bytes(array->type);
    void *address = NULL;
    if (array->type == CASE_NONE) {
        return NULL;
    }
    assert_int_equal(backend->ops->alloc(backend, bytes + extra, &address), OK);
    backend->ops->upload(backend, address, array->values, bytes);
    return address;
}

static void *device_space(struct backend *backend, size_t bytes)
{
    void *address = NULL;
    assert_int_equal(backend->ops->alloc(backend, bytes, &address), OK);
    return address;
}

static void device_release(struct backend *backend, void *address)
{
    if (address != NULL) {
        backend->ops->release(backend, address);
    }
}

static void *offset(void *address, size_t bytes)
{
    return (void *)((uintptr_t)address + bytes);
}

// partials[0] += partials[index], by the backend's own ADD.
static void add_partial(struct kernel *kernel, void *partials, int index)
{
    const int count = (int)(kernel->partial_bytes / sizeof(float));
    const struct op op = {.kind = OP_ADD,
                          .n = 1,
                          .in_h = 1,
                          .in_w = 1,
                          .in_c = count,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = count,
                          .groups = 1};
    struct kernel *add = NULL;
    assert_int_equal(kernel_open(kernel->backend, &op, &add), OK);
    const struct op_args args = {
        .in = {partials, offset(partials, (size_t)index * kernel->partial_bytes)},
        .out = {partials}};
    add->ops->run(add, &args);
    kernel_close(add);
}

// Runs each chunk into its own partial, adds them up and unpacks the sum into out[0] and out[1].
static void run_partials(struct kernel *kernel, const struct op_case *c, struct op_args *args)
{
    struct backend *backend = kernel->backend;
    void *partials = device_space(backend, (size_t)c->partials * kernel->partial_bytes);
    struct op_args call = *args;
    for (int partial = 0; partial < c->partials; partial++) {
        for (int slot = 0; slot < 2; slot++) {
            const struct case_array *array = &c->in[slot];
            const size_t bytes = array->count / (size_t)c->partials * case_type_bytes(array->type);
            call.in[slot] = (const void *)((uintptr_t)args->in[slot] + (size_t)partial * bytes);
        }
        call.out[0] = offset(partials, (size_t)partial * kernel->partial_bytes);
        kernel->ops->run(kernel, &call);
        if (partial > 0) {
            add_partial(kernel, partials, partial);
        }
    }
    kernel->ops->unpack(kernel, partials, args->out[0], args->out[1], 0);
    device_release(backend, partials);
}

static void run_kernel(struct kernel *kernel, const struct op_case *c, struct op_args *args)
{
    struct backend *backend = kernel->backend;
    void *weights = device_copy(backend, &c->weights, 0);
    void *bias = device_copy(backend, &c->bias, 0);
    void *packed = NULL;
    if (weights != NULL) {
        packed = device_space(backend, kernel->packed_bytes);
        const bool int8 = c->op.in_type != DTYPE_F32;
        assert_int_equal(
            kernel->ops->pack(kernel, weights, bias, int8 ? &c->quantization : NULL, packed, 0),
            OK);
        args->in[c->op.kind == OP_LSTM_BACKWARD ? 2 : 1] = packed;
    }
    if (c->op.kind == OP_CONV_BACKWARD_WEIGHTS) {
        run_partials(kernel, c, args);
    } else if (c->op.kind == OP_LSTM_BACKWARD) {
        struct op_args call = *args;
        call.out[1] = device_space(backend, kernel->partial_bytes);
        kernel->ops->run(kernel, &call);
        kernel->ops->unpack(kernel, call.out[1], args->out[1], NULL, 0);
        device_release(backend, call.out[1]);
    } else {
        for (int last = kernel->pieces > 0 ? kernel->pieces - 1 : 0; last >= 0; last--) {
            args->piece = last; // backwards: no piece may need another
            kernel->ops->run(kernel, args);
        }
    }
    assert_int_equal(backend->ops->sync(backend), OK);
    device_release(backend, packed);
    device_release(backend, weights);
    device_release(backend, bias);
}

static void fetch(struct backend *backend, const struct op_case *c, int slot, void *address,
                  struct case_array *out_array)
{
    const size_t bytes = c->out[slot].count * case_type_bytes(c->out[slot].type);
    unsigned char *values = malloc(bytes + CANARY_BYTES);
    assert_non_null(values);
    assert_int_equal(backend->ops->download(backend, values, address, bytes + CANARY_BYTES), OK);
    for (size_t i = bytes; i < bytes + CANARY_BYTES; i++) {
        if (values[i] != CANARY) {
            fail_msg("%s wrote %zu bytes past output %d", op_kind_name(c->op.kind), i - bytes + 1,
                     slot);
        }
    }
    *out_array = c->out[slot];
    out_array->values = values;
}

void case_run(struct backend *backend, const struct op_case *c, struct case_result *result)
{
    struct kernel *kernel = NULL;
    if (kernel_open_cut(backend, &c->op, c->most_pieces, &kernel) != OK) {
        fail_msg("%s", status_message());
    }
    unsigned char canary[CANARY_BYTES];
    memset(canary, CANARY, sizeof canary);
    void *run = device_space(backend, sizeof c->run);
    backend->ops->upload(backend, run, &c->run, sizeof c->run);
    struct op_args args = {.run = run, .dynamic = c->dynamic};
    void *inputs[OP_MAX_IN];
    for (int slot = 0; slot < OP_MAX_IN; slot++) {
        args.in[slot] = inputs[slot] = device_copy(backend, &c->in[slot], 0);
    }
    for (int slot = 0; slot < OP_MAX_OUT; slot++) {
        const size_t bytes = c->out[slot].count * case_type_bytes(c->out[slot].type);
        args.out[slot] = device_copy(backend, &c->out[slot], CANARY_BYTES);
        if (args.out[slot] != NULL) {
            backend->ops->upload(backend, offset(args.out[slot], bytes), canary, sizeof canary);
        }
    }
    args.scratch = device_space(backend, kernel->scratch_bytes);
    run_kernel(kernel, c, &args);
    *result = (struct case_result){0};
    for (int slot = 0; slot < OP_MAX_OUT; slot++) {
        if (args.out[slot] != NULL) {
            fetch(backend, c, slot, args.out[slot], &result->out[slot]);
            device_release(backend, args.out[slot]);
        }
    }
    for (int slot = 0; slot < OP_MAX_IN; slot++) {
        device_release(backend, inputs[slot]);
    }
    device_release(backend, args.scratch);
    device_release(backend, run);
    kernel_close(kernel);
}

void case_result_close(struct case_result *result)
{
    for (int slot = 0; slot < OP_MAX_OUT; slot++) {
        free(result->out[slot].values);
    }
    *result = (struct case_result){0};
}
