// All that can be known to fail later is found here, before the run folder is claimed and on every
// start: images, weights, budgets, recipes. And what the run is given is looked at for its record.
#include "run/run_check.h"

#include "core/file.h"
#include "core/log.h"
#include "nn/zoo.h"
#include "run/load.h"
#include "run/run_space.h"
#include "run/run_weights.h"
#include "train/evaluate.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

struct checking {
    struct run_session *session;
    struct run_input *inputs; // [networks] arena
    // [networks] arena: both parts of a network's data, described, with the first network that has
    // these data; zeroed with the others
    struct described {
        struct dataset train, test;
    } * sets;
    double bytes; // that the run will write, about
};

static int first_with_data(const struct checking *c, int index)
{
    const struct run_config *config = &c->session->config;
    int first = 0;
    while (!dataset_options_same(&run_config_network(config, first)->data,
                                 &run_config_network(config, index)->data)) {
        first++;
    }
    return first;
}

// The facts of both parts, found out once for all networks that share them.
static enum status describe_data(struct checking *c, int index)
{
    const struct dataset_options *options = &run_config_network(&c->session->config, index)->data;
    struct run_input *input = &c->inputs[index];
    const int first = first_with_data(c, index);
    if (first < index) {
        input->train = c->inputs[first].train;
        input->test = c->inputs[first].test;
        return OK;
    }
    struct described *set = &c->sets[index];
    TRY(dataset_describe(options, DATASET_TRAIN, &set->train));
    TRY(dataset_describe(options, DATASET_TEST, &set->test));
    TRY(dataset_check_test(&set->train, &set->test));
    TRY(run_input_of_data(&set->test, &c->session->arena, &input->test));
    return run_input_of_data(&set->train, &c->session->arena, &input->train);
}

static enum status load_weights(struct run_session *session, const struct network_config *config,
                                const struct dataset *data, struct network *out)
{
    struct supernet supernet;
    if (run_space_type(config) == NULL) {
        const struct weights_source source = run_weights_source(config);
        return run_load_weights(&source, data, NULL, &session->arena, out);
    }
    TRY(run_space_load(config, data, &session->arena, &supernet));
    const enum status code = supernet_extract_largest(&supernet, out);
    supernet_close(&supernet);
    return code;
}

// The weights that the config names; those of the run's own copy, once they are not there any more.
static enum status open_weights(struct checking *c, int index, const struct dataset *data,
                                struct network *out)
{
    struct run_session *session = c->session;
    const struct network_config *config = run_config_network(&session->config, index);
    struct run_input_weights *record = &c->inputs[index].weights;
    const char *path;
    enum status code = load_find_file(config->weights, &session->arena, &path);
    const struct run_folder *folder = &session->folder;
    if (code == ERR_INPUT && file_exists(session->network_files[index]) && folder->recorded &&
        index < folder->inputs.networks->n) {
        const struct run_input *earlier = option_list_at(folder->inputs.networks, index);
        *record = earlier->weights;
        log_info("network %s: %s is not there; the run goes on with its own copy", config->name,
                 config->weights);
        return network_load(session->whole_files[index], NULL, out);
    }
    TRY(code);
    TRY(load_weights(session, config, data, out));
    code = run_input_of_weights(path, out, &session->arena, record);
    if (code != OK) {
        network_close(out);
        *out = (struct network){0};
    }
    return code;
}

static enum status open_network(struct checking *c, int index, const struct dataset *data,
                                struct network *out)
{
    const struct network_config *config = run_config_network(&c->session->config, index);
    if (config->weights[0] != '\0') {
        return open_weights(c, index, data, out);
    }
    if (run_space_type(config) != NULL) {
        struct supernet supernet;
        TRY(run_space_create(config, data, c->session->config.seed, &supernet));
        const enum status code = supernet_extract_largest(&supernet, out);
        supernet_close(&supernet);
        return code;
    }
    network_file_info(config->hints.architecture, data, &out->info);
    return zoo_build(config->hints.architecture, out->info.h, out->info.w, out->info.c,
                     out->info.classes, &out->graph);
}

