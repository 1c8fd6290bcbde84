// oneDNN primitives as calls: a primitive with its memory objects, made once, run with other
// addresses each time.
#pragma once
#include "compute/cpu/cpu_backend.h"

enum { CPU_DNNL_MAX_ARGUMENTS = 6 };

struct cpu_dnnl_argument {
    int id; // DNNL_ARG_*
    dnnl_memory_desc_t layout;
};

struct cpu_dnnl_call {
    struct cpu_backend *cpu; // borrowed
    dnnl_primitive_t primitive;
    int n_arguments;
    int ids[CPU_DNNL_MAX_ARGUMENTS];
    dnnl_memory_t *memories; // [lanes][n_arguments], owned
};

// Makes the primitive; takes ownership of `descriptor`, also on failure.
enum status cpu_dnnl_call_open(struct cpu_backend *cpu, dnnl_primitive_desc_t descriptor,
                               const struct cpu_dnnl_argument *arguments, int n_arguments,
                               struct cpu_dnnl_call *out);
// Runs on `lane` with these addresses, one per argument. Allocates no tensor memory.
void cpu_dnnl_call_run(struct cpu_dnnl_call *call, int lane, void *const *addresses);
void cpu_dnnl_call_close(struct cpu_dnnl_call *call); // a zeroed call is fine

// A reorder from one layout to another.
enum status cpu_dnnl_reorder_open(struct cpu_backend *cpu, const dnnl_memory_desc_t *from,
                                  const dnnl_memory_desc_t *to, struct cpu_dnnl_call *out);

// Turns a oneDNN result into a status; `what` names the call.
enum status cpu_dnnl_check(dnnl_status_t result, const char *what);

// What the bits of results depend on, and oneDNN's version.
void cpu_dnnl_say(struct backend_facts *facts);

// Layouts. tensor: [n, c, h, w] stored NHWC. weights: OIHW, or goihw when groups > 1; `any` lets
// oneDNN choose.
dnnl_memory_desc_t cpu_dnnl_tensor(int n, int h, int w, int c, enum dtype dtype);
dnnl_memory_desc_t cpu_dnnl_weights(const struct op *op, enum dtype dtype, bool any);
dnnl_memory_desc_t cpu_dnnl_vector(int c);
