// Config rows "space.*".
#include "envs/prune/prune.h"

static const char *const by_names[] = {
    [SPACE_BY_ERRORS] = "errors", [SPACE_BY_IMPORTANCE] = "importance", NULL};

#define AT(field) .offset = offsetof(struct space_options, field)
const struct option space_option_table[] = {
    {"round_to", "widths are multiples of this; odd ones save arithmetic but hardly any time",
     OPTION_INT, AT(round_to), .fallback = 8, .least = 1, .most = 1024},
    {"least_share", "no group keeps a smaller share of its channels", OPTION_DOUBLE,
     AT(least_share), .fallback = 0.2, .least = 0, .most = 1},
    {"groups", "inner: only inside blocks, the residual streams stay whole; all: those too",
     OPTION_CHOICE, AT(groups), .fallback_text = "inner", .choices = group_ranges},
    {"by",
     "which channels stay of a network whose candidates are refitted: those that the others cannot "
     "make up for, or the most important ones by the criterion",
     OPTION_CHOICE, AT(by), .fallback_text = "errors", .choices = by_names},
    {"criterion", "which channels of a group stay", OPTION_CHOICE, AT(criterion),
     .fallback_text = "l1", .choices = criterion_names},
    {.key = NULL},
};
#undef AT
