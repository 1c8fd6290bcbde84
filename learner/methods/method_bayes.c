// Bayesian optimisation without a policy: every evaluation is the candidate of which a Gaussian
// process expects the most improvement (Mockus et al. 1978), a process per task or one for all
// tasks of a network.
#include "learner/methods/method_simple.h"
#include "learner/model/advisor.h"

#include <stdlib.h>

enum { REFINEMENTS = 2 };

struct bayes {
    struct method base;
    struct advisor *advisor; // owned
};

static void bayes_close(struct method *method)
{
    struct bayes *bayes = (struct bayes *)method;
    if (bayes != NULL) {
        advisor_close(bayes->advisor);
        free(bayes);
    }
}

static enum status bayes_open(const struct method_job *job, struct method **out)
{
    if (job->space == NULL) {
        FAIL(ERR_CONFIG, "search.method \"bayes\" needs an environment whose candidates are known "
                         "beforehand, such as prune; choose impala for this one");
    }
    struct bayes *bayes = calloc(1, sizeof *bayes);
    if (bayes == NULL) {
        FAIL(ERR_MEMORY, "no memory for Bayesian optimisation");
    }
    bayes->base.ops = &method_bayes;
    const struct advisor_options options = {.space = job->space,
                                            .kind = REWARD_MODEL_GP,
                                            .share = job->search->share,
                                            .refinements = REFINEMENTS,
                                            .evaluations = job->search->evaluations,
                                            .under_way = job->under_way,
                                            .keep_under_way = job->learner->mode == MODE_SYNC,
                                            .seed = job->seed};
    const enum status status = advisor_open(&options, &bayes->advisor);
    if (status != OK) {
        bayes_close(&bayes->base);
        return status;
    }
    *out = &bayes->base;
    return OK;
}

static void bayes_propose(struct method *method, struct ticket *ticket)
{
    const struct bayes *bayes = (struct bayes *)method;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given =
        advisor_propose(bayes->advisor, ticket->task, ticket->episode, NULL, ticket->given);
}

static enum status bayes_take(struct method *method, const struct trajectory *trajectory,
                              bool fresh)
{
    (void)fresh;
    advisor_take(((struct bayes *)method)->advisor, trajectory);
    return OK;
}

static void bayes_lost(struct method *method, const struct ticket *ticket)
{
    advisor_lost(((struct bayes *)method)->advisor, ticket->task, ticket->episode);
}

static enum status bayes_update(struct method *method, struct update_row *row)
{
    (void)row;
    advisor_fit(((struct bayes *)method)->advisor);
    return OK;
}

static double bayes_worth(const struct method *method, int task, const int16_t *choices,
                          double reward)
{
    return advisor_worth(((const struct bayes *)method)->advisor, task, choices, reward);
}

static double bayes_seconds(const struct method *method)
{
    return advisor_seconds(((const struct bayes *)method)->advisor);
}

static enum status bayes_state(struct method *method, struct state_list *list)
{
    advisor_state(((struct bayes *)method)->advisor, list);
    return OK;
}

static enum status bayes_load(struct method *method)
{
    const struct bayes *bayes = (struct bayes *)method;
    return advisor_restore(bayes->advisor);
}

const struct method_ops method_bayes = {.name = "bayes",
                                        .open = bayes_open,
                                        .propose = bayes_propose,
                                        .take = bayes_take,
                                        .lost = bayes_lost,
                                        .update = bayes_update,
                                        .weights = method_no_weights,
                                        .state = bayes_state,
                                        .save = method_no_save,
                                        .load = bayes_load,
                                        .close = bayes_close,
                                        .model_seconds = bayes_seconds,
                                        .worth = bayes_worth};
