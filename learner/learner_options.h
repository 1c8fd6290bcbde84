// Config rows "learner.*" and "search.*".
#pragma once
#include "core/option.h"
#include "learner/methods/method_list.h"
#include "learner/model/reward_model_list.h"
#include "learner/rules/rule_list.h"

enum learner_mode {
    MODE_ASYNC, // newest weights, whoever is free
    MODE_SYNC   // update u uses the weights after update u - lag - 1, the same bytes for any number
                // of actors
};
enum learner_optimizer { LEARNER_RMSPROP, LEARNER_ADAM };
struct learner_options {
    enum learner_mode mode;
    int lag;             // MODE_SYNC: updates between acting and learning, at least 0
    int batch;           // episodes per update
    int unroll;          // rows per lane; episodes are packed into lanes. 0 = the longest episode
    enum rule_kind rule; // how episodes become gradients, see rule.h
    enum learner_optimizer optimizer;
    double discount;
    double rho_max, rho_policy_max, c_max, lambda; // V-trace; each > 0
    bool correct;       // false: ratios taken as 1 (to show what the correction is worth)
    bool popart;        // per-task normalisation of returns
    double entropy;     // bonus
    double value_cost;  // weight of the value loss
    double popart_rate; // of popart's running mean and square, per episode's return
    double learning_rate, final_learning_rate; // linear from one to the other over the run
    double momentum, alpha, epsilon, beta1, beta2;
    double clip;       // largest global gradient norm, 0 = none
    int reuse;         // times each batch is used
    double ratio_clip; // with reuse: the ratio to the weights before the first use stays within
                       // 1 - clip .. 1 + clip; 0 = unclipped
    double imitation;  // weight of self-imitation, 0 = none
    enum reward_model_kind model; // chooses evaluations
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

enum search_start { START_BOTH, START_UNIFORM, START_RANKED, START_NONE }; // see start.h
// What is shared out evenly over the tasks: episodes, or seconds in the environment.
enum search_schedule { SCHEDULE_EQUAL, SCHEDULE_TIME };
struct search_options {
    enum method_kind method;
    int evaluations; // distinct candidates scored per task
    int episodes;    // most episodes per task, repeats of known candidates too; 0 = 8 x
                     // evaluations
    enum search_start start;
    enum search_schedule schedule;
    bool share;             // bayes: one model for all tasks of a network
    int population, sample; // evolution; 0 = by itself
    int warmup;             // amc: random episodes before learning
    int best;               // candidates per task kept for re-scoring
};
extern const struct option search_option_table[];
