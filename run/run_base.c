// Base networks: what the config names is loaded, the rest is trained, in slices, side by side.
// They end up in the run folder, where every worker finds them.
#include "core/file.h"
#include "run/run_space.h"
#include "run/run_train.h"

static enum status answered(struct run_board *board, struct run_job *job,
                            const struct work_answer *answer)
{
    bool finished;
    struct run_outcome outcome;
    TRY(run_take_slice(board, job, answer, &finished));
    run_board_outcome(answer, &outcome);
    if (outcome.unknown_rows) {
        const char *data = run_config_network(&board->session->config, job->ticket.task)->data.name;
        log_warning("network %s: it is not known which images of %s its weights were trained on, "
                    "so the search may score on some of them; train_rows can say it",
                    job->name, data);
    }
    return OK;
}

static enum status list_jobs(struct run_session *session, struct run_board *board)
{
    const int n = session->config.networks->n;
    ARENA_NEW(&session->arena, board->jobs, (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct network_config *config = run_config_network(&session->config, i);
        const bool trains = run_config_trains(config);
        const int epochs = run_config_recipe(config)->epochs;
        if (!file_exists(session->network_files[i])) {
            board->jobs[board->n++] = (struct run_job){
                .ticket = {.task = i, .source = RUN_ORDER_BASE},
                .name = config->name,
                .sliced = trains,
                .whole = trains ? epochs : 0,
                .units = trains ? epochs : 0,
            };
            board->total += trains ? epochs : 0;
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
