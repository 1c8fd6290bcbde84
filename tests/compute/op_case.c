// The arguments of every kind of op.
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { UNWRITTEN = 0xFF };

double case_number(size_t i, unsigned salt)
{
    uint32_t h = (uint32_t)i * UINT32_C(0x9E3779B1) + salt * UINT32_C(0x85EBCA77);
    h = (h ^ h >> 15) * UINT32_C(0x2C1B3C6D);
    h = (h ^ h >> 12) * UINT32_C(0x297A2D39);
    h ^= h >> 15;
    return (h >> 8) * 0x1p-23 - 1.0;
}

struct activation case_activation(int i)
{
    static const struct activation activations[CASE_ACTIVATIONS] = {
        {.kind = ACT_NONE},
        {.kind = ACT_RELU},
        {.kind = ACT_CLIP, .b = 6.0F},
        {.kind = ACT_LEAKY, .a = 0.125F},
        {.kind = ACT_SIGMOID},
        {.kind = ACT_HARD_SIGMOID, .a = 0.25F, .b = 0.375F},
        {.kind = ACT_HARD_SWISH},
        {.kind = ACT_SILU},
    };
    assert_in_range(i, 0, CASE_ACTIVATIONS - 1);
    return activations[i];
}

size_t case_type_bytes(enum case_type type)
{
    switch (type) {
    case CASE_F64:
        return sizeof(double);
    case CASE_F32:
        return sizeof(float);
    case CASE_I32:
        return sizeof(int32_t);
    case CASE_U8:
    case CASE_S8:
        return 1;
    case CASE_NONE:
        break;
    }
    return 0;
}

static enum case_type type_of(enum dtype type)
{
    return type == DTYPE_U8 ? CASE_U8 : type == DTYPE_S8 ? CASE_S8 : CASE_F32;
}

void case_fill(struct case_array *array, unsigned salt, double scale)
{
    for (size_t i = 0; i < array->count; i++) {
        const double number = case_number(i, salt);
        switch (array->type) {
        case CASE_F32:
            ((float *)array->values)[i] = (float)(number * scale);
            break;
        case CASE_F64:
            ((double *)array->values)[i] = number * scale;
            break;
        case CASE_U8:
            ((uint8_t *)array->values)[i] = (uint8_t)((number + 1.0) * 128.0);
            break;
        case CASE_S8:
            ((int8_t *)array->values)[i] = (int8_t)((int)((number + 1.0) * 128.0) - 128);
            break;
        default:
            fail_msg("no fill for this type");
        }
    }
}

static struct case_array new_array(struct op_case *c, enum case_type type, size_t count)
{
    struct case_array array = {.type = type, .count = count};
    array.values = arena_alloc(&c->arena, count, case_type_bytes(type));
    assert_non_null(array.values);
    memset(array.values, UNWRITTEN, count * case_type_bytes(type));
    return array;
}

// The next input slot, filled.
static void in(struct op_case *c, enum case_type type, size_t count)
{
    int slot = 0;
    while (c->in[slot].type != CASE_NONE) {
        slot++;
    }
    assert_in_range(slot, 0, OP_MAX_IN - 1);
    c->in[slot] = new_array(c, type, count);
    case_fill(&c->in[slot], (unsigned)slot + 1, 1.0);
}

static void out(struct op_case *c, enum case_type type, size_t count)
{
    int slot = 0;
    while (c->out[slot].type != CASE_NONE) {
        slot++;
    }
    assert_in_range(slot, 0, OP_MAX_OUT - 1);
    c->out[slot] = new_array(c, type, count);
}

static void describe_conv(struct op_case *c, size_t x, size_t y)
{
    const struct op *op = &c->op;
    const size_t weights = (size_t)op->out_c * (size_t)(op->in_c / op->groups) *
                           (size_t)op->kernel[0] * (size_t)op->kernel[1];
    if (op->kind == OP_CONV_BACKWARD_WEIGHTS) {
        c->partials = 3;
        in(c, CASE_F32, 3 * x);
        in(c, CASE_F32, 3 * y);
        out(c, CASE_F32, weights);
        if (op->bias) {
            out(c, CASE_F32, (size_t)op->out_c);
        }
        return;
    }
    const bool forward = op->kind == OP_CONV;
    in(c, type_of(op->in_type), forward ? x : y);
    out(c, type_of(op->out_type), forward ? y : x);
    if (op->sum) {
        case_fill(&c->out[0], 13, 1.0);
    }
    c->weights = new_array(c, CASE_F32, weights);
    case_fill(&c->weights, 11, 1.0);
    if (op->bias) {
        c->bias = new_array(c, CASE_F32, (size_t)op->out_c);
        case_fill(&c->bias, 12, 1.0);
    }
}