static enum status check_supernet(struct checking *c, int index, const struct dataset *data)
{
    const struct run_config *config = &c->session->config;
    const struct network_config *network = run_config_network(config, index);
    char name[48];
    struct supernet supernet;
    snprintf(name, sizeof name, "networks[%d].supernet", index);
    const struct supernet_job job = {
        .collective = &alone, .dataset = data, .recipe = &network->supernet, .name = name};
    TRY(run_space_create(network, data, config->seed, &supernet));
    const enum status code = train_check_supernet(&job, &supernet);
    supernet_close(&supernet);
    return code;
}

// Both recipes that this network will go through, under the names that the user gave them.
static enum status check_recipes(struct checking *c, int index, const struct dataset *data,
                                 const struct network *network)
{
    const struct run_session *session = c->session;
    const struct network_config *config = run_config_network(&session->config, index);
    char name[48];
    snprintf(name, sizeof name, "networks[%d].train", index);
    struct train_job job = {
        .collective = &alone, .dataset = data, .recipe = &config->train, .name = name};
    if (run_config_trains(config)) {
        TRY(run_space_type(config) != NULL ? check_supernet(c, index, data)
                                           : train_check(&job, network));
    }
    if (!session->finishes) {
        return OK;
    }
    job.recipe = &session->config.finetune;
    job.teacher = network;
    job.name = "finetune";
    const enum status code = train_check(&job, network);
    return code == OK ? OK : status_context(code, "network %s", config->name);
}

static void warn_of_few(const struct run_config *config, const struct dataset *data)
{
    const int wanted = config->scoring.calibration_images;
    if (wanted > data->n) {
        log_warning("scoring.calibration_images = %d, and %s has %d training images: all that are "
                    "not scored on are taken",
                    wanted, data->name, data->n);
    }
}

// Base, found, fine-tuned, its checkpoint with the optimiser's state, ONNX.
static double bytes_of(const struct run_session *session, int index, const struct network *network)
{
    const double one = (double)network->graph.n_floats * sizeof(float);
    double all = 4 * one;
    for (int task = 0; task < session->config.tasks->n; task++) {
        all += run_config_task_network(&session->config, task) == index ? 6 * one : 0;
    }
    return all;
}

// Weights that do not say how their input is normalised are taken to be so by the data set's own
// numbers, which need its images.
static enum status measure_if_needed(const struct network_config *config, struct dataset *train,
                                     struct arena *arena)
{
    struct network_origin origin;
    const char *path;
    if (config->weights[0] == '\0' || load_find_file(config->weights, arena, &path) != OK) {
        return OK; // a file that is missing is told when it is opened
    }
    TRY(network_file_origin(path, &origin));
    row_set_close(&origin.train_rows);
    return origin.complete ? OK : dataset_measure(train);
}

// Those that the run will train on.
static enum status add_rows(const struct train_recipe *recipe, const struct dataset *data,
                            struct arena *arena, struct row_set *rows)
{
    struct dataset_split split;
    int32_t *trained;
    TRY(dataset_split(data, recipe->validation_share, recipe->seed, arena, &split));
    ARENA_NEW(arena, trained, (size_t)split.n_train);
    for (int i = 0; i < split.n_train; i++) {
        trained[i] = dataset_row(data, split.train[i]);
    }
    return row_set_add(rows, trained, split.n_train);
}

