// What several methods share.
#include "learner/methods/method_simple.h"

#include "learner/candidates.h"

enum status method_no_update(struct method *method, struct update_row *row)
{
    (void)method, (void)row;
    return OK;
}

const float *method_no_weights(const struct method *method, size_t *n)
{
    (void)method;
    *n = 0;
    return NULL;
}

enum status method_wants_space(const struct method_job *job, const char *name)
{
    if (job->space == NULL) {
        FAIL(ERR_CONFIG,
             "search.method \"%s\" needs an environment whose candidates are known, such as prune",
             name);
    }
    return OK;
}

enum status method_wants_order(const struct method_job *job, const char *name)
{
    TRY(method_wants_space(job, name));
    for (int task = 0; task < job->n_tasks; task++) {
        if (candidate_categorical_steps(&job->space->tasks[task]) > 0) {
            FAIL(ERR_CONFIG,
                 "search.method \"%s\" goes by how much of each step is kept, but choices of this "
                 "environment have no order; choose bayes, impala, evolution, local or copy",
                 name);
        }
    }
    return OK;
}

void method_no_save(struct method *method)
{
    (void)method;
}

enum status method_no_load(struct method *method)
{
    (void)method;
    return OK;
}
