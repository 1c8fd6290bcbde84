#include "nas_env_case.h"

#include "core/config.h"
#include "core/log.h"
#include "search_space/supernet.h"
#include "train/calibrate.h"
#include "train/evaluate.h"

#include <stdio.h>

#define VALIDATION_SHARE 0.25

static const char mobile[] =
    "{\"stem_width\": 8, \"head_width\": 0, \"stages\": ["
    " {\"width\": [8, 12], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [1, 2]},"
    " {\"width\": [8, 12, 16], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [1, 2, 3]}]}";
static const char cell[] = "{\"channels\": 4, \"cells\": 1}";

static const void *read_options(struct nas_env_case *c, const struct nas_space_type *type,
                                const char *text)
{
    struct json *document;
    void *values = arena_alloc(&c->arena, 1, type->options_bytes);
    assert_non_null(values);
    assert_ok(json_parse(text, strlen(text), type->name, &document));
    assert_ok(config_read(document, type->name, type->options, values, &c->arena));
    json_close(document);
    return values;
}

static void save_supernet(const struct nas_network *network)
{
    struct dataset data;
    struct supernet supernet;
    struct network_info info;
    assert_ok(dataset_open(&network->scored.data, DATASET_TRAIN, &data));
    const struct network_data like = {.name = data.name,
                                      .h = data.h,
                                      .w = data.w,
                                      .c = data.c,
                                      .classes = data.classes,
                                      .mean = data.mean,
                                      .std = data.std};
    network_info_of_data(network->type->name, &like, &info);
    const struct supernet_options options = {.type = network->type,
                                             .options = network->options,
                                             .info = &info,
                                             .kernel_transform = true,
                                             .seed = NAS_CASE_SEED};
    assert_ok(supernet_open(&options, &supernet));
    assert_ok(row_set_parse("none", &supernet.train_rows));
    assert_ok(supernet_save(&supernet, network->scored.file));
    supernet_close(&supernet);
    dataset_close(&data);
}

static void make_tasks(struct nas_env_case *c)
{
    static const struct {
        const char *name;
        int network;
        double budget[COST_KINDS];
    } rows[NAS_CASE_TASKS] = {{"half", 0, {0.5}},         {"most", 0, {0.8}},
                              {"both", 0, {0.6, 0, 0.6}}, {"other", 1, {0.5}},
                              {"cells", 2, {0, 0.6}},     {"front", 0, {0}}};
    for (int t = 0; t < NAS_CASE_TASKS; t++) {
        struct nas_task *task = &c->tasks[t];
        *task = (struct nas_task){.name = rows[t].name, .network = rows[t].network};
        memcpy(task->budget, rows[t].budget, sizeof task->budget);
        option_defaults(objective_option_table, &task->objective);
    }
    c->tasks[5].objective.weight[NAS_COST_MACS] = 0.3;
    c->tasks[5].objective.target[NAS_COST_MACS] = 0.4;
    c->tasks[5].objective.draws = OBJECTIVE_DRAWS_TARGETS;
}

