// What the stages after a search ask for.
#include "envs/prune/prune_env.h"
#include "envs/scoring/scoring_score.h"

#include <string.h>

struct prune_walk *prune_env_walk(const struct env *env, int task)
{
    const struct prune_env *prune = prune_env_self(env);
    CHECK(task >= 0 && task < prune->config->n_tasks);
    return &prune->walks[task];
}

const struct prune_config *prune_env_config(const struct env *env)
{
    return prune_env_self(env)->config;
}

static void prune_facts(const struct env *env, int task, struct network_task_facts *out)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    *out = (struct network_task_facts){
        .base_accuracy = walk->study->network->subject.base_accuracy,
        .n_steps = walk->study->n_steps,
        .unseen = walk->study->network->subject.train_rows.known,
    };
    memcpy(out->full, walk->study->full, sizeof out->full);
    memcpy(out->most, walk->own, sizeof out->most);
}

static enum status recalibrate(struct prune_env *env, int task, int images, struct network *network)
{
    const struct prune_config *config = env->config;
    const struct host_subject *subject = &env->walks[task].study->network->subject;
    const struct recalibration how = {
        .backend = env->backend,
        .subject = subject,
        .which = {.scoring = &config->scoring,
                  .options = &config->networks[config->tasks[task].network].data,
                  .dataset = subject->info.dataset,
                  .train_rows = &subject->train_rows,
                  .seed = env->seed},
        .images = images,
        .kept = &env->more[subject->data],
        .arena = &env->arena,
    };
    return scoring_recalibrate(&how, network);
}

static enum status prune_build(struct env *env, int task, const int32_t *widths, int images,
                               struct network *out)
{
    const struct prune_study *study = prune_env_walk(env, task)->study;
    struct network network = {.info = study->network->subject.info};
    TRY(prune_cut(study, widths, &network.graph, &network.params));
    enum status code = row_set_copy(&study->network->subject.train_rows, &network.train_rows);
    if (code == OK) {
        code = network_note_whole(&network, &study->network->graph, study->network->whole);
    }
    if (code == OK) {
        code = recalibrate(prune_env_self(env), task, images, &network);
    }
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}

static enum status prune_score(struct env *env, int task, const struct network *network,
                               struct network_score *out)
{
    const struct prune_env *self = prune_env_self(env);
    return scoring_score_network(self->backend, self->scoring.reward,
                                 &prune_env_walk(env, task)->study->network->subject, network, out);
}

static enum status prune_describe(const void *config, int task, const int32_t *widths, int n,
                                  struct json_writer *out)
{
    (void)config, (void)task;
    json_write_begin(out, '[', "widths");
    for (int i = 0; i < n; i++) {
        json_write_int(out, NULL, widths[i]);
    }
    json_write_end(out, ']');
    return OK;
}

const struct network_env_ops prune_network_ops = {
    .whole = "uncut",
    .check_tasks = prune_check_tasks,
    .check_images = prune_check_images,
    .facts = prune_facts,
    .build = prune_build,
    .score = prune_score,
    .describe = prune_describe,
};
