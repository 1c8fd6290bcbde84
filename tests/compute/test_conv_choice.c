// The two int8 kernels for narrow convolutions: the same bytes, so which one is taken may be left
// to what is faster; and the choice can be settled from outside.
#include "compute/backend.h"
#include "core/machine.h"
#include "core/rng.h"
#include "test_unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 40, WIDE = 256, MOST = 4 * 19 * 16 * WIDE, ALIGNMENT = 64 };

static const char *const kernels[] = {"own", "onednn"};
// A backend keeps the kernels that it opened: one for each of these, and one that chooses.
enum { FREE = 2, N_BACKENDS };

static void *room(size_t bytes)
{
    void *address = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    assert_non_null(address);
    return address;
}

struct inputs {
    uint8_t x[MOST], held[MOST];
    float weights[WIDE * WIDE * 9], bias[WIDE];
};

static struct kernel *open_as(struct backend *backend, const struct op *op, const char *asked)
{
    struct kernel *kernel = NULL;
    assert_int_equal(setenv("DIKDIK_INT8_KERNELS", asked, 1), 0);
    assert_ok(kernel_open(backend, op, &kernel));
    assert_int_equal(unsetenv("DIKDIK_INT8_KERNELS"), 0);
    return kernel;
}

// Returns whose kernel it was.
static const struct kernel_ops *run_as(struct backend *backend, const struct op *op,
                                       const char *asked, const struct inputs *in, uint8_t *y)
{
    const struct op_quantization quantization = {0.0213F, 0.0371F, 0.0297F};
    struct kernel *kernel = open_as(backend, op, asked);
    void *packed = room(kernel->packed_bytes), *scratch = room(kernel->scratch_bytes + 1);
    memcpy(y, in->held, MOST);
    assert_ok(kernel->ops->pack(kernel, in->weights, op->bias ? in->bias : NULL, &quantization,
                                packed, 0));
    const struct op_args args = {.in = {in->x, packed}, .out = {y}, .scratch = scratch};
    kernel->ops->run(kernel, &args);
    const struct kernel_ops *ops = kernel->ops;
    free(packed);
    free(scratch);
    kernel_close(kernel);
    return ops;
}

static struct op op_of(int turn)
{
    static const int sizes[][2] = {{16, 16}, {5, 8}, {9, 4}, {17, 16}, {1, 12}};
    const int *size = sizes[turn % 5];
    const int above = turn % 4 != 1, below = turn % 4 != 2; // 0: a band of a cut image
    const bool wide = turn % 10 == 9;                       // up to the most that both can
    return (struct op){
        .kind = OP_CONV,
        .n = 1 + turn % 4,
        .in_h = size[0] + 2,
        .in_w = size[1],
        .in_c = wide ? WIDE - turn / 10 * 7 : 1 + turn * 5 % (turn % 2 == 0 ? 16 : CHANNELS),
        .out_h = size[0] + above + below,
        .out_w = size[1],
        .out_c = wide ? WIDE - turn / 10 * 5 : 1 + turn * 7 % (turn % 3 == 0 ? 8 : CHANNELS),
        .in_type = DTYPE_U8,
        .out_type = DTYPE_U8,
        .act = {.kind = turn % 3 == 0   ? ACT_NONE
                        : turn % 3 == 1 ? ACT_RELU
                                        : ACT_CLIP,
                .b = 6.0F},
        .kernel = {3, 3},
        .stride = {1, 1},
        .dilation = {1, 1},
        .pad = {above, 1, below, 1},
        .groups = 1,
        .bias = turn % 7 != 0,
        .sum = turn % 5 < 2,
    };
}

static void both_kernels_give_the_same_bytes(void **state)
{
    struct backend **backends = *state;
    struct inputs *in = calloc(1, sizeof *in);
    uint8_t *y[2] = {room(MOST), room(MOST)};
    struct rng rng = rng_make(3, RNG_TEST, 1, 0);
    assert_non_null(in);
    for (int i = 0; i < MOST; i++) {
        in->x[i] = (uint8_t)rng_below(&rng, 256);
        in->held[i] = (uint8_t)rng_below(&rng, 256);
    }
    for (size_t i = 0; i < sizeof in->weights / sizeof(float); i++) {
        in->weights[i] = 0.05F * rng_normal(&rng);
    }
    for (int i = 0; i < WIDE; i++) {
        in->bias[i] = rng_normal(&rng);
    }
    int differ = 0;
    for (int turn = 0; turn < 120; turn++) {
        const struct op op = op_of(turn);
        const struct kernel_ops *ops[2];
        for (int k = 0; k < 2; k++) {
            ops[k] = run_as(backends[k], &op, kernels[k], in, y[k]);
        }
        differ += ops[0] != ops[1];
        for (int i = 0; i < MOST; i++) {
            if (y[0][i] != y[1][i]) {
                fail_msg("turn %d, element %d: own %d, oneDNN %d", turn, i, y[0][i], y[1][i]);
            }
        }
    }
    assert_true(differ > 80);
    free(in);
    free(y[0]);
    free(y[1]);
}

static void the_environment_settles_it(void **state)
{
    struct backend **backends = *state, *backend = backends[FREE];
    const struct op op = op_of(0);
    struct kernel *as_asked[2], *chosen = NULL;
    for (int k = 0; k < 2; k++) {
        as_asked[k] = open_as(backends[k], &op, kernels[k]);
    }
    assert_true(as_asked[0]->ops != as_asked[1]->ops);
    assert_ok(kernel_open(backend, &op, &chosen));
    assert_true(chosen->ops == as_asked[0]->ops || chosen->ops == as_asked[1]->ops);
    struct kernel *again = NULL; // what was measured once stays
    assert_ok(kernel_open(backend, &op, &again));
    assert_true(again->ops == chosen->ops);
    kernel_close(again);
    kernel_close(chosen);
    kernel_close(as_asked[0]);
    kernel_close(as_asked[1]);
}

static int open_backends(void **state)
{
    static struct backend *backends[N_BACKENDS];
    const struct backend_options options = {.threads = 1};
    for (int i = 0; i < N_BACKENDS; i++) {
        if (backend_open("cpu", &options, &backends[i]) != OK) {
            return -1;
        }
    }
    *state = backends;
    return 0;
}

static int close_backends(void **state)
{
    struct backend **backends = *state;
    for (int i = 0; i < N_BACKENDS; i++) {
        backend_close(backends[i]);
    }
    return 0;
}

int main(void)
{
    if (!machine_has_vnni()) {
        return 0; // no int8 at all
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kernels_give_the_same_bytes),
        cmocka_unit_test(the_environment_settles_it),
    };
    return cmocka_run_group_tests(tests, open_backends, close_backends);
}
