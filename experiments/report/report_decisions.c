// What the search decided, by name, with what stood there before: channel groups of a network that
// was cut, or the decisions of a space of architectures. And what the uncut networks cost.
#include "core/file.h"
#include "experiments/report/report_run.h"
#include "nn/network.h"
#include "search_space/cost.h"
#include "search_space/groups.h"
#include "search_space/supernet.h"

#include <string.h>

struct deciding {
    struct arena *arena;
    struct report_run *run;
    struct report_task *task;
};

// ---- of pruning: the groups, in order; those that the space leaves whole are no steps

static enum status list_groups(struct deciding *d, const struct groups *groups)
{
    struct report_task *task = d->task;
    const bool inner = d->run->config.space.groups == GROUPS_INNER;
    const bool fits = task->found && task->result.n_widths == groups->n;
    int step = 0;
    ARENA_NEW(d->arena, task->decisions, (size_t)groups->n);
    for (int g = 0; g < groups->n; g++) {
        const struct channel_group *group = &groups->groups[g];
        if (inner && !group->inner) {
            continue;
        }
        struct report_decision *decision = &task->decisions[task->n_decisions++];
        decision->name = arena_copy_text(d->arena, group->name);
        TRY(decision->name != NULL ? OK : ERR_MEMORY);
        decision->before = group->channels;
        decision->after = fits ? task->result.widths[g] : group->channels;
        if (step < task->n_steps) {
            task->steps[step].name = decision->name;
        }
        step++;
    }
    task->n_decisions = fits ? task->n_decisions : 0;
    return OK;
}

static enum status read_groups(struct deciding *d, const char *path)
{
    struct network network;
    struct groups groups = {0};
    TRY(network_load(path, NULL, &network));
    enum status code = groups_find(&network.graph, &groups);
    if (code == OK) {
        const struct network_cost cost = cost_of_graph(&network.graph);
        d->task->whole[CANDIDATE_MACS] = cost.macs;
        d->task->whole[CANDIDATE_PARAMS] = cost.params;
        d->task->whole[CANDIDATE_BYTES] = (int64_t)network_bytes(&network);
        code = list_groups(d, &groups);
    }
    groups_close(&groups);
    network_close(&network);
    return code;
}

// ---- of spaces of architectures

static enum status word_of(struct deciding *d, const struct nas_decision *from, int choice,
                           const char **word, double *number)
{
    *number = from->labels != NULL ? choice : from->values[choice];
    if (from->labels != NULL) {
        *word = arena_copy_text(d->arena, from->labels[choice]);
        TRY(*word != NULL ? OK : ERR_MEMORY);
    }
    return OK;
}

// The canonical choice, or the first of every decision where none was found.
static enum status take_choice(const struct deciding *d, const struct nas_space *space,
                               int16_t *choice)
{
    for (int i = 0; i < space->n_decisions; i++) {
        const int taken = d->task->n_decisions > 0 ? d->task->result.widths[i] : 0;
        if (taken < 0 || taken >= space->decisions[i].n_choices) {
            FAIL(ERR_INPUT, "%s/results/%s.json: choice %d of decision %s, which has %d choices",
                 d->run->folder, d->task->name, taken, space->decisions[i].name,
                 space->decisions[i].n_choices);
        }
        choice[i] = (int16_t)taken;
    }
    return OK;
}

static enum status list_choices(struct deciding *d, const struct nas_space *space)
{
    struct report_task *task = d->task;
    const bool fits = task->found && task->result.n_widths >= space->n_decisions;
    int16_t choice[NAS_MOST_DECISIONS];
    ARENA_NEW(d->arena, task->decisions, (size_t)space->n_decisions);
    task->n_decisions = fits ? space->n_decisions : 0;
    TRY(take_choice(d, space, choice));
    for (int i = 0; i < space->n_decisions; i++) {
        const struct nas_decision *from = &space->decisions[i];
        struct report_decision *to = &task->decisions[i];
        to->name = arena_copy_text(d->arena, from->name);
        TRY(to->name != NULL ? OK : ERR_MEMORY);
        TRY(word_of(d, from, from->n_choices - 1, &to->before_word, &to->before));
        TRY(word_of(d, from, choice[i], &to->after_word, &to->after));
        if (fits && !nas_space_decides(space, choice, i)) {
            to->after = 0;
            to->after_word = "no part in it";
        }
        if (i < task->n_steps) {
            task->steps[i].name = to->name;
        }
    }
    return OK;
}

static enum status read_choices(struct deciding *d, const char *path)
{
    struct supernet supernet;
    TRY(supernet_load_layout(path, &supernet));
    const enum status code = list_choices(d, &supernet.space);
    supernet_close(&supernet);
    return code;
}

enum status report_decisions_read(struct arena *arena, struct report_run *run)
{
    if (!run_config_designs(&run->config)) {
        return OK;
    }
    for (int i = 0; i < run->n_tasks; i++) {
        struct deciding d = {.arena = arena, .run = run, .task = &run->tasks[i]};
        const char *network = run_config_network(&run->config, run->tasks[i].network_index)->name;
        const char *path = arena_format(arena, "%s/networks/%s.safetensors", run->folder, network);
        TRY(path != NULL ? OK : ERR_MEMORY);
        if (!file_exists(path)) { // still being trained, or not copied along
            continue;
        }
        TRY(strcmp(run->config.environment, "nas") == 0 ? read_choices(&d, path)
                                                        : read_groups(&d, path));
    }
    return OK;
}
