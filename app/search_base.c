// Base networks: what the config names is loaded, the rest is trained, each by one node. They end
// up in the run folder, where every worker finds them.
#include "app/load.h"
#include "app/search_session.h"
#include "core/config.h"
#include "core/file.h"
#include "core/log.h"
#include "nn/network_info.h"
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

static enum status train_base(struct search_session *session, const struct network_config *config,
                              struct backend *backend, const struct dataset *data,
                              struct network *network)
{
    struct text identity = {0};
    struct train_report report;
    struct arena arena = {0};
    const char *checkpoint =
        search_path(session, "networks", config->name, ".checkpoint.safetensors");
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

// The weights that the config names, as a network for this data set, with what is known of the
// rows that they were trained on.
static enum status load_weights(struct search_session *session, const struct network_config *config,
                                const struct dataset *data, struct network *out)
{
    struct network_info info;
    const char *weights;
    load_info_of_dataset(config->architecture, data, &info);
    TRY(load_find_file(config->weights, &session->arena, &weights));
    TRY(network_load(weights, &info, out));
    if (strcmp(out->info.architecture, config->architecture) != 0) {
        FAIL(ERR_CONFIG, "network %s: %s holds a %s, the config says %s", config->name, weights,
             out->info.architecture, config->architecture);
    }
    network_set_dataset(out, data->name);
    if (config->train_rows[0] == '\0') {
        return OK;
    }
    row_set_close(&out->train_rows);
    return strcmp(config->train_rows, "unknown") == 0
               ? OK
               : row_set_parse(config->train_rows, &out->train_rows);
}

static void warn_if_unknown(const struct network_config *config, const struct network *network)
{
    if (!network->train_rows.known) {
        log_warning("network %s: it is not known which images of %s its weights were trained on, "
                    "so the search may score on some of them; train_rows can say it",
                    config->name, network->info.dataset);
    }
}

// Opened, loaded or trained, saved under its name in the run folder.
static enum status make_base(struct search_session *session, const struct network_config *config,
                             struct backend *backend, const char *path)
{
    struct dataset data = {0};
    struct network network = {0};
    struct network_info info;
    enum status code = OK;
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    if (config->weights[0] != '\0') {
        TRY_GOTO(code, load_weights(session, config, &data, &network), done);
        warn_if_unknown(config, &network);
    } else {
        load_info_of_dataset(config->architecture, &data, &info);
        TRY_GOTO(code, network_create(&info, session->config.seed, &network), done);
        TRY_GOTO(code, train_base(session, config, backend, &data, &network), done);
    }
    TRY_GOTO(code, evaluate_check_fit(&network, &data), done);
    TRY_GOTO(code, network_save(&network, path), done);
done:
    network_close(&network);
    dataset_close(&data);
    return code;
}

// What weights can be searched with at all: enough images that they have not been trained on.
static enum status check_images(struct search_session *session, const struct dataset *data,
                                const struct network *network)
{
    struct arena arena = {0};
    struct dataset_split split;
    const enum status code = prune_split(&session->config.scoring, data, &network->train_rows,
                                         session->config.seed, &arena, &split);
    arena_close(&arena);
    return code;
}

// The tasks of one network, by its graph, and its images.
static enum status check_network(struct search_session *session, int index)
{
    const struct network_config *config = search_config_network(&session->config, index);
    struct dataset data = {0};
    struct network network = {0};
    enum status code = OK;
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    if (config->weights[0] != '\0') {
        TRY_GOTO(code, load_weights(session, config, &data, &network), done);
        code = check_images(session, &data, &network);
        if (code != OK) {
            (void)status_context(code, "network \"%s\"", config->name);
            goto done;
        }
    } else {
        load_info_of_dataset(config->architecture, &data, &network.info);
        TRY_GOTO(code, network_build_graph(&network.info, NULL, &network.graph), done);
    }
    code = prune_check_tasks(&session->prune, index, &network.info, &network.graph);
done:
    network_close(&network);
    dataset_close(&data);
    return code;
}

enum status search_check_tasks(struct search_session *session)
{
    for (int i = 0; i < session->config.networks->n; i++) {
        TRY(check_network(session, i));
    }
    return OK;
}

static enum status make_own_bases(struct search_session *session, struct backend *backend)
{
    const struct search_config *config = &session->config;
    for (int i = session->leader; i < config->networks->n; i += session->leaders) {
        const char *path = session->prune.networks[i].file;
        file_remove_leftovers(path);
        if (!file_exists(path)) {
            TRY(make_base(session, search_config_network(config, i), backend, path));
        }
    }
    return OK;
}

enum status search_stage_base(struct search_session *session)
{
    enum status code = OK;
    if (session->leader >= 0 && search_config_prunes(&session->config)) {
        struct backend *backend;
        TRY(load_backend(&session->config.backend, 1, &backend));
        code = make_own_bases(session, backend);
        backend_close(backend);
    }
    return search_agree(session, code);
}
