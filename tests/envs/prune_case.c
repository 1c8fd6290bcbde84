#include "prune_case.h"

#include "core/log.h"
#include "nn/network.h"
#include "search_space/criterion.h"
#include "search_space/refit_rank.h"
#include "train/calibrate.h"
#include "train/evaluate.h"
#include "train/train.h"

#include <stdio.h>

#define VALIDATION_SHARE 0.25

static void make_network(const char *architecture, const struct dataset *data, bool trained,
                         const char *file)
{
    static const struct collective alone = {.ranks = 1, .local_ranks = 1};
    static const struct int_list no_steps = {0};
    const struct network_data like = {.name = data->name,
                                      .h = data->h,
                                      .w = data->w,
                                      .c = data->c,
                                      .classes = data->classes,
                                      .mean = data->mean,
                                      .std = data->std};
    struct network_info info;
    struct network network;
    network_info_of_data(architecture, &like, &info);
    assert_ok(network_create(&info, PRUNE_CASE_SEED, &network));
    if (trained) {
        const struct backend_options options = {.threads = 2};
        struct backend *backend;
        struct train_recipe recipe;
        struct train_report report;
        struct arena arena = {0};
        option_defaults(train_option_table, &recipe);
        recipe.epochs = 20;
        recipe.learning_rate = 0.05;
        recipe.batch = 32;
        recipe.crop_pad = 1;
        recipe.steps = &no_steps;
        recipe.validation_share = VALIDATION_SHARE; // what the search scores on is kept out
        recipe.seed = PRUNE_CASE_SEED;
        assert_ok(backend_open("cpu", &options, &backend));
        const struct train_job job = {
            .backend = backend, .collective = &alone, .dataset = data, .recipe = &recipe};
        assert_ok(train_network(&job, &network, &arena, &report));
        arena_close(&arena);
        backend_close(backend);
    }
    assert_ok(network_save(&network, file));
    network_close(&network);
}

void prune_case_open(struct prune_case *c)
{
    static const char *const architectures[PRUNE_CASE_NETWORKS] = {"convnet", "resnet20"};
    static const int circle_and_bars[] = {0, 6};
    static const struct int_list classes = {.n = 2, .values = circle_and_bars};
    struct dataset data;
    struct test_folder folder;
    memset(c, 0, sizeof *c);
    log_set_level(LOG_QUIET);
    test_folder_make(&folder);
    c->folder = folder;
    for (int n = 0; n < PRUNE_CASE_NETWORKS; n++) {
        struct scoring_network *network = &c->networks[n];
        snprintf(c->files[n], sizeof c->files[n], "%s/%s.safetensors", folder.path,
                 architectures[n]);
        network->name = architectures[n];
        network->file = c->files[n];
        option_defaults(dataset_option_table, &network->data);
        network->data.name = "shapes";
        network->data.size = 12;
        network->data.count = 4000; // 800 of these
        network->data.classes = &classes;
        if (n == 0) {
            assert_ok(dataset_open(&network->data, DATASET_TRAIN, &data));
        }
        make_network(architectures[n], &data, n == 0, c->files[n]);
    }
    dataset_close(&data);
    c->tasks[0] = (struct prune_task){.name = "half", .network = 0, .budget = {0.5}};
    c->tasks[1] = (struct prune_task){.name = "most", .network = 0, .budget = {0.8}};
    c->tasks[2] = (struct prune_task){.name = "both", .network = 0, .budget = {0.5, 0.5}};
    c->tasks[3] = (struct prune_task){.name = "residual", .network = 1, .budget = {0.6}};
    c->config = (struct prune_config){.networks = c->networks,
                                      .tasks = c->tasks,
                                      .n_networks = PRUNE_CASE_NETWORKS,
                                      .n_tasks = PRUNE_CASE_TASKS};
    option_defaults(space_option_table, &c->config.space);
    option_defaults(scoring_option_table, &c->config.scoring);
    c->config.space.round_to = 4;
    c->config.space.groups = GROUPS_ALL;
    c->config.scoring.dtype = SCORING_FLOAT32;
    c->config.scoring.reward = REWARD_ACCURACY;
    c->config.scoring.refit = REFIT_OFF;
    c->config.scoring.calibration_images = 70;
    c->config.scoring.calibration_pool = 0;
    c->config.scoring.images = 90;
    c->config.scoring.validation_share = VALIDATION_SHARE;
    c->config.scoring.refit_images = 40;
}

