// Finding a backend by name and opening kernels on it.
#include "compute/backend.h"

#include "compute/backend_list.h"
#include "core/machine.h"

#include <string.h>

static const struct backend_ops *const backends[] = {&ref_backend_ops, &cpu_backend_ops};
enum { N_BACKENDS = sizeof backends / sizeof backends[0] };

static enum status find_backend(const char *name, const struct backend_ops **out)
{
    char known[128] = "";
    for (int i = 0; i < N_BACKENDS; i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            *out = backends[i];
            return OK;
        }
        strncat(known, i > 0 ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, backends[i]->name, sizeof known - strlen(known) - 1);
    }
    FAIL(ERR_UNSUPPORTED, "this build has no backend \"%s\"; choose one of: %s", name, known);
}

enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out)
{
    const struct backend_ops *ops = NULL;
    TRY(find_backend(name, &ops));
    if (options->threads < 0) {
        FAIL(ERR_CONFIG, "backend \"%s\": threads = %d; expected 0 (one per core) or more", name,
             options->threads);
    }
    if (options->check && ops != &ref_backend_ops) {
        FAIL(ERR_UNSUPPORTED, "backend \"%s\" has no check mode; use backend \"%s\"", name,
             ref_backend_ops.name);
    }
    struct backend *backend = NULL;
    TRY(ops->open(options, &backend));
    CHECK(backend->ops == ops && backend->lanes >= 1);
    *out = backend;
    return OK;
}

void backend_close(struct backend *backend)
{
    if (backend != NULL) {
        backend->ops->close(backend);
    }
}

enum status kernel_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(op_check(op));
    struct kernel *kernel = NULL;
    const enum status status = backend->ops->kernels[op->kind]->open(backend, op, &kernel);
    if (status != OK) {
        char text[256];
        op_describe(op, text, sizeof text);
        return status_context(status, "backend \"%s\", %s", backend->ops->name, text);
    }
    CHECK(kernel->ops != NULL && kernel->backend == backend && kernel->op.kind == op->kind);
    *out = kernel;
    return OK;
}

void kernel_close(struct kernel *kernel)
{
    if (kernel != NULL) {
        kernel->ops->close(kernel);
    }
}

bool backend_cpu_has_vnni(void)
{
    return machine_has_vnni();
}