static void describe_lstm(struct op_case *c, size_t x, size_t y)
{
    const struct op *op = &c->op;
    const size_t n = (size_t)op->n, hidden = (size_t)op->out_c, gates = 4 * hidden;
    const bool backward = op->kind == OP_LSTM_BACKWARD;
    if (backward) {
        in(c, CASE_F32, y); // dy
    }
    in(c, CASE_F32, x);
    const size_t counts[] = {gates * (size_t)op->in_c, gates * hidden, gates};
    const int packed = backward ? 2 : 1; // slot
    c->weights = new_array(c, CASE_F32, counts[0] + counts[1] + counts[2]);
    struct case_array part = c->weights; // w_ih, w_hh, b
    for (unsigned i = 0; i < 3; i++) {
        part.count = counts[i];
        case_fill(&part, 11 + i, 1.0);
        part.values = (float *)part.values + counts[i];
    }
    const size_t rest[] = {n * hidden, n * hidden, n * (size_t)op->in_h}; // h0, c0, reset
    for (int i = 0; i < 3; i++) {
        c->in[packed + 1 + i] = new_array(c, CASE_F32, rest[i]);
        case_fill(&c->in[packed + 1 + i], (unsigned)(packed + 2 + i), 1.0);
    }
    float *reset = c->in[packed + 3].values;
    for (size_t i = 0; i < c->in[packed + 3].count; i++) {
        reset[i] = reset[i] > 0.5F ? 1.0F : 0.0F;
    }
    if (backward) {
        c->in[6] = new_array(c, CASE_F32, y);
        c->in[7] = new_array(c, CASE_F32, 6 * y); // saved
        case_fill(&c->in[6], 7, 1.0);
        case_fill(&c->in[7], 8, 1.0);
        out(c, CASE_F32, x);
        out(c, CASE_F32, gates * (size_t)op->in_c + gates * hidden + gates);
        out(c, CASE_F32, n * hidden);
        out(c, CASE_F32, n * hidden);
    } else {
        out(c, CASE_F32, y);
        if (op->training) {
            out(c, CASE_F32, 6 * y);
        }
        c->out[2] = new_array(c, CASE_F32, n * hidden); // the last h and c
        c->out[3] = new_array(c, CASE_F32, n * hidden);
    }
}

static void describe_batchnorm(struct op_case *c, size_t x)
{
    const struct op *op = &c->op;
    const size_t channels = (size_t)op->in_c;
    switch (op->kind) {
    case OP_BN_STATISTICS:
        in(c, CASE_F32, x);
        out(c, CASE_F64, 2 * channels);
        return;
    case OP_BN_SUM:
        in(c, CASE_F64, 2 * channels);
        in(c, CASE_F64, 2 * channels);
        out(c, CASE_F64, 2 * channels);
        return;
    case OP_BN_FINISH:
    case OP_BN_BACKWARD_FINISH:
        in(c, CASE_F64, 2 * channels);
        in(c, CASE_F32, channels);
        in(c, CASE_F32, channels);
        if (op->kind == OP_BN_BACKWARD_FINISH) {
            in(c, CASE_F32, channels);
            out(c, CASE_F32, channels);
            out(c, CASE_F32, channels);
            out(c, CASE_F32, 3 * channels);
            return;
        }
        for (int slot = 0; slot < 6; slot++) {
            out(c, CASE_F32, channels);
        }
        case_fill(&c->out[4], 14, 1.0);
        case_fill(&c->out[5], 15, 1.0);
        return;
    case OP_BN_BACKWARD_REDUCE:
        for (int slot = 0; slot < 4; slot++) {
            in(c, CASE_F32, x); // dy, dy2, y, x
        }
        in(c, CASE_F32, channels);
        in(c, CASE_F32, channels);
        out(c, CASE_F32, x);
        out(c, CASE_F64, 2 * channels);
        return;
    default: // OP_BN_BACKWARD_APPLY
        in(c, CASE_F32, x);
        in(c, CASE_F32, x);
        in(c, CASE_F32, 3 * channels);
        out(c, CASE_F32, x);
    }
}