// The search must not score on rows that given weights have seen, or will have when it begins.
static enum status check_images(struct checking *c, int index, const struct dataset *data,
                                const struct row_set *seen)
{
    const struct run_session *session = c->session;
    const struct network_config *config = run_config_network(&session->config, index);
    const void *values = session->rollout_job.env.config;
    struct arena arena = {0};
    struct row_set rows = {0};
    enum status code = row_set_copy(seen, &rows);
    if (code == OK && config->train_further) {
        code = add_rows(run_config_recipe(config), data, &arena, &rows);
    }
    if (code == OK) {
        code = session->network_env->check_images(values, session->config.seed, data, &rows);
    }
    row_set_close(&rows);
    arena_close(&arena);
    return code == OK ? OK : status_context(code, "network \"%s\"", config->name);
}

static enum status check_network(struct checking *c, int index)
{
    struct run_session *session = c->session;
    const struct network_config *config = run_config_network(&session->config, index);
    const struct network_env_ops *designs = session->network_env;
    const void *values = session->rollout_job.env.config;
    struct dataset *train = &c->sets[first_with_data(c, index)].train;
    struct network network = {0};
    enum status code = OK;
    c->inputs[index] =
        (struct run_input){.name = config->name, .weights.checksum = "", .teacher.checksum = ""};
    TRY(describe_data(c, index));
    TRY(measure_if_needed(config, train, &session->arena));
    warn_of_few(&session->config, train);
    TRY(open_network(c, index, train, &network));
    if (config->weights[0] != '\0') {
        TRY_GOTO(code, check_images(c, index, train, &network.train_rows), done);
    }
    TRY_GOTO(code, designs->check_tasks(values, index, &network.info, &network.graph), done);
    code = check_recipes(c, index, train, &network);
    c->bytes += bytes_of(session, index, &network);
done:
    network_close(&network);
    return code;
}

// On the file system that the folder is, or will be, on.
static void warn_of_space(const struct run_session *session, double bytes)
{
    char path[4096];
    struct statvfs space;
    snprintf(path, sizeof path, "%s", session->config.run_dir);
    while (path[0] != '\0' && !file_is_folder(path)) {
        char *slash = strrchr(path, '/');
        *(slash == NULL || slash == path ? path : slash) = '\0';
    }
    if (statvfs(path[0] != '\0'                     ? path
                : session->config.run_dir[0] == '/' ? "/"
                                                    : ".",
                &space) != 0) {
        return;
    }
    const double free_bytes = (double)space.f_bavail * (double)space.f_frsize;
    if (free_bytes < bytes) {
        log_warning("%s: %.0f MiB are free, and the run writes about %.0f MiB",
                    session->config.run_dir, free_bytes / 1048576, bytes / 1048576);
    }
}

static enum status describe_policy(struct run_session *session, struct run_inputs *out)
{
    out->policy = "";
    if (session->config.policy[0] == '\0') {
        return OK;
    }
    const char *path =
        arena_format(&session->arena, "%s/policy.safetensors", session->config.policy);
    TRY(path != NULL ? OK : ERR_MEMORY);
    const enum status code = run_input_of_file(path, &session->arena, &out->policy);
    return code == OK ? OK
                      : status_context(code, "--policy %s: a run that has learnt is expected",
                                       session->config.policy);
}

enum status run_check(struct run_session *session, struct run_inputs *out)
{
    const struct run_config *config = &session->config;
    const int n = run_config_designs(config) ? config->networks->n : 0;
    struct checking c = {.session = session};
    struct object_list *list;
    enum status code = OK;
    ARENA_NEW(&session->arena, c.inputs, (size_t)n);
    ARENA_NEW(&session->arena, c.sets, (size_t)n);
    ARENA_NEW(&session->arena, list, 1);
    TRY(describe_policy(session, out));
    for (int i = 0; i < n && code == OK; i++) {
        code = check_network(&c, i);
    }
    for (int i = 0; i < n; i++) {
        dataset_close(&c.sets[i].train);
        dataset_close(&c.sets[i].test);
    }
    TRY(code);
    warn_of_space(session, c.bytes);
    *list = (struct object_list){.n = n, .stride = sizeof *c.inputs, .values = c.inputs};
    out->networks = list;
    return OK;
}