void nas_env_case_open(struct nas_env_case *c)
{
    static const int pairs[2][3] = {{0, 6}, {1, 2, 5}};
    static const struct int_list classes[2] = {{.n = 2, .values = pairs[0]},
                                               {.n = 3, .values = pairs[1]}};
    struct test_folder folder;
    memset(c, 0, sizeof *c);
    log_set_level(LOG_QUIET);
    test_folder_make(&folder);
    c->folder = folder;
    for (int n = 0; n < NAS_CASE_NETWORKS; n++) {
        struct nas_network *network = &c->networks[n];
        static const char *const names[] = {"two", "three", "cells"};
        snprintf(c->files[n], sizeof c->files[n], "%s/%s.safetensors", folder.path, names[n]);
        network->type = n < 2 ? &nas_mobile : &nas_cell;
        network->options = read_options(c, network->type, n < 2 ? mobile : cell);
        network->scored = (struct scoring_network){.name = names[n], .file = c->files[n]};
        option_defaults(dataset_option_table, &network->scored.data);
        network->scored.data.name = "shapes";
        network->scored.data.size = 12;
        network->scored.data.count = 2000;
        network->scored.data.classes = &classes[n == 1];
        save_supernet(network);
    }
    make_tasks(c);
    c->config = (struct nas_config){.networks = c->networks,
                                    .tasks = c->tasks,
                                    .n_networks = NAS_CASE_NETWORKS,
                                    .n_tasks = NAS_CASE_TASKS};
    option_defaults(scoring_option_table, &c->config.scoring);
    c->config.scoring.dtype = SCORING_FLOAT32;
    c->config.scoring.reward = REWARD_ACCURACY;
    c->config.scoring.calibration_images = 70;
    c->config.scoring.calibration_pool = 0;
    c->config.scoring.images = 90;
    c->config.scoring.validation_share = VALIDATION_SHARE;
}

void nas_env_case_close(struct nas_env_case *c)
{
    test_folder_remove(&c->folder);
    arena_close(&c->arena);
}

void nas_env_case_env(const struct nas_env_case *c, int threads, int fd, struct env_case *out)
{
    const struct env_job job = {.config = &c->config,
                                .seed = NAS_CASE_SEED,
                                .slots = ENV_CASE_SLOTS,
                                .threads = threads,
                                .shared_fd = fd};
    env_case_open_job(out, &env_nas, &job);
}

struct env_outcome nas_env_case_play(struct env_case *env, int task, int64_t episode)
{
    struct rng rng = rng_make(9, RNG_TEST, (uint64_t)episode, 0);
    env_case_reset(env, task, episode);
    while (env->end == ENV_RUNNING) {
        int choice = 0;
        while (!env->row.legal[choice]) {
            choice++;
        }
        env_case_step(env, episode < 0 ? choice : env_case_draw(env, &rng));
    }
    return env_case_outcome(env);
}

bool nas_env_case_within(const struct env_outcome *outcome, const struct network_task_facts *facts)
{
    return outcome->macs <= facts->most[COST_MACS] && outcome->params <= facts->most[COST_PARAMS] &&
           outcome->bytes <= facts->most[COST_BYTES];
}

double nas_env_case_long_way(const struct nas_env_case *c, int n, const int32_t *choice,
                             int calibration_images, int images)
{
    const struct backend_options options = {.threads = 2};
    struct backend *backend;
    struct supernet supernet;
    struct network network;
    struct dataset data;
    struct dataset_split split;
    struct arena arena = {0};
    struct evaluation evaluation;
    int16_t steps[NAS_MOST_DECISIONS];
    assert_ok(backend_open("cpu", &options, &backend));
    assert_ok(supernet_load(c->files[n], &supernet));
    assert_ok(dataset_open(&c->networks[n].scored.data, DATASET_TRAIN, &data));
    assert_ok(
        dataset_split(&data, c->config.scoring.validation_share, NAS_CASE_SEED, &arena, &split));
    nas_space_greatest(&supernet.space, steps);
    for (int d = 0; choice != NULL && d < supernet.space.n_decisions; d++) {
        steps[d] = (int16_t)choice[d];
    }
    assert_ok(supernet_extract(&supernet, steps, &network));
    assert_ok(calibrate_network(backend, &network, &data, split.train, split.n_train,
                                calibration_images, NAS_CASE_SEED, true, NULL));
    const struct evaluate_options evaluate = {.batch = 33};
    assert_ok(evaluate_network(backend, &network, &data, split.validation,
                               images > 0 ? images : split.n_validation, &evaluate, &evaluation));
    network_close(&network);
    supernet_close(&supernet);
    dataset_close(&data);
    arena_close(&arena);
    backend_close(backend);
    return evaluation.accuracy;
}