static void describe_softmax(struct op_case *c, size_t x)
{
    const size_t classes = (size_t)c->op.in_c, rows = x / classes;
    in(c, CASE_F32, x);
    case_fill(&c->in[0], 1, 4.0);
    c->in[1] = new_array(c, CASE_I32, rows);
    for (size_t i = 0; i < rows; i++) {
        ((int32_t *)c->in[1].values)[i] = (int32_t)(i * 3 % classes);
    }
    if (c->op.target_share > 0.0F) {
        in(c, CASE_F32, x);
        case_fill(&c->in[2], 3, 4.0);
    }
    out(c, CASE_F64, 2);
    out(c, CASE_F32, x);
}

static void describe_norm(struct op_case *c, size_t x)
{
    const bool sums = c->op.kind == OP_SUM_SQUARES;
    in(c, sums ? CASE_F32 : CASE_F64, sums ? x : 2);
    out(c, CASE_F64, sums ? 2 : 1);
    if (!sums) {
        out(c, CASE_F32, 1);
    }
}

static void describe_optimizer(struct op_case *c, size_t x)
{
    const bool velocity = c->op.momentum > 0.0F;
    in(c, CASE_F32, x);
    in(c, CASE_F32, 1);
    case_set_scale(c, 1.0F);
    out(c, CASE_F32, x);
    case_fill(&c->out[0], 16, 1.0);
    const int states = c->op.kind == OP_ADAM ? 2 : (c->op.kind == OP_RMSPROP) + velocity;
    for (int state = 1; state <= states; state++) {
        out(c, CASE_F32, x);
        memset(c->out[state].values, 0, x * sizeof(float));
    }
}

// Kinds that look at windows or move values: x and y differ in shape.
static void describe_moving(struct op_case *c, size_t x, size_t y)
{
    const struct op *op = &c->op;
    switch (op->kind) {
    case OP_POOL_MAX_BACKWARD:
    case OP_POOL_AVG_BACKWARD:
    case OP_RESIZE_BACKWARD:
    case OP_PAD_BACKWARD:
        in(c, CASE_F32, y);
        if (op->kind == OP_POOL_MAX_BACKWARD) {
            in(c, CASE_U8, y);
        }
        out(c, CASE_F32, x);
        return;
    default: // their forward kinds, COPY_CHANNELS
        in(c, type_of(op->in_type), x);
        out(c, type_of(op->out_type), y);
        if (op->kind == OP_POOL_MAX && op->training) {
            out(c, CASE_U8, y);
        }
        if (op->kind == OP_COPY_CHANNELS) {
            case_fill(&c->out[0], 17, 1.0);
        }
    }
}

static void describe_box(struct op_case *c, size_t x)
{
    const struct op *op = &c->op;
    const size_t row = (size_t)op->out_c, map = (size_t)op->out_w * row;
    const size_t tensor = (size_t)(op->n - 1) * (size_t)op->out_h * map +
                          (size_t)(op->in_h - 1) * map + (size_t)(op->in_w - 1) * row +
                          (size_t)op->in_c; // not a value more than the box spans
    const bool gather = op->kind == OP_GATHER;
    in(c, CASE_F32, gather ? tensor : x);
    out(c, CASE_F32, gather ? x : tensor);
    if (!gather) {
        case_fill(&c->out[0], 17, 1.0);
    }
}

static void describe_elementwise(struct op_case *c, size_t x)
{
    const struct op *op = &c->op;
    const size_t channels = (size_t)op->in_c;
    in(c, type_of(op->in_type), x);
    switch (op->kind) {
    case OP_NORMALIZE:
    case OP_SCALE_SHIFT:
        in(c, CASE_F32, channels);
        in(c, CASE_F32, channels);
        if (op->kind == OP_SCALE_SHIFT) {
            in(c, CASE_F32, x);
        }
        break;
    case OP_ACT_BACKWARD:
        in(c, CASE_F32, x);
        in(c, CASE_F32, x);
        break;
    case OP_ADD:
    case OP_SOFTMAX_BACKWARD:
        in(c, CASE_F32, x);
        break;
    case OP_MULTIPLY:
        in(c, CASE_F32, op->broadcast ? (size_t)op->n * channels : x);
        break;
    case OP_MULTIPLY_BACKWARD_VECTOR:
        in(c, CASE_F32, x);
        out(c, CASE_F32, (size_t)op->n * channels);
        return;
    default: // QUANTIZE, SHUFFLE, DROPOUT, SOFTMAX, RANGE
        break;
    }
    out(c, type_of(op->out_type), op->kind == OP_RANGE ? 2 * (size_t)op->n : x);
    if (op->kind == OP_SCALE_SHIFT && op->out_type == DTYPE_F32) {
        out(c, CASE_F32, 2 * (size_t)op->n);
    }
}

