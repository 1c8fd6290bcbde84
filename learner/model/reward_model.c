// The list of all reward models, and the checks that they share.
#include "learner/model/reward_model.h"

#include "compute/blas.h"

#include <math.h>

const struct reward_model_ops *const reward_models[] = {
#define X(id, name) &reward_model_##name,
    REWARD_MODEL_LIST(X)
#undef X
        NULL};

enum status reward_model_open(enum reward_model_kind kind,
                              const struct reward_model_options *options, struct reward_model **out)
{
    const struct reward_model_ops *ops = reward_models[kind];
    CHECK(ops != NULL);
    CHECK(options->n_inputs > options->linear_inputs && options->capacity >= 1 &&
          options->most_points >= 1 && options->most_joint >= 1 && options->noise_floor >= 0.0);
    CHECK(options->n_tasks <= 1 || options->linear_inputs == 0);
    blas_set_threads(1);
    struct reward_model *model = NULL;
    TRY(ops->open(options, &model));
    model->ops = ops;
    model->options = *options;
    *out = model;
    return OK;
}

void reward_model_close(struct reward_model *model)
{
    if (model != NULL) {
        model->ops->close(model);
    }
}

static void check_finite(const struct reward_model *model, const double *x, int n)
{
    const size_t count = (size_t)n * (size_t)model->options.n_inputs;
    for (size_t i = 0; i < count; i++) {
        CHECK(isfinite(x[i]));
    }
}

void reward_model_add(struct reward_model *model, const double *x, double y)
{
    CHECK(reward_model_count(model) < model->options.capacity && isfinite(y));
    check_finite(model, x, 1);
    model->ops->add(model, x, y);
}

int reward_model_count(const struct reward_model *model)
{
    return model->ops->count(model);
}

void reward_model_fit(struct reward_model *model)
{
    model->ops->fit(model);
}

void reward_model_pending(struct reward_model *model, const double *x, int n_pending)
{
    CHECK(n_pending >= 0 && n_pending <= model->options.most_joint);
    check_finite(model, x, n_pending);
    model->ops->pending(model, x, n_pending);
}

void reward_model_predict(struct reward_model *model, const double *x, int n, double *mean,
                          double *sd)
{
    CHECK(n >= 0);
    check_finite(model, x, n);
    model->ops->predict(model, x, n, mean, sd);
}

void reward_model_rewards(struct reward_model *model, const double *x, int n, double *values)
{
    CHECK(n >= 0);
    model->ops->rewards(model, x, n, values);
}

void reward_model_draw(struct reward_model *model, const double *x, int n, struct rng *rng,
                       double *draw)
{
    CHECK(n >= 0 && n <= model->options.most_joint);
    check_finite(model, x, n);
    model->ops->draw(model, x, n, rng, draw);
}

void reward_model_describe(const struct reward_model *model, struct reward_model_facts *out)
{
    model->ops->describe(model, out);
}

void reward_model_state(struct reward_model *model, const char *prefix, struct state_list *list)
{
    model->ops->state(model, prefix, list);
}

enum status reward_model_restore(struct reward_model *model)
{
    return model->ops->restore(model);
}
