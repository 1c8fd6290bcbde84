// What a candidate is worth, learnt from those that were evaluated. One table per kind of model.
// Inputs are numbers of order one that describe a candidate, such as ln(width / full width); then
// categorical ones, which are equal or not; with several tasks the number of the task that it was
// evaluated in; then linear ones. Runs on one thread, and the same calls give the same bytes.
//
// Tasks have rewards of scales of their own, and tell as much of each other as turns out. Where the
// rewards have a heavy tail, a ranked model learns their normal scores: of the k-th of n rewards of
// a task, the (k - 1/2)/n-quantile of N(0, 1). What a model says is then in such scores.
#pragma once
#include "core/rng.h"
#include "learner/model/reward_model_list.h"
#include "learner/state_list.h"

struct reward_model; // each kind's own struct begins with `struct reward_model base`

struct reward_model_options {
    int n_inputs;           // numbers that describe a candidate
    int own_inputs;         // the first so many have a function of their own that is added; 0: none
    int linear_inputs;      // the last so many only matter in proportion, all about alike; 0: none,
                            // and none with several tasks
    int categorical_inputs; // between the others; 0: none
    int n_tasks;            // above 1: one input is the number of the task
    bool ranked;
    int capacity;       // most data points ever added
    int most_points;    // of the exact process; above it the data are thinned
    int most_joint;     // candidates pending, or drawn together, at most
    double noise_floor; // least standard deviation of the noise, in units of the rewards
    uint64_t seed;
};
struct reward_model_facts {
    int points;            // that the model holds, after thinning
    double noise;          // standard deviation, in units of what the model says (of task 0)
    double amplitude;      // standard deviation of the joint part, likewise
    const double *lengths; // of the joint part's inputs, length scales, in units of the inputs;
                           // borrowed
    double sum_weight;     // variance of the sum of own functions over the joint part's; 0: no sum
    double sum_length;     // length scale of all own functions, in units of the inputs
    double linear_weight;  // variance of the linear part's, likewise, where all its inputs are 1
    double linear_spread;  // variance of its weights by themselves over that of their mean
    const double *categorical_lengths; // of the categorical inputs; borrowed
    const double *common; // [n_tasks] what a task has in common with others, in (0, 1); borrowed
};
struct reward_model_ops {
    const char *name;
    enum status (*open)(const struct reward_model_options *options, struct reward_model **out);
    void (*close)(struct reward_model *model);
    void (*add)(struct reward_model *model, const double *x, double y);
    int (*count)(const struct reward_model *model);
    void (*fit)(struct reward_model *model);
    void (*pending)(struct reward_model *model, const double *x, int n_pending);
    void (*predict)(struct reward_model *model, const double *x, int n, double *mean, double *sd);
    void (*rewards)(struct reward_model *model, const double *x, int n, double *values);
    void (*draw)(struct reward_model *model, const double *x, int n, struct rng *rng, double *draw);
    void (*describe)(const struct reward_model *model, struct reward_model_facts *out);
    void (*state)(struct reward_model *model, const char *prefix, struct state_list *list);
    enum status (*restore)(struct reward_model *model);
};
struct reward_model {
    const struct reward_model_ops *ops;
    struct reward_model_options options;
};
#define X(id, name) extern const struct reward_model_ops reward_model_##name;
REWARD_MODEL_LIST(X)
#undef X
extern const struct reward_model_ops *const reward_models[]; // by kind, NULL-ended

// Of any kind but NONE. Makes linear algebra run on one thread (compute/blas.h), on which
// the bytes of its sums would depend. All memory is allocated here.
enum status reward_model_open(enum reward_model_kind kind,
                              const struct reward_model_options *options,
                              struct reward_model **out);
void reward_model_close(struct reward_model *model); // NULL is fine

// One evaluated candidate x [n_inputs] and its reward; finite. Counts from the next fit on.
void reward_model_add(struct reward_model *model, const double *x, double y);
int reward_model_count(const struct reward_model *model); // added so far
// Takes what was added into the model. What is pending stays so.
void reward_model_fit(struct reward_model *model);
// Candidates under way, x [n_pending][n_inputs], in place of those of the last call: taken as if
// they had come out at their mean (the kriging believer of Ginsbourger et al. 2010), so that they
// lower the deviation around them and leave every mean as it is. Not before the first fit.
void reward_model_pending(struct reward_model *model, const double *x, int n_pending);

// Mean and standard deviation of the latent function at candidates x [n][n_inputs], in units of the
// rewards, or as scores: mean [n], sd [n] or NULL. Not before the first fit of at least one point;
// nor is draw.
void reward_model_predict(struct reward_model *model, const double *x, int n, double *mean,
                          double *sd);
// Values [n] that the model says of candidates x as rewards: of a ranked model, straight lines
// between the rewards that have such scores. In order as the values are, in each task.
void reward_model_rewards(struct reward_model *model, const double *x, int n, double *values);
// One joint draw of the latent function at x [n][n_inputs] (Thompson): draw [n]; n <= most_joint.
void reward_model_draw(struct reward_model *model, const double *x, int n, struct rng *rng,
                       double *draw);
void reward_model_describe(const struct reward_model *model, struct reward_model_facts *out);

// Checkpoints: names the arrays that make up its state, "PREFIX.x" and so on (the same on every
// call, and always up to date). restore takes over what was read into them, after which the model
// gives the very bytes of the one that was saved. ERR_INPUT for a state that is none.
void reward_model_state(struct reward_model *model, const char *prefix, struct state_list *list);
enum status reward_model_restore(struct reward_model *model);
