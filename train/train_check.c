// What can be known of a training before its first epoch.
#include "train/evaluate.h"
#include "train/train_job.h"

enum status train_job_share(const struct train_job *job, const struct graph *graph,
                            struct train_share *out)
{
    const struct collective *c = job->collective;
    return train_share(job->backend, graph, job->recipe->batch, c->rank, c->ranks, out);
}

const char *train_job_name(const struct train_job *job)
{
    return job->name != NULL ? job->name : "train";
}

int train_job_rows(const struct train_job *job, const struct dataset_split *split)
{
    return job->recipe->all_rows ? job->dataset->n : split->n_train;
}

static enum status check_teacher(const struct train_job *job)
{
    if (job->recipe->distill == 0) {
        return OK;
    }
    if (job->teacher == NULL) {
        FAIL(ERR_CONFIG,
             "%s.distill = %g needs a network to learn from (the teacher); name one, or set it "
             "to 0",
             train_job_name(job), job->recipe->distill);
    }
    const enum status code = evaluate_check_fit(job->teacher, job->dataset);
    return code == OK ? OK : status_context(code, "the teacher");
}

enum status train_check(const struct train_job *job, const struct network *network)
{
    const struct train_recipe *recipe = job->recipe;
    struct arena arena = {0};
    struct dataset_split split;
    TRY(evaluate_check_fit(network, job->dataset));
    TRY(check_teacher(job));
    enum status code =
        dataset_split(job->dataset, recipe->validation_share, recipe->seed, &arena, &split);
    if (code == OK) {
        code = train_check_recipe(recipe, train_job_name(job), train_job_rows(job, &split));
    }
    if (code == OK && job->backend != NULL) {
        struct train_share share;
        code = train_job_share(job, &network->graph, &share);
    }
    arena_close(&arena);
    return code;
}
