// Rows "agent.*".
#include "agent/agent.h"
#include "agent/distribution.h"

static const char *const cores[] = {[CORE_NONE] = "none", [CORE_LSTM] = "lstm", NULL};

#define AT(field) .offset = offsetof(struct agent_options, field)
const struct option agent_option_table[] = {
    {"dense", "widths of the dense layers; empty = 64, 64", OPTION_INT_LIST, AT(dense), .least = 1,
     .most = 4096},
    {"core", "what follows them: lstm remembers, none does not", OPTION_CHOICE, AT(core),
     .choices = cores},
    {"hidden", "units of the LSTM", OPTION_INT, AT(hidden), .fallback = 64, .least = 1,
     .most = 4096},
    {"last_action", "join in the last action and reward after the dense layers", OPTION_BOOL,
     AT(last_action), .fallback = 1},
    {"distribution",
     "how outputs become a choice: gaussian mass on each choice's cell, squashed Gaussian, "
     "categorical (one logit per choice), noisy (deterministic, for DDPG), mixed (logits where "
     "choices "
     "have no order, else gaussian)",
     OPTION_CHOICE, AT(distribution), .choices = distribution_names},
    {.key = NULL},
};
