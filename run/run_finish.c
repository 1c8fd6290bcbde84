// Fine-tuning: what was found for each task is trained on, with the uncut network as its teacher,
// in slices; then it and the uncut one are scored once on the test images.
#include "core/file.h"
#include "run/run_train.h"

#include <string.h>

// Work in multiply-adds: an update does about three times a forward pass, and one of the teacher.
// The test images are about a fifth of the training images.
#define TRAIN_PASSES 3.0
#define TEST_SHARE 0.2

struct finishing {
    struct run_session *session;
    struct run_board board;
    struct run_result *results;   // [tasks] arena
    struct run_job **test;        // [tasks] waits for the training; NULL = nothing to do; arena
    double *tested, *tested_base; // [tasks], [networks] accuracy, -1 = not known yet; arena
};

static const char *result_path(struct finishing *f, int task)
{
    return run_path(f->session, &f->session->arena, "results", run_task_name(f->session, task),
                    ".json");
}

// Writes the results of the tasks for which all is known now.
static enum status write_results(struct finishing *f)
{
    for (int task = 0; task < f->session->config.tasks->n; task++) {
        struct run_result *result = &f->results[task];
        const int network = run_config_task_network(&f->session->config, task);
        if (!result->tested && f->tested[task] >= 0 && f->tested_base[network] >= 0) {
            const char *path = result_path(f, task);
            result->accuracy_test = f->tested[task];
            result->accuracy_base_test = f->tested_base[network];
            result->tested = true;
            TRY(path != NULL ? run_result_write(result, path) : ERR_MEMORY);
        }
    }
    return OK;
}

static enum status take_test(struct finishing *f, struct run_job *job,
                             const struct work_answer *answer)
{
    struct run_outcome outcome;
    const bool whole = job->ticket.source == RUN_ORDER_TEST_BASE;
    if (answer->status != OK) {
        return run_board_failed(job, answer);
    }
    run_board_outcome(answer, &outcome);
    (whole ? f->tested_base : f->tested)[job->ticket.task] = outcome.accuracy;
    job->state = RUN_JOB_DONE;
    job->units = 0;
    progress_update(&f->board.progress, f->board.progress.done, "%s%s%s test %.2f%%", job->name,
                    whole ? " " : "", whole ? f->session->network_env->whole : "",
                    100 * outcome.accuracy);
    return write_results(f);
}

static enum status answered(struct run_board *board, struct run_job *job,
                            const struct work_answer *answer)
{
    struct finishing *f = board->context;
    bool finished;
    if (job->ticket.source != RUN_ORDER_TUNE) {
        return take_test(f, job, answer);
    }
    TRY(run_take_slice(board, job, answer, &finished));
    if (finished) {
        f->test[job->ticket.task]->state = RUN_JOB_READY;
    }
    return OK;
}

// ---- the stage

static struct run_job *add_job(struct finishing *f, enum run_order order, int index,
                               const char *name, double units)
{
    struct run_job *job = &f->board.jobs[f->board.n++];
    *job = (struct run_job){
        .ticket = {.task = index, .source = (int32_t)order},
        .name = name,
        .sliced = order == RUN_ORDER_TUNE,
        .units = units,
        .whole = units,
    };
    return job;
}

static void list_task(struct finishing *f, int task, bool tuned)
{
    const struct run_result *result = &f->results[task];
    const char *name = run_task_name(f->session, task);
    f->test[task] = add_job(f, RUN_ORDER_TEST, task, name, TEST_SHARE * (double)result->macs);
    if (!tuned) {
        const int epochs = f->session->config.finetune.epochs;
        const double macs = TRAIN_PASSES * (double)result->macs + (double)result->full_macs;
        add_job(f, RUN_ORDER_TUNE, task, name, epochs * macs);
        f->test[task]->state = RUN_JOB_WAITS;
        f->board.total += epochs;
    }
}

// The uncut networks of tasks that are not tested, unless another task of theirs is.
static void list_bases(struct finishing *f)
{
    struct run_session *session = f->session;
    for (int i = 0; i < session->config.networks->n; i++) {
        double macs = 0;
        for (int task = 0; task < session->config.tasks->n; task++) {
            const struct run_result *result = &f->results[task];
            if (run_config_task_network(&session->config, task) != i) {
                continue;
            }
            if (result->tested) {
                f->tested_base[i] = result->accuracy_base_test;
            } else {
                macs = (double)result->full_macs;
            }
        }
        if (macs > 0 && f->tested_base[i] < 0) {
            add_job(f, RUN_ORDER_TEST_BASE, i, run_config_network(&session->config, i)->name,
                    TEST_SHARE * macs);
        }
    }
}

static enum status list_jobs(struct finishing *f)
{
    struct run_session *session = f->session;
    const int n_tasks = session->config.tasks->n, n_networks = session->config.networks->n;
    ARENA_NEW(&session->arena, f->board.jobs, 2 * (size_t)n_tasks + (size_t)n_networks);
    ARENA_NEW(&session->arena, f->results, (size_t)n_tasks);
    ARENA_NEW(&session->arena, f->test, (size_t)n_tasks);
    ARENA_NEW(&session->arena, f->tested, (size_t)n_tasks);
    ARENA_NEW(&session->arena, f->tested_base, (size_t)n_networks);
    for (int i = 0; i < n_networks; i++) {
        f->tested_base[i] = -1;
    }
    for (int task = 0; task < n_tasks; task++) {
        const char *path = result_path(f, task);
        f->tested[task] = -1;
        TRY(path != NULL ? run_result_read(path, &session->arena, &f->results[task]) : ERR_MEMORY);
    }
    list_bases(f);
    for (int task = 0; task < n_tasks; task++) {
        const char *name = run_task_name(session, task);
        const char *final = run_path(session, &session->arena, "final", name, ".safetensors");
        const bool tuned = final != NULL && file_exists(final);
        if (final == NULL) {
            return ERR_MEMORY;
        }
        f->results[task].tested = f->results[task].tested && tuned;
        if (!f->results[task].tested) {
            list_task(f, task, tuned);
        }
    }
    return OK;
}

enum status run_stage_finish(struct run_session *session)
{
    struct finishing f = {
        .session = session,
        .board = {.session = session,
                  .stage = "finetune",
                  .unit = "epochs",
                  .time = &session->times.finetune,
                  .answered = answered},
    };
    f.board.context = &f;
    if (session->collective->rank == 0) {
        TRY(list_jobs(&f));
    }
    return run_board_work(&f.board);
}
