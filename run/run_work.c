// Orders in the worker: what is kept open between them, and candidates.
#include "run/run_work.h"

#include "run/load.h"
#include "search_space/cost.h"

#include <stdlib.h>
#include <string.h>

enum status run_work_backend(struct run_task *task, struct backend **out)
{
    struct run_work *work = task->work;
    const int threads = task->ticket->threads;
    if (work->backend == NULL || work->threads != threads) {
        struct backend_use use = work->session->backend;
        use.options.threads = threads;
        use.options.turn = work->turn;
        backend_close(work->backend);
        work->backend = NULL;
        TRY(load_settled_backend(&use, &work->backend));
        work->threads = threads;
    }
    *out = work->backend;
    return OK;
}

enum status run_work_path(struct run_task *task, const char *folder, const char *name,
                          const char *suffix, const char **out)
{
    *out = run_path(task->work->session, &task->arena, folder, name, suffix);
    return *out != NULL ? OK : ERR_MEMORY;
}

static void close_env(struct run_work *work)
{
    if (work->env != NULL) {
        work->env->ops->close(work->env);
        work->env = NULL;
    }
}

static enum status open_env(struct run_task *task)
{
    struct run_work *work = task->work;
    const int threads = task->ticket->threads;
    if (work->env != NULL && work->env_threads == threads) {
        return OK;
    }
    struct env_job job = work->session->rollout_job.env;
    close_env(work);
    job.threads = threads;
    job.shared_fd = work->shared_fd;
    job.turn = work->turn;
    work->env_threads = threads;
    return work->session->rollout_job.ops->open(&job, &work->env);
}

static enum status score(struct run_task *task, const struct network *network)
{
    struct network_score got;
    const struct network_env_ops *designs = task->work->session->network_env;
    TRY(designs->score(task->work->env, task->ticket->task, network, &got));
    task->out->accuracy = got.accuracy;
    task->out->loss = got.loss;
    task->out->reward = got.reward;
    return OK;
}

static enum status keep(struct run_task *task, const struct network *network)
{
    const int index = task->ticket->task;
    struct run_outcome *out = task->out;
    const struct network_cost cost = cost_of_graph(&network->graph);
    const char *path;
    task->work->session->network_env->facts(task->work->env, index, &out->facts);
    out->macs = cost.macs;
    out->params = cost.params;
    out->bytes = cost.bytes;
    // Counted on the network that is saved: no budget is ever broken.
    CHECK(cost.macs <= out->facts.most[COST_MACS] && cost.params <= out->facts.most[COST_PARAMS] &&
          cost.bytes <= out->facts.most[COST_BYTES]);
    TRY(run_work_path(task, "found", run_task_name(task->work->session, index), ".safetensors",
                      &path));
    return network_save(network, path);
}

enum status run_work_candidate(struct run_task *task)
{
    const struct ticket *ticket = task->ticket;
    struct network network;
    int32_t choice[TICKET_MOST_GIVEN];
    TRY(open_env(task));
    for (int i = 0; i < ticket->n_given; i++) {
        choice[i] = ticket->given[i];
    }
    TRY(task->work->session->network_env->build(task->work->env, ticket->task, choice,
                                                RUN_CALIBRATION, &network));
    enum status code = faults_strike(task->faults);
    if (code == OK) {
        code = ticket->source == RUN_ORDER_KEEP ? keep(task, &network) : score(task, &network);
    }
    network_close(&network);
    return code;
}

static enum status carry_out(struct run_task *task)
{
    const enum run_order order = (enum run_order)task->ticket->source;
    run_data_share(&task->work->data, (int)task->ticket->sharers);
    if (order != RUN_ORDER_RESCORE && order != RUN_ORDER_KEEP) {
        close_env(task->work); // its memory is better used otherwise
    }
    switch (order) {
    case RUN_ORDER_BASE:
        return run_work_base(task);
    case RUN_ORDER_RESCORE:
    case RUN_ORDER_KEEP:
        return run_work_candidate(task);
    case RUN_ORDER_TUNE:
        return run_work_tune(task);
    case RUN_ORDER_TEST:
    case RUN_ORDER_TEST_BASE:
        return run_work_test(task);
    }
    FAIL(ERR_COMM, "an order of an unknown kind, %d", (int)order);
}

static enum status work_open(const void *context, int shared_fd, int turn, void **out)
{
    struct run_work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        FAIL(ERR_MEMORY, "no memory for a worker's orders");
    }
    work->session = context;
    work->shared_fd = shared_fd;
    work->turn = turn;
    *out = work;
    return OK;
}

static enum status work_carry_out(void *work, const struct ticket *ticket, struct faults *faults,
                                  void *result)
{
    struct run_outcome outcome = {0};
    struct run_task task = {.work = work, .ticket = ticket, .faults = faults, .out = &outcome};
    const enum status code = carry_out(&task);
    arena_close(&task.arena);
    if (code == OK) {
        memcpy(result, &outcome, sizeof outcome);
    }
    return code;
}

static void work_close(void *opened)
{
    struct run_work *work = opened;
    if (work != NULL) {
        close_env(work);
        backend_close(work->backend);
        run_data_close(&work->data);
        free(work);
    }
}

const struct work_ops run_work_ops = {
    .open = work_open, .run = work_carry_out, .close = work_close};
