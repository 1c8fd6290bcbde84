// What the stages around a search ask for.
#include "envs/nas/nas_env.h"

#include <string.h>

static enum status check_walks(const struct nas_config *config, int network,
                               const struct nas_space *space)
{
    struct arena arena = {0};
    struct nas_study study;
    enum status code = nas_study_open(space, &arena, &study);
    for (int i = 0; code == OK && i < config->n_tasks; i++) {
        struct nas_walk walk;
        if (config->tasks[i].network == network) {
            code = nas_walk_open(&study, &config->tasks[i], &walk);
        }
    }
    nas_study_close(&study);
    arena_close(&arena);
    return code;
}

static enum status check_tasks(const void *values, int network, const struct network_info *info,
                               const struct graph *graph)
{
    (void)graph; // the largest network says less than the space
    const struct nas_config *config = values;
    const struct nas_network *own = &config->networks[network];
    const struct nas_input input = {info->h, info->w, info->c, info->classes};
    struct nas_space space;
    if (config->scoring.refit == REFIT_ON) {
        FAIL(ERR_CONFIG, "scoring.refit is \"on\", but candidates of environment nas have the "
                         "supernet's weights and are not refitted; leave it at \"auto\"");
    }
    TRY(nas_space_open(own->type, own->options, &input, &space));
    const enum status code = check_walks(config, network, &space);
    nas_space_close(&space);
    return code;
}

static enum status check_images(const void *values, uint64_t seed, const struct dataset *dataset,
                                const struct row_set *train_rows)
{
    const struct nas_config *config = values;
    return scoring_check_images(&config->scoring, seed, dataset, train_rows);
}

static void facts(const struct env *base, int task, struct network_task_facts *out)
{
    const struct nas_env *env = nas_env_self(base);
    const struct nas_walk *walk = nas_env_walk(base, task);
    const struct host_subject *subject = &nas_env_network(env, task)->subject;
    *out = (struct network_task_facts){
        .base_accuracy = subject->base_accuracy,
        .n_steps = walk->study->space->n_decisions,
        .unseen = subject->train_rows.known,
    };
    memcpy(out->full, walk->study->full.of, sizeof out->full);
    memcpy(out->most, walk->own.of, sizeof out->most);
}

static enum status recalibrate(struct nas_env *env, int task, int images, struct network *network)
{
    const struct nas_config *config = env->config;
    const struct host_subject *subject = &nas_env_network(env, task)->subject;
    const struct recalibration how = {
        .backend = env->backend,
        .subject = subject,
        .which = {.scoring = &config->scoring,
                  .options = &config->networks[config->tasks[task].network].scored.data,
                  .dataset = subject->info.dataset,
                  .train_rows = &subject->train_rows,
                  .seed = env->seed},
        .images = images,
        .kept = &env->more[subject->data],
        .arena = &env->arena,
    };
    return scoring_recalibrate(&how, network);
}

static enum status build(struct env *base, int task, const int32_t *choice, int images,
                         struct network *out)
{
    struct nas_env *env = nas_env_self(base);
    const struct nas_host_network *from = nas_env_network(env, task);
    int16_t steps[NAS_MOST_DECISIONS];
    struct network network;
    for (int d = 0; d < from->supernet.space.n_decisions; d++) {
        steps[d] = (int16_t)choice[d];
    }
    TRY(supernet_extract(&from->supernet, steps, &network));
    row_set_close(&network.train_rows); // those of its candidates are more
    enum status code = row_set_copy(&from->subject.train_rows, &network.train_rows);
    if (code == OK) {
        code = recalibrate(env, task, images, &network);
    }
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}

static enum status score(struct env *base, int task, const struct network *network,
                         struct network_score *out)
{
    const struct nas_env *env = nas_env_self(base);
    const struct network_cost cost = cost_of_graph(&network->graph);
    const struct nas_cost costs = {
        .of = {[COST_MACS] = cost.macs, [COST_PARAMS] = cost.params, [COST_BYTES] = cost.bytes}};
    TRY(scoring_score_network(env->backend, env->scoring.reward,
                              &nas_env_network(env, task)->subject, network, out));
    out->reward = objective_reward(&env->walks[task].objective, out->reward, &costs);
    return OK;
}

// Names of decisions with what was taken: a number, what an operation is called, or null where that
// makes no difference (a layer that was left out).
static void write_decision(const struct nas_decision *decision, int choice, bool decides,
                           struct json_writer *out)
{
    if (!decides) {
        json_write_raw(out, decision->name, "null");
    } else if (decision->labels != NULL) {
        json_write_string(out, decision->name, decision->labels[choice]);
    } else {
        json_write_int(out, decision->name, decision->values[choice]);
    }
}

static void write_decisions(const struct nas_space *space, const int32_t *choice, int n,
                            struct json_writer *out)
{
    int16_t taken[NAS_MOST_DECISIONS];
    bool known = n >= space->n_decisions;
    for (int d = 0; d < space->n_decisions && known; d++) {
        known = choice[d] >= 0 && choice[d] < space->decisions[d].n_choices;
        taken[d] = (int16_t)choice[d];
    }
    for (int d = 0; d < space->n_decisions && known; d++) {
        write_decision(&space->decisions[d], taken[d], nas_space_decides(space, taken, d), out);
    }
}

static enum status describe(const void *values, int task, const int32_t *choice, int n,
                            struct json_writer *out)
{
    const struct nas_config *config = values;
    struct supernet supernet;
    TRY(supernet_load_layout(config->networks[config->tasks[task].network].scored.file, &supernet));
    json_write_begin(out, '{', "choice");
    write_decisions(&supernet.space, choice, n, out);
    json_write_end(out, '}');
    supernet_close(&supernet);
    return OK;
}

const struct network_env_ops nas_network_ops = {
    .whole = "largest",
    .check_tasks = check_tasks,
    .check_images = check_images,
    .facts = facts,
    .build = build,
    .score = score,
    .describe = describe,
};
