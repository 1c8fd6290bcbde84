// After the search: the best candidates of each task scored again on all search-validation images,
// then the winner fine-tuned with the uncut network as its teacher, and scored once on the test
// images.
#include "core/file.h"
#include "core/log.h"
#include "run/load.h"
#include "run/run_session.h"
#include "search_space/cost.h"
#include "train/evaluate.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>

#define RESCORE_CALIBRATION 2048 // images: the winner's statistics are worth more than a try's
#define TEST_BATCH 64

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// ---- re-scoring
static enum status save_winner(struct run_session *session, struct env *env, int task,
                               const struct run_candidate *winner, double accuracy)
{
    const struct network_env_ops *designs = session->network_env;
    struct network_task_facts facts;
    struct network network = {0};
    const char *name = run_task_name(session, task);
    const char *path = run_path(session, "found", name, ".safetensors");
    const char *result_path = run_path(session, "results", name, ".json");
    if (path == NULL || result_path == NULL) {
        return ERR_MEMORY;
    }
    designs->facts(env, task, &facts);
    TRY(designs->build(env, task, winner->widths, RESCORE_CALIBRATION, &network));
    const struct network_cost cost = cost_of_graph(&network.graph);
    const struct run_result result = {
        .full_macs = facts.full_macs,
        .full_params = facts.full_params,
        .macs = cost.macs,
        .params = cost.params,
        .accuracy_base = facts.base_accuracy,
        .score = winner->score,
        .accuracy_found = accuracy,
        .evaluations = session->candidates[task].evaluations,
        .episode = winner->episode,
        .n_widths = winner->n_widths,
        .widths = winner->widths,
    };
    // Counted on the network that is saved: no budget is ever broken.
    CHECK(cost.macs <= facts.most_macs && cost.params <= facts.most_params);
    enum status code = network_save(&network, path);
    network_close(&network);
    TRY(code);
    return run_result_write(&result, result_path);
}

static enum status rescore_task(struct run_session *session, struct env *env, int task,
                                struct progress *progress)
{
    const struct network_env_ops *designs = session->network_env;
    const struct run_candidates *all = &session->candidates[task];
    const struct run_candidate *winner = NULL;
    double best = -1;
    for (int i = 0; i < all->n; i++) {
        struct network network = {0};
        struct network_score score;
        TRY(designs->build(env, task, all->candidates[i].widths, RESCORE_CALIBRATION, &network));
        const enum status code = designs->score(env, task, &network, &score);
        network_close(&network);
        TRY(code);
        if (score.accuracy > best) {
            best = score.accuracy;
            winner = &all->candidates[i];
        }
        progress_update(progress, progress->done + 1, "%s %.2f%%", run_task_name(session, task),
                        100 * best);
    }
    if (winner == NULL) {
        FAIL(ERR_INPUT,
             "task %s: no candidate could be scored, every episode failed; run.h5 has the reasons",
             run_task_name(session, task));
    }
    return save_winner(session, env, task, winner, best);
}

static bool is_rescored(struct run_session *session, int task)
{
    const char *name = run_task_name(session, task);
    const char *path = run_path(session, "found", name, ".safetensors");
    const char *result = run_path(session, "results", name, ".json");
    return path != NULL && result != NULL && file_exists(path) && file_exists(result);
}

static enum status rescore_all(struct run_session *session, struct env *env, int64_t total)
{
    struct progress progress;
    progress_begin(&progress, "rescore", "candidates", total);
    for (int task = 0; task < session->config.tasks->n; task++) {
        if (!is_rescored(session, task)) {
            TRY(rescore_task(session, env, task, &progress));
        }
    }
    progress_end(&progress);
    return OK;
}