void prune_case_close(struct prune_case *c)
{
    test_folder_remove(&c->folder);
}

void prune_case_env(const struct prune_case *c, int threads, int fd, struct env_case *out)
{
    const struct env_job job = {.config = &c->config,
                                .seed = PRUNE_CASE_SEED,
                                .slots = ENV_CASE_SLOTS,
                                .threads = threads,
                                .shared_fd = fd};
    env_case_open_job(out, &env_prune, &job);
}

struct env_outcome prune_case_play(struct env_case *env, int task, int64_t episode)
{
    struct rng rng = rng_make(9, RNG_TEST, (uint64_t)episode, 0);
    env_case_reset(env, task, episode);
    while (env->end == ENV_RUNNING) {
        env_case_step(env, episode < 0 ? 0 : env_case_draw(env, &rng));
    }
    return env_case_outcome(env);
}

static void cut(const struct network *network, const struct groups *groups,
                const struct long_way *way, struct backend *backend, const struct dataset *data,
                const struct dataset_split *split, struct network *out)
{
    struct arena arena = {0};
    const struct criterion_input input = {
        .graph = &network->graph, .groups = groups, .params = network->params};
    struct refit *refit = NULL;
    struct ranking ranking;
    struct keep keep;
    out->info = network->info;
    if (way->refit) {
        const struct refit_options options = {
            .images = 40, .points_per_image = 16, .lambda = 1e-6, .seed = PRUNE_CASE_SEED};
        const struct plan_input pixels = {.mean = network->info.mean, .std = network->info.std};
        uint8_t *images;
        assert_ok(dataset_sample(data, split->train, split->n_train, 40, PRUNE_CASE_SEED, &arena,
                                 &images));
        assert_ok(refit_open(backend, &network->graph, groups, network->params, &pixels, images,
                             &options, &refit));
        assert_ok(refit_rank(&input, refit, &arena, &ranking));
    } else {
        assert_ok(criterion_rank(criteria[CRITERION_L1], &input, &arena, &ranking));
    }
    assert_ok(ranking_keep(groups, &ranking, way->widths, &arena, &keep));
    assert_ok(
        slim_network(&network->graph, groups, network->params, &keep, &out->graph, &out->params));
    if (refit != NULL) {
        assert_ok(refit_apply(refit, &keep, &out->graph, out->params));
    }
    refit_close(refit);
    arena_close(&arena);
}

double prune_case_long_way(const struct prune_case *c, int n, const struct long_way *way)
{
    const struct backend_options options = {.threads = 2};
    struct backend *backend;
    struct network network, slimmed = {0};
    struct dataset data;
    struct dataset_split split;
    struct groups groups;
    struct arena arena = {0};
    struct evaluation evaluation;
    assert_ok(backend_open("cpu", &options, &backend));
    assert_ok(network_load(c->files[n], NULL, &network));
    assert_ok(dataset_open(&c->networks[n].data, DATASET_TRAIN, &data));
    assert_ok(
        dataset_split(&data, c->config.scoring.validation_share, PRUNE_CASE_SEED, &arena, &split));
    assert_ok(groups_find(&network.graph, &groups));
    float *ranges = arena_alloc(&arena, (size_t)network.graph.n_nodes, sizeof *ranges);
    assert_non_null(ranges);
    const struct network *scored = &network;
    if (way->widths != NULL) {
        cut(&network, &groups, way, backend, &data, &split, &slimmed);
        assert_ok(calibrate_network(backend, &slimmed, &data, split.train, split.n_train,
                                    way->calibration_images, PRUNE_CASE_SEED, true,
                                    way->int8 ? ranges : NULL));
        scored = &slimmed;
    }
    const struct evaluate_options evaluate = {.batch = 33, .int8 = way->int8, .ranges = ranges};
    assert_ok(evaluate_network(backend, scored, &data, split.validation,
                               way->images > 0 ? way->images : split.n_validation, &evaluate,
                               &evaluation));
    groups_close(&groups);
    network_close(&slimmed);
    network_close(&network);
    dataset_close(&data);
    arena_close(&arena);
    backend_close(backend);
    return evaluation.accuracy;
}
