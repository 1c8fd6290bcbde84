// Base networks: what the config names is loaded, the rest is trained, in slices, side by side.
// They end up in the run folder, where every worker finds them.
#include "core/file.h"
#include "nn/network_info.h"
#include "run/load.h"
#include "run/run_train.h"

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

static enum status answered(struct run_board *board, struct run_job *job,
                            const struct work_answer *answer)
{
    bool finished;
    return run_take_slice(board, job, answer, &finished);
}

static enum status list_jobs(struct run_session *session, struct run_board *board)
{
    const int n = session->config.networks->n;
    ARENA_NEW(&session->arena, board->jobs, (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct network_config *config = run_config_network(&session->config, i);
        const bool trains = config->weights[0] == '\0';
        if (!file_exists(session->network_files[i])) {
            board->jobs[board->n++] = (struct run_job){
                .ticket = {.task = i, .source = RUN_ORDER_BASE},
                .name = config->name,
                .sliced = trains,
                .whole = trains ? config->train.epochs : 0,
                .units = trains ? config->train.epochs : 0,
            };
            board->total += trains ? config->train.epochs : 0;
        }
    }
    return OK;
}

enum status run_stage_base(struct run_session *session)
{
    struct run_board board = {.session = session,
                              .stage = "base",
                              .unit = "epochs",
                              .time = &session->times.base,
                              .answered = answered};
    if (session->collective->rank == 0 && run_config_designs(&session->config)) {
        TRY(list_jobs(session, &board));
    }
    return run_board_work(&board);
}
