// Rows of a sweep's own options.
#include "experiments/sweep_options.h"

const char *const sweep_figure_names[] = {
#define X(id, name) [FIGURE_##id] = #name,
    SWEEP_FIGURES(X)
#undef X
        [FIGURE_COUNT] = "auto",
    NULL};
const char *const sweep_kind_names[] = {
    [SWEEP_GRID] = "grid", [SWEEP_RANDOM] = "random", [SWEEP_HALVING] = "halving", NULL};
const char *const sweep_command_names[] = {[SWEEP_RUN] = "run", [SWEEP_SEARCH] = "search", NULL};

// clang-format off
#define AT(field) .offset = offsetof(struct sweep_options, field)
#define CONFIG_ROWS                                                                                \
    {"kind", "grid: all combinations; random: some of them, drawn; halving: all are begun, and the "   \
     "worse half stops at each of `rungs`", OPTION_CHOICE, AT(kind), .fallback_text = "grid",      \
     .choices = sweep_kind_names},                                                                 \
    {"draws", "settings that are drawn (kinds random and halving; 0: halving takes all "           \
     "combinations); each runs with every seed", OPTION_INT, AT(draws), .fallback = 0, .least = 0, \
     .most = 10000},                                                                              \
    {"draw_seed", "of what is drawn, and of the bootstrap", OPTION_SEED, AT(draw_seed),            \
     .fallback = 0},                                                                               \
    {"rungs", "of halving: search.evaluations at which the worse half stops, and at last those of " \
     "the end, as in 10,20,40", OPTION_INT_LIST, AT(rungs), .least = 1, .most = 1e9},              \
    {"command", "what each run does: run (everything) or search", OPTION_CHOICE, AT(command),      \
     .fallback_text = "run", .choices = sweep_command_names},                                      \
    {"figure", "what runs are compared by, mean of their tasks; auto: the last stage's accuracy "  \
     "that all have, else the score", OPTION_CHOICE, AT(figure), .fallback_text = "auto",          \
     .choices = sweep_figure_names},                                                               \
    {"parallel", "runs at once; 0: as many as there are GPUs, else cores", OPTION_INT,             \
     AT(parallel), .fallback = 0, .least = 0, .most = 4096},                                       \
    {"cores", "of each run; 0: an equal share of those there are (Slurm: 1)", OPTION_INT,          \
     AT(cores), .fallback = 0, .least = 0, .most = 4096},                                          \
    {"bootstrap", "resamples behind each interval", OPTION_INT, AT(bootstrap), .fallback = 2000,   \
     .least = 100, .most = 1e6},                                                                   \
    {"slurm_options", "words for #SBATCH lines, as in --time=4:00:00 --gres=gpu:1", OPTION_STRING, \
     AT(slurm_options)}

const struct option sweep_config_table[] = {CONFIG_ROWS, {.key = NULL}};
const struct option sweep_command_table[] = {
    CONFIG_ROWS,
    {"sweep_dir", "folder of the sweep; empty = runs/<name>", OPTION_STRING, AT(sweep_dir)},
    {"slurm", "write a batch script of one job array, show it, and submit it", OPTION_BOOL,
     AT(slurm), .fallback = 0},
    {"dry_run", "only show what would run, and with --slurm the script", OPTION_BOOL, AT(dry_run),
     .fallback = 0},
    {"member", "of a job array: do only its runs, then gather the results", OPTION_INT, AT(member),
     .fallback = -1, .least = -1, .most = 1e6},
    {"json", "print one JSON object at the end", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
// clang-format on

enum status sweep_options_check(const struct sweep_options *options)
{
    const struct int_list *rungs = options->rungs;
    if (options->kind == SWEEP_HALVING && rungs->n < 2) {
        FAIL(ERR_CONFIG,
             "sweep.rungs: kind halving needs at least two numbers of evaluations, as in 10,20,40, "
             "got %d",
             rungs->n);
    }
    if (options->kind != SWEEP_HALVING && rungs->n > 0) {
        FAIL(ERR_CONFIG, "sweep.rungs is for kind halving, but the kind is %s",
             sweep_kind_names[options->kind]);
    }
    for (int i = 1; i < rungs->n; i++) {
        if (rungs->values[i] <= rungs->values[i - 1]) {
            FAIL(ERR_CONFIG, "sweep.rungs: expected ascending numbers, got %d after %d",
                 rungs->values[i], rungs->values[i - 1]);
        }
    }
    if (options->kind == SWEEP_RANDOM && options->draws == 0) {
        FAIL(ERR_CONFIG, "sweep.draws: kind random needs a number of settings to draw, got 0");
    }
    if (options->kind == SWEEP_GRID && options->draws > 0) {
        FAIL(ERR_CONFIG, "sweep.draws is for kinds random and halving, but the kind is grid");
    }
    if (options->slurm && options->kind == SWEEP_HALVING) {
        FAIL(ERR_CONFIG,
             "a halving compares its runs while they wait for each other, which the jobs of an "
             "array cannot: start it without --slurm inside one job, or take kind random");
    }
    return OK;
}