static void describe(struct op_case *c, size_t x, size_t y)
{
    switch (c->op.kind) {
    case OP_CONV:
    case OP_CONV_BACKWARD_DATA:
    case OP_CONV_BACKWARD_WEIGHTS:
        describe_conv(c, x, y);
        return;
    case OP_POOL_MAX:
    case OP_POOL_MAX_BACKWARD:
    case OP_POOL_AVG:
    case OP_POOL_AVG_BACKWARD:
    case OP_COPY_CHANNELS:
    case OP_RESIZE:
    case OP_RESIZE_BACKWARD:
    case OP_PAD:
    case OP_PAD_BACKWARD:
        describe_moving(c, x, y);
        return;
    case OP_GATHER:
    case OP_SCATTER_ADD:
        describe_box(c, x);
        return;
    case OP_BN_STATISTICS:
    case OP_BN_SUM:
    case OP_BN_FINISH:
    case OP_BN_BACKWARD_REDUCE:
    case OP_BN_BACKWARD_FINISH:
    case OP_BN_BACKWARD_APPLY:
        describe_batchnorm(c, x);
        return;
    case OP_LSTM:
    case OP_LSTM_BACKWARD:
        describe_lstm(c, x, y);
        return;
    case OP_SOFTMAX_XENT:
        describe_softmax(c, x);
        return;
    case OP_SUM_SQUARES:
    case OP_CLIP:
        describe_norm(c, x);
        return;
    case OP_SGD:
    case OP_RMSPROP:
    case OP_ADAM:
        describe_optimizer(c, x);
        return;
    default:
        describe_elementwise(c, x);
    }
}

void case_open(struct op_case *c, const struct op *op)
{
    if (op_check(op) != OK) {
        fail_msg("%s", status_message());
    }
    const size_t x = (size_t)op->n * (size_t)op->in_h * (size_t)op->in_w * (size_t)op->in_c;
    const size_t y = (size_t)op->n * (size_t)op->out_h * (size_t)op->out_w * (size_t)op->out_c;
    *c = (struct op_case){
        .op = *op,
        .run = {.rate = 0.1F, .seed = 77, .step = 3},
        .dynamic = {.count = (double)x / op->in_c, .first = 5},
        .quantization = {.in_scale = 0x1p-6F,
                         .out_scale = op->out_type == DTYPE_F32 ? 1.0F : 0x1p-3F,
                         .sum_scale = 0x1p-5F},
        .partials = 1,
    };
    describe(c, x, y);
    const int slot = op_factor_slot(op->kind);
    if (slot >= 0 && (op->in_type != DTYPE_F32 || op->out_type != DTYPE_F32)) {
        c->in[slot] = new_array(c, CASE_F32, 1);
        case_set_factor(c, op->kind == OP_POOL_AVG   ? 0.037F
                           : op->kind == OP_QUANTIZE ? 150.0F
                                                     : 60.0F);
    }
}

void case_set_factor(struct op_case *c, float factor)
{
    *case_f32(&c->in[op_factor_slot(c->op.kind)]) = factor;
}

void case_set_scale(struct op_case *c, float scale)
{
    *case_f32(&c->in[1]) = scale;
}

void case_close(struct op_case *c)
{
    arena_close(&c->arena);
}

float *case_f32(struct case_array *array)
{
    assert_int_equal(array->type, CASE_F32);
    return array->values;
}

double *case_f64(struct case_array *array)
{
    assert_int_equal(array->type, CASE_F64);
    return array->values;
}

void case_drop(struct case_array *array)
{
    *array = (struct case_array){0};
}

void case_set(struct case_array *array, const struct case_array *from)
{
    assert_int_equal(array->type, from->type);
    assert_int_equal(array->count, from->count);
    memcpy(array->values, from->values, from->count * case_type_bytes(from->type));
}