enum status run_stage_rescore(struct run_session *session)
{
    enum status code = OK;
    int64_t total = 0;
    for (int task = 0; task < session->config.tasks->n && session->candidates != NULL; task++) {
        total += is_rescored(session, task) ? 0 : session->candidates[task].n;
    }
    if (total > 0) {
        struct env_job job = session->rollout_job.env;
        struct env *env;
        job.threads = run_threads(session);
        TRY(session->rollout_job.ops->open(&job, &env));
        code = rescore_all(session, env, total);
        session->rollout_job.ops->close(env);
    }
    TRY(code);
    return collective_barrier(session->collective);
}

// ---- fine-tuning
struct finishing {
    struct run_session *session;
    struct backend *backend;
    int task;
    const char *name;
    struct network base, network;
    struct dataset train, test;
};

static enum status test_network(struct finishing *f, const struct network *network,
                                double *accuracy)
{
    const struct evaluate_options options = {.batch = TEST_BATCH};
    struct evaluation evaluation;
    TRY(evaluate_network(f->backend, network, &f->test, NULL, f->test.n, &options, &evaluation));
    *accuracy = evaluation.accuracy;
    return OK;
}

static enum status tune(struct finishing *f, struct arena *arena)
{
    struct run_session *session = f->session;
    struct text identity = {0};
    struct train_report report;
    const char *checkpoint = run_path(session, "final", f->name, ".checkpoint.safetensors");
    if (checkpoint == NULL) {
        return ERR_MEMORY;
    }
    TRY(run_config_identity(&session->config, &identity));
    text_add(&identity, "task %s\n", f->name);
    const struct train_job job = {
        .backend = f->backend,
        .collective = &alone,
        .dataset = &f->train,
        .recipe = &session->config.finetune,
        .teacher = &f->base,
        .checkpoint = checkpoint,
        .identity = identity.bytes,
    };
    log_info("fine-tuning %s: %d epochs", f->name, session->config.finetune.epochs);
    const enum status code = train_network(&job, &f->network, arena, &report);
    text_close(&identity);
    return code;
}

static enum status finish_task(struct finishing *f)
{
    struct run_session *session = f->session;
    struct arena arena = {0};
    struct run_result result;
    const int base = run_config_task_network(&session->config, f->task);
    const struct dataset_options *data = &run_config_network(&session->config, base)->data;
    const char *found = run_path(session, "found", f->name, ".safetensors");
    const char *final = run_path(session, "final", f->name, ".safetensors");
    const char *result_path = run_path(session, "results", f->name, ".json");
    if (found == NULL || final == NULL || result_path == NULL) {
        return ERR_MEMORY;
    }
    TRY(run_result_read(result_path, &session->arena, &result));
    if (result.tested && file_exists(final)) {
        return OK;
    }
    TRY(network_load(session->network_files[base], NULL, &f->base));
    TRY(dataset_open(data, DATASET_TEST, &f->test));
    if (file_exists(final)) {
        TRY(network_load(final, NULL, &f->network));
    } else {
        TRY(network_load(found, NULL, &f->network));
        TRY(dataset_open(data, DATASET_TRAIN, &f->train));
        const enum status code = tune(f, &arena);
        arena_close(&arena);
        TRY(code);
        TRY(network_save(&f->network, final));
    }
    TRY(test_network(f, &f->network, &result.accuracy_test));
    TRY(test_network(f, &f->base, &result.accuracy_base_test));
    result.tested = true;
    return run_result_write(&result, result_path);
}

static void finishing_close(struct finishing *f)
{
    network_close(&f->base);
    network_close(&f->network);
    dataset_close(&f->train);
    dataset_close(&f->test);
}

enum status run_stage_finish(struct run_session *session)
{
    enum status code = OK;
    if (session->leader >= 0) {
        struct backend *backend;
        TRY(load_backend(&session->config.backend, 1, &backend));
        for (int task = session->leader; code == OK && task < session->config.tasks->n;
             task += session->leaders) {
            struct finishing f = {
                .session = session,
                .backend = backend,
                .task = task,
                .name = run_task_name(session, task),
            };
            code = finish_task(&f);
            finishing_close(&f);
        }
        backend_close(backend);
    }
    return run_agree(session, code);
}
