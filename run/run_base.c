// Base networks: what the config names is loaded, the rest is trained, each by one node. They end
// up in the run folder, where every worker finds them.
#include "core/config.h"
#include "core/file.h"
#include "core/log.h"
#include "nn/network_info.h"
#include "run/load.h"
#include "run/run_session.h"
#include "train/evaluate.h"
#include "train/train.h"

#include <string.h>

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// What shapes a trained network, for its checkpoint.
static enum status network_identity(const struct network_config *network, uint64_t seed,
                                    struct text *out)
{
    struct json_writer writer = {.out = out, .pretty = true};
    json_write_begin(&writer, '{', NULL);
    json_write_string(&writer, "architecture", network->architecture);
    json_write_int(&writer, "seed", (int64_t)seed);
    config_write(dataset_option_table, &network->data, &writer, "data");
    config_write(train_option_table, &network->train, &writer, "train");
    json_write_end(&writer, '}');
    return out->failed ? ERR_MEMORY : OK;
}

static enum status train_base(struct run_session *session, const struct network_config *config,
                              struct backend *backend, const struct dataset *data,
                              struct network *network)
{
    struct text identity = {0};
    struct train_report report;
    struct arena arena = {0};
    const char *checkpoint = run_path(session, "networks", config->name, ".checkpoint.safetensors");
    if (checkpoint == NULL) {
        return ERR_MEMORY;
    }
    enum status code = network_identity(config, session->config.seed, &identity);
    if (code == OK) {
        const struct train_job job = {
            .backend = backend,
            .collective = &alone,
            .dataset = data,
            .recipe = &config->train,
            .checkpoint = checkpoint,
            .identity = identity.bytes,
        };
        log_info("training %s on %s: %d epochs", config->name, data->name, config->train.epochs);
        code = train_network(&job, network, &arena, &report);
    }
    arena_close(&arena);
    text_close(&identity);
    return code;
}

// Opened, loaded or trained, saved under its name in the run folder.
static enum status make_base(struct run_session *session, const struct network_config *config,
                             struct backend *backend, const char *path)
{
    struct dataset data = {0};
    struct network network = {0};
    struct network_info info;
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    load_info_of_dataset(config->architecture, &data, &info);
    enum status code = OK;
    if (config->weights[0] != '\0') {
        const char *weights;
        TRY_GOTO(code, load_find_file(config->weights, &session->arena, &weights), done);
        TRY_GOTO(code, network_load(weights, &info, &network), done);
        if (strcmp(network.info.architecture, config->architecture) != 0) {
            code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                               "network %s: %s holds a %s, the config says %s", config->name,
                               weights, network.info.architecture, config->architecture);
            goto done;
        }
    } else {
        TRY_GOTO(code, network_create(&info, session->config.seed, &network), done);
        TRY_GOTO(code, train_base(session, config, backend, &data, &network), done);
    }
    TRY_GOTO(code, evaluate_check_fit(&network, &data), done);
    memcpy(network.info.dataset, data.name, sizeof network.info.dataset);
    TRY_GOTO(code, network_save(&network, path), done);
done:
    network_close(&network);
    dataset_close(&data);
    return code;
}

// The tasks of one network, by its graph.
static enum status check_network(struct run_session *session, int index)
{
    const struct network_config *config = run_config_network(&session->config, index);
    struct dataset data = {0};
    struct network network = {0};
    struct network_info info;
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    load_info_of_dataset(config->architecture, &data, &info);
    dataset_close(&data);
    if (config->weights[0] != '\0') {
        const char *weights;
        TRY(load_find_file(config->weights, &session->arena, &weights));
        TRY(network_load(weights, &info, &network));
    } else {
        network.info = info;
        TRY(network_build_graph(&info, NULL, &network.graph));
    }
    const enum status code = session->network_env->check_tasks(
        session->rollout_job.env.config, index, &network.info, &network.graph);
    network_close(&network);
    return code;
}

enum status run_check_tasks(struct run_session *session)
{
    for (int i = 0; i < session->config.networks->n; i++) {
        TRY(check_network(session, i));
    }
    return OK;
}

static enum status make_own_bases(struct run_session *session, struct backend *backend)
{
    const struct run_config *config = &session->config;
    for (int i = session->leader; i < config->networks->n; i += session->leaders) {
        const char *path = session->network_files[i];
        file_remove_leftovers(path);
        if (!file_exists(path)) {
            TRY(make_base(session, run_config_network(config, i), backend, path));
        }
    }
    return OK;
}

enum status run_stage_base(struct run_session *session)
{
    enum status code = OK;
    if (session->leader >= 0 && run_config_designs(&session->config)) {
        struct backend *backend;
        TRY(load_backend(&session->config.backend, 1, &backend));
        code = make_own_bases(session, backend);
        backend_close(backend);
    }
    return run_agree(session, code);
}
