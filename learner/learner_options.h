// Config rows "learner.*" and "search.*".
#pragma once
#include "core/option.h"

struct learner_options {
    const char *mode; // "async": newest weights, whoever is free; "sync": update u uses the weights
                      // after update u - lag - 1, the same bytes for any number of actors
    int lag;          // sync: updates between acting and learning, at least 0
    int batch;        // episodes per update
    int unroll;       // rows per lane; episodes are packed into lanes. 0 = the longest episode
    const char *rule; // update rule, see rule.h
    double discount;
    double rho_max, rho_policy_max, c_max, lambda; // V-trace; each > 0
    bool correct;          // false: ratios taken as 1 (to show what the correction is worth)
    double entropy;        // bonus
    double value_cost;     // weight of the value loss
    bool popart;           // per-task normalisation of returns
    double popart_rate;    // of its running mean and square, per episode's return
    const char *optimizer; // rmsprop adam
    double learning_rate, final_learning_rate; // linear from one to the other over the run
    double momentum, alpha, epsilon, beta1, beta2;
    double clip;           // largest global gradient norm, 0 = none
    int reuse;             // times each batch is used
    double ratio_clip;     // with reuse: the ratio to the weights before the first use stays within
                           // 1 - clip .. 1 + clip; 0 = unclipped
    double imitation;      // weight of self-imitation, 0 = none
    const char *model;     // "gp" | "none": a reward model chooses evaluations
    double on_policy;      // with a model: share of evaluations that are the policy's own sample
    int on_policy_from;    // ... once a network's model has so many results
    int imagined;          // with a model: imagined episodes per task in a batch ...
    int imagined_batches;  // ... of so many batches per update
    int taught_batches;    // with a model: imitating the environment's own ranking, at the start
    int distilled_batches; // and of so many at the end
    double mutation;       // share of a settled policy's episodes that try neighbours of the best
    int imitation_best;    // of the best candidates per task
    int replay;            // episodes kept for replay, 0 = none
    double replay_share;   // of a batch that is replayed, [0, 1): the rest is fresh
    double checkpoint_seconds;
    int injected_lag; // further updates of lag, for experiments (sync)
};
extern const struct option learner_option_table[];

struct search_options {
    const char *method;     // impala random uniform evolution amc frozen oneshot sensitivity local
    int evaluations;        // distinct candidates scored per task
    int episodes;           // most episodes per task, repeats of known candidates too; 0 = 8 x
                            // evaluations
    const char *start;      // "both" | "uniform" | "ranked" | "none", see start.h
    const char *schedule;   // "equal" | "time": episodes, or seconds in the environment, per task
    bool share;             // bayes: one model for all tasks of a network
    int population, sample; // evolution; population 0 = by itself
    int warmup;             // amc: random episodes before learning
    int best;               // candidates per task kept for re-scoring
};
extern const struct option search_option_table[];
