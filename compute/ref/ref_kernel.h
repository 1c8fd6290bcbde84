// What all kernels of the reference backend share. They work on addresses as the backend hands them
// out; in check mode those fault when touched, and the real memory lies `delta` bytes further on.
// On any other backend whose memory is the host's, delta is 0, so its table may name these kernels.
#pragma once
#include "compute/backend.h"

#include <stdint.h>

struct ref_kernel {
    struct kernel base;
    uintptr_t delta; // from a backend address to the memory behind it
};

// One table per kind, at the end of its family's file. A kind without one does not link.
#define X(name) extern const struct kernel_ops ref_kernel_##name;
OP_LIST(X)
#undef X

uintptr_t ref_backend_delta(const struct backend *backend); // of a ref backend

// open and close of kinds that need neither packed weights nor scratch.
enum status ref_kernel_open(struct backend *backend, const struct op *op, struct kernel **out);
void ref_kernel_close(struct kernel *kernel);

// The memory behind a backend address; NULL stays NULL.
const void *ref_read(const struct kernel *kernel, const void *address);
void *ref_write(const struct kernel *kernel, void *address);

// Argument slots: a required one that is NULL is a bug of the caller.
const void *ref_in(const struct kernel *kernel, const struct op_args *args, int slot);
const void *ref_in_or_null(const struct kernel *kernel, const struct op_args *args, int slot);
void *ref_out(const struct kernel *kernel, const struct op_args *args, int slot);
void *ref_out_or_null(const struct kernel *kernel, const struct op_args *args, int slot);

size_t ref_in_count(const struct op *op); // elements of the input, n * h * w * c
size_t ref_out_count(const struct op *op);

// What stands between integers and real values (op.h), in slot `slot`; 1 for a tensor of this type
// that holds reals.
double ref_factor(const struct kernel *kernel, const struct op_args *args, int slot,
                  enum dtype type);

// Element i of a tensor of the given type, as a number.
double ref_load(const void *tensor, size_t i, enum dtype type);
// Integers are rounded to nearest even and clamped; NaN becomes 0.
void ref_store(void *tensor, size_t i, enum dtype type, double value);

// (dy + dy2) * slope of the activation by y, or by x where its type says so; 0 where the slope is
// 0, NaN where y is. dy2 and y may be NULL: nothing to add, slope 1.
double ref_act_gradient(struct activation act, const float *dy, const float *dy2, const float *y,
                        size_t i);
