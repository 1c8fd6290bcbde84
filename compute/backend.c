// Finding a backend by name, asking what it can, and opening kernels on it.
#include "compute/backend.h"

#include "compute/backend_list.h"
#include "compute/kernel_cache.h"
#include "core/isolate.h"

#include <stdio.h>
#include <string.h>

static const struct backend_ops *const backends[] = {
    &ref_backend_ops,
    &cpu_backend_ops,
#ifdef DIKDIK_CUDA
    &cuda_backend_ops,
#endif
    NULL,
};

const struct backend_ops *backend_at(int index)
{
    return backends[index];
}

const char *const backend_precision_names[] = {
    [PRECISION_FLOAT32] = "float32",
    [PRECISION_TF32] = "tf32",
    [PRECISION_BF16] = "bf16",
    [PRECISION_COUNT] = NULL,
};

static const struct backend_ops *offered;

void backend_offer(const struct backend_ops *ops)
{
    offered = ops;
}

static enum status find_backend(const char *name, const struct backend_ops **out)
{
    char known[128] = "";
    if (offered != NULL && strcmp(offered->name, name) == 0) {
        *out = offered;
        return OK;
    }
    for (int i = 0; backends[i] != NULL; i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            *out = backends[i];
            return OK;
        }
        strncat(known, i > 0 ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, backends[i]->name, sizeof known - strlen(known) - 1);
    }
    FAIL(ERR_UNSUPPORTED, "this build has no backend \"%s\"; choose one of: %s", name, known);
}

static enum status check_options(const struct backend_ops *ops,
                                 const struct backend_options *options)
{
    if (options->threads < 0) {
        FAIL(ERR_CONFIG, "backend \"%s\": threads = %d; expected 0 (one per core) or more",
             ops->name, options->threads);
    }
    CHECK((unsigned)options->precision < PRECISION_COUNT);
    if (options->precision != PRECISION_FLOAT32 && !ops->precisions) {
        FAIL(ERR_UNSUPPORTED, "backend \"%s\" computes in float32 only; leave out precision %s",
             ops->name, backend_precision_names[options->precision]);
    }
    if (options->profile && !ops->precisions) {
        FAIL(ERR_UNSUPPORTED, "backend \"%s\" has no profile; use backend \"cuda\"", ops->name);
    }
    if (options->check && ops != &ref_backend_ops) {
        FAIL(ERR_UNSUPPORTED, "backend \"%s\" has no check mode; use backend \"%s\"", ops->name,
             ref_backend_ops.name);
    }
    return OK;
}

enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out)
{
    const struct backend_ops *ops = NULL;
    struct kernel_cache *cache = NULL;
    struct backend *backend = NULL;
    TRY(find_backend(name, &ops));
    TRY(check_options(ops, options));
    TRY(kernel_cache_open(&cache));
    const enum status status = ops->open(options, &backend);
    if (status != OK) {
        kernel_cache_close(cache);
        return status;
    }
    CHECK(backend->ops == ops && backend->lanes >= 1 && (!ops->device || backend->lanes == 1));
    CHECK((ops->record == NULL) == (ops->replay == NULL));
    backend->cache = cache;
    *out = backend;
    return OK;
}

void backend_close(struct backend *backend)
{
    if (backend != NULL) {
        kernel_cache_close(backend->cache);
        backend->ops->close(backend);
    }
}

// ---- asking
struct question {
    const struct backend_ops *ops;
    const struct backend_options *options;
    struct backend_facts facts;
};

static enum status ask(void *context)
{
    struct question *question = context;
    return question->ops->ask(question->options, &question->facts);
}

// A driver that crashes or hangs does so in the child.
static enum status ask_in_child(const struct question *question, struct backend_facts *facts)
{
    static const struct isolate_limits limits = {.seconds = 60, .bytes = (size_t)1 << 46};
    struct question *shared = isolate_share(sizeof *shared);
    if (shared == NULL) {
        return ERR_MEMORY;
    }
    *shared = *question;
    const enum status status = isolate_run(question->ops->name, &limits, ask, shared);
    *facts = shared->facts;
    isolate_unshare(shared, sizeof *shared);
    if (status == ERR_INPUT) { // isolate's own
        FAIL(ERR_UNSUPPORTED,
             "backend \"%s\": its driver crashed or gave no answer within %.0f s; use another",
             question->ops->name, limits.seconds);
    }
    return status;
}

enum status backend_ask(const char *name, const struct backend_options *options,
                        struct backend_facts *facts)
{
    struct question question = {.options = options};
    memset(facts, 0, sizeof *facts);
    TRY(find_backend(name, &question.ops));
    TRY(check_options(question.ops, options));
    if (question.ops->device) {
        return ask_in_child(&question, facts);
    }
    const enum status status = ask(&question);
    *facts = question.facts;
    return status;
}

const char *backend_best(const struct backend_options *options, char *why, size_t bytes)
{
    why[0] = '\0';
    for (int i = 0; backends[i] != NULL; i++) {
        struct backend_facts facts;
        if (!backends[i]->device) {
            continue;
        }
        if (backend_ask(backends[i]->name, options, &facts) == OK) {
            snprintf(why, bytes, "%s", facts.devices[facts.device]);
            return backends[i]->name;
        }
        snprintf(why, bytes, "%s", status_message());
    }
    return cpu_backend_ops.name;
}

// ---- kernels
static enum status open_kernel(struct backend *backend, const struct op *op, struct kernel **out)
{
    const enum status status = backend->ops->kernels[op->kind]->open(backend, op, out);
    if (status != OK) {
        char text[256];
        op_describe(op, text, sizeof text);
        return status_context(status, "backend \"%s\", %s", backend->ops->name, text);
    }
    CHECK((*out)->ops != NULL && (*out)->backend == backend && (*out)->op.kind == op->kind);
    return OK;
}

enum status kernel_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(op_check(op));
    struct kernel *kernel = kernel_cache_find(backend->cache, op);
    if (kernel == NULL) {
        TRY(open_kernel(backend, op, &kernel));
        if (!kernel->keeps_weights) {
            TRY(kernel_cache_add(backend->cache, op, kernel));
        }
    }
    *out = kernel;
    return OK;
}

void kernel_close(struct kernel *kernel)
{
    if (kernel == NULL) {
        return;
    }
    if (kernel->entry != NULL) {
        kernel_cache_leave(kernel->entry);
    } else {
        kernel->ops->close(kernel);
    }
}
