// The rows of a config's "learner" object. The defaults are those that found the best networks
// with the fewest evaluations: small batches, each used several times, and imitation of the best.
#include "learner/learner_options.h"

static const char *const modes[] = {[MODE_ASYNC] = "async", [MODE_SYNC] = "sync", NULL};
static const char *const optimizers[] = {
    [LEARNER_RMSPROP] = "rmsprop", [LEARNER_ADAM] = "adam", NULL};
#define X(id, name) #name,
static const char *const rule_names[] = {RULE_LIST(X) NULL};
static const char *const models[] = {REWARD_MODEL_LIST(X)[REWARD_MODEL_NONE] = "none", NULL};
#undef X

#define AT(field) .offset = offsetof(struct learner_options, field)
const struct option learner_option_table[] = {
    {"mode",
     "async: whoever is free acts with the newest weights; sync: every episode's weights are "
     "fixed, "
     "so that any number of actors gives the same bytes",
     OPTION_CHOICE, AT(mode), .fallback_text = "async", .choices = modes},
    {"lag", "mode sync: updates between the weights that act and those that learn", OPTION_INT,
     AT(lag), .fallback = 1, .least = 0, .most = 1000},
    {"batch", "fresh episodes per update", OPTION_INT, AT(batch), .fallback = 4, .least = 1,
     .most = 65536},
    {"unroll", "rows of a lane that whole episodes are packed into; 0 = the longest episode",
     OPTION_INT, AT(unroll), .fallback = 0, .least = 0, .most = 1000000},
    {"rule", "how episodes become gradients: V-trace, or returns with importance weights",
     OPTION_CHOICE, AT(rule), .fallback_text = "vtrace", .choices = rule_names},
    {"discount", "of later rewards, per step; 1 where only the end of an episode counts",
     OPTION_DOUBLE, AT(discount), .fallback = 1, .least = 0, .most = 1},
    {"rho_max", "limit of the ratio before a temporal difference: which policy's values are learnt",
     OPTION_DOUBLE, AT(rho_max), .fallback = 1, .least = 1e-6, .most = 1e9},
    {"rho_policy_max", "limit of the ratio before an advantage", OPTION_DOUBLE, AT(rho_policy_max),
     .fallback = 1, .least = 1e-6, .most = 1e9},
    {"c_max", "limit of the ratio that carries later differences back; at most rho_max is sound",
     OPTION_DOUBLE, AT(c_max), .fallback = 1, .least = 1e-6, .most = 1e9},
    {"lambda", "share of later differences: 1 = whole returns, 0 = one step", OPTION_DOUBLE,
     AT(lambda), .fallback = 1, .least = 0, .most = 1},
    {"correct", "correct for the age of the acting weights; false shows what that is worth",
     OPTION_BOOL, AT(correct), .fallback = 1},
    {"entropy", "bonus on the policy's entropy, in nats", OPTION_DOUBLE, AT(entropy),
     .fallback = 0.005, .least = 0, .most = 1000},
    {"value_cost", "weight of the value loss", OPTION_DOUBLE, AT(value_cost), .fallback = 0.5,
     .least = 0, .most = 1000},
    {"popart", "normalise returns per task, so that the scale of its rewards does not matter",
     OPTION_BOOL, AT(popart), .fallback = 1},
    {"popart_rate", "how fast its running mean and square move, per episode", OPTION_DOUBLE,
     AT(popart_rate), .fallback = 0.05, .least = 1e-6, .most = 1},
    {"optimizer", "how gradients become updates", OPTION_CHOICE, AT(optimizer),
     .fallback_text = "adam", .choices = optimizers},
    {"learning_rate", "at the start; losses are means over rows", OPTION_DOUBLE, AT(learning_rate),
     .fallback = 5e-3, .least = 1e-12, .most = 1e6},
    {"final_learning_rate", "at the end of the run, reached in a straight line; -1 = the same",
     OPTION_DOUBLE, AT(final_learning_rate), .fallback = -1, .least = -1, .most = 1e6},
    {"momentum", "of rmsprop", OPTION_DOUBLE, AT(momentum), .fallback = 0, .least = 0,
     .most = 0.9999},
    {"alpha", "rmsprop: how slowly the mean square moves", OPTION_DOUBLE, AT(alpha),
     .fallback = 0.99, .least = 0, .most = 0.999999},
    {"epsilon", "rmsprop and adam: added to the root mean square", OPTION_DOUBLE, AT(epsilon),
     .fallback = 1e-5, .least = 1e-12, .most = 1},
    {"beta1", "adam: how slowly the mean moves", OPTION_DOUBLE, AT(beta1), .fallback = 0.9,
     .least = 0, .most = 0.999999},
    {"beta2", "adam: how slowly the mean square moves", OPTION_DOUBLE, AT(beta2), .fallback = 0.999,
     .least = 0, .most = 0.999999},
    {"clip", "largest norm of the whole gradient; 0 = no limit", OPTION_DOUBLE, AT(clip),
     .fallback = 1, .least = 0, .most = 1e9},
    {"reuse", "times each batch is used", OPTION_INT, AT(reuse), .fallback = 4, .least = 1,
     .most = 1000},
    {"ratio_clip",
     "with reuse: a choice's probability is pushed no further than this share away from where the "
     "batch found it; 0 = no limit",
     OPTION_DOUBLE, AT(ratio_clip), .fallback = 0.2, .least = 0, .most = 1000},
    {"imitation", "weight of imitating the best candidates so far; 0 = none", OPTION_DOUBLE,
     AT(imitation), .fallback = 0.3, .least = 0, .most = 1000},
    {"imitation_best",
     "candidates kept per task to imitate; so many in all, drawn from all tasks, join each batch",
     OPTION_INT, AT(imitation_best), .fallback = 6, .least = 1, .most = 4096},
    {"model",
     "what chooses evaluations where candidates are known beforehand: a Gaussian process per "
     "network, shared by its budgets, and expected improvement; or nothing but the policy",
     OPTION_CHOICE, AT(model), .fallback_text = "gp", .choices = models},
    {"on_policy",
     "with a model: the share of evaluations that is the policy's own sample, learnt from with its "
     "real lag; its errors of prediction judge the model",
     OPTION_DOUBLE, AT(on_policy), .fallback = 0.1, .least = 0, .most = 1},
    {"on_policy_from",
     "such samples begin when so many results of a network are known: before that the policy has "
     "little to show, and an evaluation is worth most",
     OPTION_INT, AT(on_policy_from), .fallback = 40, .least = 0, .most = 1000000},
    {"imagined",
     "with a model: episodes per task in a batch that the policy plays without scoring and the "
     "model rewards",
     OPTION_INT, AT(imagined), .fallback = 8, .least = 0, .most = 4096},
    {"imagined_batches", "with a model: such batches in each update", OPTION_INT,
     AT(imagined_batches), .fallback = 2, .least = 1, .most = 1000},
    {"taught_batches",
     "with a model: batches at the start in which the policy imitates the environment's own "
     "one-shot ranking",
     OPTION_INT, AT(taught_batches), .fallback = 100, .least = 0, .most = 1000000},
    {"distilled_batches",
     "with a model: such batches at the end, so that the policy knows what the model knows",
     OPTION_INT, AT(distilled_batches), .fallback = 150, .least = 0, .most = 1000000},
    {"mutation",
     "without a model: where the policy repeats itself, the share of its repeats that try a "
     "neighbour of one of "
     "those best candidates instead; only imitation learns from them. None where nothing is "
     "imitated, for environments without candidates, and with the squashed distribution",
     OPTION_DOUBLE, AT(mutation), .fallback = 1, .least = 0, .most = 1},
    {"replay", "old episodes kept to learn from again; 0 = none", OPTION_INT, AT(replay),
     .fallback = 0, .least = 0, .most = 1000000},
    {"replay_share", "of a batch that is replayed, beside its fresh episodes", OPTION_DOUBLE,
     AT(replay_share), .fallback = 0, .least = 0, .most = 0.95},
    {"checkpoint_seconds", "between checkpoints", OPTION_DOUBLE, AT(checkpoint_seconds),
     .fallback = 60, .least = 0, .most = 1e6, .shapes = SHAPES_NOTHING},
    {"injected_lag", "mode sync: further updates of lag, to see what age of data does", OPTION_INT,
     AT(injected_lag), .fallback = 0, .least = 0, .most = 100000},
    {.key = NULL},
};
#undef AT
