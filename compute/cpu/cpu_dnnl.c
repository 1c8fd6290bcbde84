// oneDNN plumbing shared by the convolution kernels.
#include "compute/cpu/cpu_dnnl.h"

#include "core/machine.h"
#include "core/room.h"

#include <stdio.h>
#include <stdlib.h>

// oneDNN writes code into memory without a look at whether it got any.
#define PRIMITIVE_ROOM_BYTES ((size_t)16 << 20)

void cpu_dnnl_say(struct backend_facts *facts)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } names[] = {
        {dnnl_cpu_isa_sse41, "sse41"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
    };
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const char *name = "other instructions";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        name = names[i].isa == isa ? names[i].name : name;
    }
    const dnnl_version_t *version = dnnl_version();
    snprintf(facts->library, sizeof facts->library, "oneDNN %d.%d.%d", version->major,
             version->minor, version->patch);
    // The kernels of our own go by what the processor has.
    snprintf(facts->numerics, sizeof facts->numerics, "%s %s, own kernels %s", facts->library, name,
             machine_has_vnni()     ? "avx512_vnni"
             : machine_has_avx512() ? "avx512"
             : machine_has_avx2()   ? "avx2"
                                    : "sse2");
}

enum status cpu_dnnl_check(dnnl_status_t result, const char *what)
{
    switch (result) {
    case dnnl_success:
        return OK;
    case dnnl_out_of_memory:
        FAIL(ERR_MEMORY, "oneDNN ran out of memory in %s", what);
    case dnnl_unimplemented:
        FAIL(ERR_UNSUPPORTED, "oneDNN has no implementation for %s on this processor", what);
    default:
        FAIL(ERR_UNSUPPORTED, "oneDNN refused %s (status %d)", what, (int)result);
    }
}

static enum status open_memories(struct cpu_backend *cpu, const struct cpu_dnnl_argument *arguments,
                                 struct cpu_dnnl_call *call)
{
    for (int lane = 0; lane < cpu->base.lanes; lane++) {
        for (int i = 0; i < call->n_arguments; i++) {
            TRY(cpu_dnnl_check(dnnl_memory_create(&call->memories[lane * call->n_arguments + i],
                                                  &arguments[i].layout, cpu->engine,
                                                  DNNL_MEMORY_NONE),
                               "a memory object"));
        }
    }
    return OK;
}

enum status cpu_dnnl_call_open(struct cpu_backend *cpu, dnnl_primitive_desc_t descriptor,
                               const struct cpu_dnnl_argument *arguments, int n_arguments,
                               struct cpu_dnnl_call *out)
{
    CHECK(n_arguments <= CPU_DNNL_MAX_ARGUMENTS);
    struct cpu_dnnl_call call = {.cpu = cpu, .n_arguments = n_arguments};
    const enum status room = room_check(PRIMITIVE_ROOM_BYTES, "a convolution's code");
    if (room != OK) {
        dnnl_primitive_desc_destroy(descriptor);
        return room;
    }
    call.memories = calloc((size_t)cpu->base.lanes * (size_t)n_arguments, sizeof(dnnl_memory_t));
    const dnnl_status_t created = call.memories == NULL
                                      ? dnnl_out_of_memory
                                      : dnnl_primitive_create(&call.primitive, descriptor);
    dnnl_primitive_desc_destroy(descriptor);
    enum status status = cpu_dnnl_check(created, "a primitive");
    if (status == OK) {
        for (int i = 0; i < n_arguments; i++) {
            call.ids[i] = arguments[i].id;
        }
        status = open_memories(cpu, arguments, &call);
    }
    if (status != OK) {
        cpu_dnnl_call_close(&call);
        return status;
    }
    *out = call;
    return OK;
}

void cpu_dnnl_call_run(struct cpu_dnnl_call *call, int lane, void *const *addresses)
{
    dnnl_exec_arg_t arguments[CPU_DNNL_MAX_ARGUMENTS];
    for (int i = 0; i < call->n_arguments; i++) {
        const dnnl_memory_t memory = call->memories[lane * call->n_arguments + i];
        void *held = NULL;
        CHECK(dnnl_memory_get_data_handle(memory, &held) == dnnl_success);
        if (held !=
            addresses[i]) { // setting a handle also clears padding: skip it when nothing changes
            CHECK(dnnl_memory_set_data_handle(memory, addresses[i]) == dnnl_success);
        }
        arguments[i] = (dnnl_exec_arg_t){call->ids[i], memory};
    }
    CHECK(dnnl_primitive_execute(call->primitive, call->cpu->streams[lane], call->n_arguments,
                                 arguments) == dnnl_success);
}

void cpu_dnnl_call_close(struct cpu_dnnl_call *call)
{
    if (call->memories != NULL) {
        for (int i = 0; i < call->cpu->base.lanes * call->n_arguments; i++) {
            if (call->memories[i] != NULL) {
                dnnl_memory_destroy(call->memories[i]);
            }
        }
    }
    if (call->primitive != NULL) {
        dnnl_primitive_destroy(call->primitive);
    }
    free(call->memories);
    *call = (struct cpu_dnnl_call){0};
}

enum status cpu_dnnl_reorder_open(struct cpu_backend *cpu, const dnnl_memory_desc_t *from,
                                  const dnnl_memory_desc_t *to, struct cpu_dnnl_call *out)
{
    dnnl_primitive_desc_t descriptor = NULL;
    TRY(cpu_dnnl_check(
        dnnl_reorder_primitive_desc_create(&descriptor, from, cpu->engine, to, cpu->engine, NULL),
        "a weight reorder"));
    const struct cpu_dnnl_argument arguments[2] = {{DNNL_ARG_FROM, *from}, {DNNL_ARG_TO, *to}};
    return cpu_dnnl_call_open(cpu, descriptor, arguments, 2, out);
}

static dnnl_data_type_t data_type(enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_U8:
        return dnnl_u8;
    case DTYPE_S8:
        return dnnl_s8;
    case DTYPE_F32:
        break;
    }
    return dnnl_f32;
}

dnnl_memory_desc_t cpu_dnnl_tensor(int n, int h, int w, int c, enum dtype dtype)
{
    dnnl_memory_desc_t layout;
    const dnnl_dims_t dims = {n, c, h, w};
    CHECK(dnnl_memory_desc_init_by_tag(&layout, 4, dims, data_type(dtype), dnnl_nhwc) ==
          dnnl_success);
    return layout;
}

dnnl_memory_desc_t cpu_dnnl_weights(const struct op *op, enum dtype dtype, bool any)
{
    dnnl_memory_desc_t layout;
    const int g = op->groups;
    const dnnl_dims_t dense = {op->out_c, op->in_c, op->kernel[0], op->kernel[1]};
    const dnnl_dims_t grouped = {g, op->out_c / g, op->in_c / g, op->kernel[0], op->kernel[1]};
    const dnnl_format_tag_t plain = g > 1 ? dnnl_goihw : dnnl_oihw;
    CHECK(dnnl_memory_desc_init_by_tag(&layout, g > 1 ? 5 : 4, g > 1 ? grouped : dense,
                                       data_type(dtype),
                                       any ? dnnl_format_tag_any : plain) == dnnl_success);
    return layout;
}

dnnl_memory_desc_t cpu_dnnl_vector(int c)
{
    dnnl_memory_desc_t layout;
    const dnnl_dims_t dims = {c};
    CHECK(dnnl_memory_desc_init_by_tag(&layout, 1, dims, dnnl_f32, dnnl_x) == dnnl_success);
    return layout;
}
