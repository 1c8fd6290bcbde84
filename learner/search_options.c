// The rows of a config's "search" object.
#include "learner/learner_options.h"

static const char *const method_names[] = {
#define X(id, name) #name,
    METHOD_LIST(X)
#undef X
        NULL};
static const char *const starts[] = {[START_BOTH] = "both",
                                     [START_UNIFORM] = "uniform",
                                     [START_RANKED] = "ranked",
                                     [START_NONE] = "none",
                                     NULL};
static const char *const schedules[] = {[SCHEDULE_EQUAL] = "equal", [SCHEDULE_TIME] = "time", NULL};

#define AT(field) .offset = offsetof(struct search_options, field)
const struct option search_option_table[] = {
    {"method",
     "who proposes candidates and learns from their scores; frozen: a trained policy, see --policy",
     OPTION_CHOICE, AT(method), .fallback_text = "impala", .choices = method_names},
    {"evaluations", "distinct candidates scored per task", OPTION_INT, AT(evaluations),
     .fallback = 300, .least = 1, .most = 10000000, .shapes = SHAPES_MORE},
    {"episodes",
     "most episodes per task, those that end at a known candidate too; 0 = 8 times the evaluations",
     OPTION_INT, AT(episodes), .fallback = 0, .least = 0, .most = 100000000, .shapes = SHAPES_MORE},
    {"start",
     "first candidates of every method, counted as evaluations: the same share of everything, "
     "one-shot rankings of all channels, both in turn, or none",
     OPTION_CHOICE, AT(start), .fallback_text = "both", .choices = starts},
    {"schedule", "what is shared out evenly over the tasks: episodes, or environment seconds",
     OPTION_CHOICE, AT(schedule), .fallback_text = "equal", .choices = schedules},
    {"share", "bayes: one reward model for all tasks of a network, not one for each", OPTION_BOOL,
     AT(share), .fallback = 0},
    {"population",
     "evolution, nsga2: members per task, at most a third of the evaluations; 0 = 24 for nsga2; "
     "for "
     "evolution 8, 25 with categorical steps, or 60 where candidates are not known without trying",
     OPTION_INT, AT(population), .fallback = 0, .least = 0, .most = 100000},
    {"sample", "evolution: members that compete to be a parent; 0 = 6, or 5 with categorical steps",
     OPTION_INT, AT(sample), .fallback = 0, .least = 0, .most = 100000},
    {"warmup", "amc: random episodes before learning, at most a quarter of the evaluations",
     OPTION_INT, AT(warmup), .fallback = 100, .least = 0, .most = 1000000},
    {"best", "candidates per task that are kept for re-scoring", OPTION_INT, AT(best),
     .fallback = 5, .least = 1, .most = 1000, .shapes = SHAPES_RESCORE},
    {.key = NULL},
};
#undef AT
