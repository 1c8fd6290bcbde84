// The probe: networks without weights are made and trained for a moment, a search of a few
// candidates with few images is run whole, then a candidate is built as for re-scoring and
// fine-tuned for a moment.
#include "run/run_probe.h"

#include "core/clock.h"
#include "core/hdf5_log.h"
#include "core/machine.h"
#include "envs/candidate_env.h"
#include "learner/run_rows.h"
#include "nn/zoo.h"
#include "run/run_space.h"
#include "run/run_weights.h"
#include "run/run_work.h"
#include "search_space/cost.h"
#include "train/train_supernet.h"

#include <math.h>
#include <stdio.h>

enum { LEAST_IMAGES = 200, MOST_IMAGES = 300, REFIT_IMAGES = 64, BATCHES = 4, EVALUATIONS = 2 };
enum { FEW_CALIBRATION = 64, SOME_CALIBRATION = 256 }; // whole batches, as all of it mostly is
#define BASE_SHARE 0.35                                // of the time, for base networks
#define LEAST_SLICE 0.25

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// A stretch of time, and of it what the processor worked for this process.
struct stretch {
    double wall, work;
};

struct probing {
    const struct run_probe_job *job;
    struct run_session *session;
    struct run_probe *out;
    struct run_data data;
    double start;
    int pieces;               // of training so far
    struct stretch searching; // until the search was done
};

static struct stretch begin(void)
{
    return (struct stretch){clock_seconds(), clock_processor_seconds()};
}

static void end(struct stretch *stretch)
{
    stretch->wall = clock_seconds() - stretch->wall;
    stretch->work = clock_processor_seconds() - stretch->work;
}

// The share of the stretch that `threads` threads were let work: what it takes where nobody else
// uses the machine. A device's work is not seen.
static double share_of(const struct probing *p, const struct stretch *stretch, int threads)
{
    const bool computes = p->session->backend.facts.n_devices == 0;
    return computes && stretch->wall > 0 ? fmin(1, stretch->work / stretch->wall / threads) : 1;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

// ---- the small config

static enum status count_images(struct probing *p, int index)
{
    const struct dataset_options *options = &run_config_network(p->job->config, index)->data;
    struct probe_network *network = &p->out->networks[index];
    struct dataset train = {0}, test = {0};
    enum status code = dataset_describe(options, DATASET_TRAIN, &train);
    if (code == OK) {
        code = dataset_describe(options, DATASET_TEST, &test);
    }
    if (code == OK) {
        const double share = p->job->config->scoring.validation_share;
        network->validation_images = (int)(share * train.n + 0.5);
        network->train_images = train.n - network->validation_images;
        network->test_images = test.n;
    }
    dataset_close(&train);
    dataset_close(&test);
    return code;
}

// Fewer images to look at, fewer candidates, fewer lessons; the networks and the work on one
// candidate stay.
static void reduce(struct probing *p)
{
    struct run_config *config = &p->session->config;
    struct scoring_options *scoring = &config->scoring;
    double share = 0;
    for (int i = 0; i < config->networks->n; i++) {
        const struct probe_network *network = &p->out->networks[i];
        const int all = network->train_images + network->validation_images;
        const int wanted = least(scoring->images > 0 ? scoring->images : MOST_IMAGES, MOST_IMAGES);
        const int images = wanted > LEAST_IMAGES ? wanted : LEAST_IMAGES;
        share = fmax(share, all > 0 ? (double)images / all : 0);
    }
    if (share > 0 && share < scoring->validation_share) {
        scoring->validation_share = fmax(share, 0.001);
    }
    scoring->images = scoring->images > 0 ? least(scoring->images, MOST_IMAGES) : MOST_IMAGES;
    scoring->refit_images = least(scoring->refit_images, REFIT_IMAGES);
    scoring->calibration_pool = 0; // it costs as any images: run_estimate.c adds them
    config->search.evaluations = EVALUATIONS;
    config->search.episodes = 0;
    config->search.best = 1;
    config->learner.taught_batches = least(config->learner.taught_batches, BATCHES);
    config->learner.distilled_batches = least(config->learner.distilled_batches, BATCHES);
    config->transport = TRANSPORT_INLINE;
    config->actors.count = 1;
    config->actors.faults = "";
    config->backend.threads = p->job->search_threads;
    config->run_dir = p->job->folder;
    p->out->images = scoring->images;
    p->out->refit_images = scoring->refit_images;
}

// ---- training

static double time_left(const struct probing *p)
{
    return p->job->seconds - (clock_seconds() - p->start);
}

static double slice_of(double seconds, int pieces)
{
    return fmin(1, fmax(LEAST_SLICE, seconds / (pieces > 0 ? pieces : 1) / 2));
}

static void keep_training(const struct probing *p, const struct train_report *report,
                          struct stretch *stretch, struct probe_training *out)
{
    end(stretch);
    if (report->updates_here > 0) {
        const int threads = p->job->train_threads;
        const double share = share_of(p, stretch, threads);
        out->core_seconds = share * report->seconds * threads / (double)report->updates_here;
        out->overhead_seconds = share * (stretch->wall - report->seconds);
        out->updates_all = report->updates_all;
    }
}

// What a training of a network and one of a supernet have in common. Each has a checkpoint of its
// own: none goes on with another's.
struct piece {
    struct stretch stretch;
    struct backend *backend; // owned
    const char *checkpoint;
    struct train_report report;
};

static enum status begin_piece(struct probing *p, struct piece *out)
{
    struct backend_use use = p->session->backend;
    use.options.threads = p->job->train_threads;
    *out = (struct piece){.stretch = begin()};
    out->checkpoint = arena_format(&p->session->arena, "%s/networks/probe%d.safetensors",
                                   p->job->folder, p->pieces++);
    TRY(out->checkpoint != NULL ? OK : ERR_MEMORY);
    return load_settled_backend(&use, &out->backend);
}

static enum status end_piece(const struct probing *p, struct piece *piece, enum status code,
                             struct probe_training *out)
{
    if (code == OK) {
        keep_training(p, &piece->report, &piece->stretch, out);
    }
    backend_close(piece->backend);
    return code;
}

static enum status try_training(struct probing *p, struct train_job *job, struct network *network,
                                struct probe_training *out)
{
    struct piece piece;
    TRY(begin_piece(p, &piece));
    job->collective = &alone;
    job->quiet = true;
    job->identity = "probe";
    job->checkpoint = piece.checkpoint;
    job->backend = piece.backend;
    return end_piece(p, &piece, train_network(job, network, &p->session->arena, &piece.report),
                     out);
}

// Twice: the first time opens kernels that nearly all later updates find, however new their
// networks are; the second goes on from there.
static enum status try_supernet(struct probing *p, struct supernet_job *job,
                                struct supernet *supernet, struct probe_training *out)
{
    struct piece piece;
    TRY(begin_piece(p, &piece));
    job->collective = &alone;
    job->quiet = true;
    job->identity = "probe";
    job->checkpoint = piece.checkpoint;
    job->backend = piece.backend;
    enum status code = train_supernet(job, supernet, &p->session->arena, &piece.report);
    if (code == OK && !piece.report.finished) {
        piece.stretch = begin();
        code = train_supernet(job, supernet, &p->session->arena, &piece.report);
    }
    return end_piece(p, &piece, code, out);
}

// ---- base networks

static enum status make_supernet(struct probing *p, int index, const struct dataset *data,
                                 double seconds)
{
    const struct run_session *session = p->session;
    const struct network_config *config = run_config_network(&session->config, index);
    struct supernet supernet;
    struct network largest = {0};
    struct supernet_job job = {.dataset = data, .recipe = &config->supernet, .seconds = seconds};
    TRY(config->weights[0] != '\0'
            ? run_space_load(config, data, &p->session->arena, &supernet)
            : run_space_create(config, data, session->config.seed, &supernet));
    enum status code = OK;
    if (p->job->train_threads > 0) {
        code = try_supernet(p, &job, &supernet, &p->out->networks[index].base);
    }
    if (code == OK) {
        code = supernet_extract_largest(&supernet, &largest);
    }
    if (code == OK) {
        code = network_save(&largest, session->whole_files[index]);
    }
    if (code == OK) {
        code = supernet_save(&supernet, session->network_files[index]);
    }
    network_close(&largest);
    supernet_close(&supernet);
    return code;
}

// With the weights that it begins with: what things cost does not depend on them.
static enum status make_network(struct probing *p, int index, double seconds)
{
    const struct run_session *session = p->session;
    const struct network_config *config = run_config_network(&session->config, index);
    const struct dataset *data;
    struct network network;
    if (!run_config_trains(config)) {
        return OK;
    }
    TRY(run_data_open(&p->data, &config->data, DATASET_TRAIN, &data));
    if (run_space_type(config) != NULL) {
        return make_supernet(p, index, data, seconds);
    }
    struct train_job job = {.dataset = data, .recipe = &config->train, .seconds = seconds};
    const struct weights_source source = run_weights_source(config);
    TRY(config->weights[0] != '\0'
            ? run_load_weights(&source, data, NULL, &p->session->arena, &network)
            : network_file_create(config->hints.architecture, data, session->config.seed,
                                  &network));
    enum status code = OK;
    if (p->job->train_threads > 0) {
        code = try_training(p, &job, &network, &p->out->networks[index].base);
    }
    if (code == OK) {
        code = network_save(&network, session->network_files[index]);
    }
    network_close(&network);
    return code;
}

static enum status make_networks(struct probing *p)
{
    const struct run_config *config = &p->session->config;
    int trained = 0;
    for (int i = 0; i < config->networks->n; i++) {
        trained += run_config_trains(run_config_network(config, i));
    }
    const double seconds = slice_of(BASE_SHARE * p->job->seconds, trained);
    for (int i = 0; i < config->networks->n; i++) {
        TRY(make_network(p, i, seconds));
    }
    return OK;
}

// ---- with the search's environment open

static void keep_space(struct probing *p, struct env *env, int task)
{
    struct probe_task *out = &p->out->tasks[task];
    struct network_task_facts facts = {0};
    if (env->ops->candidates != NULL) {
        struct candidate_env_space space;
        env->ops->candidates->space(env, task, &space);
        out->steps = space.steps;
        for (int i = 0; i < space.steps; i++) {
            out->log10_all += log10(space.n_choices[i]);
        }
    }
    if (env->ops->network != NULL) {
        env->ops->network->facts(env, task, &facts);
        for (int k = 0; k < COST_KINDS; k++) {
            out->full[k] = facts.full[k];
        }
    }
}

static enum status tune(struct probing *p, int task, struct network *network)
{
    struct run_session *session = p->session;
    const int index = run_config_task_network(&session->config, task);
    const struct network_config *config = run_config_network(&session->config, index);
    struct network whole;
    if (time_left(p) <= 0 && index > 0 && p->out->networks[0].tune.updates_all > 0) {
        return OK; // the multiply-adds of the first stand for it
    }
    struct train_job job = {
        .recipe = &session->config.finetune, .name = "finetune", .teacher = &whole};
    TRY(run_data_open(&p->data, &config->data, DATASET_TRAIN, &job.dataset));
    TRY(network_load(session->whole_files[index], NULL, &whole));
    job.seconds = slice_of(time_left(p), 2 * (session->config.networks->n - index));
    const enum status code = try_training(p, &job, network, &p->out->networks[index].tune);
    network_close(&whole);
    return code;
}

// Builds a candidate as re-scoring does, but on fewer images, twice: the difference is what the
// others take. *seconds: of one thread that builds it on all of them.
static enum status build_one(struct probing *p, struct env *env, int task, struct network *network,
                             double *seconds)
{
    const int32_t *choice = p->session->candidates[task].candidates[0].widths;
    const int index = run_config_task_network(&p->session->config, task);
    const int all = least(RUN_CALIBRATION, p->out->networks[index].train_images);
    const int images[] = {least(FEW_CALIBRATION, all), least(SOME_CALIBRATION, all)};
    double taken[2];
    for (int i = 0; i < 2; i++) {
        struct stretch built = begin();
        TRY(env->ops->network->build(env, task, choice, images[i], network));
        end(&built);
        taken[i] = built.wall * share_of(p, &built, p->job->search_threads);
        if (i == 0) {
            network_close(network);
        }
    }
    const int more = images[1] - images[0];
    const double each = more > 0 ? fmax(0, taken[1] - taken[0]) / more : 0;
    *seconds = taken[1] + each * (all - images[1]);
    return OK;
}

// The best candidate of a task once more, as later stages do it.
static enum status finish_one(struct probing *p, struct env *env, int task)
{
    const struct run_session *session = p->session;
    const struct run_candidates *all = &session->candidates[task];
    struct probe_network *out = &p->out->networks[run_config_task_network(&session->config, task)];
    struct network network;
    struct network_score score;
    if (all->n == 0) {
        return OK;
    }
    const int threads = p->job->search_threads;
    TRY(build_one(p, env, task, &network, &out->build_seconds));
    struct stretch scored = begin();
    enum status code = env->ops->network->score(env, task, &network, &score);
    end(&scored);
    const double images =
        session->config.scoring.validation_share * (out->train_images + out->validation_images);
    out->score_seconds = scored.wall * share_of(p, &scored, threads) / fmax(1, images);
    out->tuned_task = task;
    out->tuned_macs = cost_of_graph(&network.graph).macs;
    out->full_macs = p->out->tasks[task].full[COST_MACS];
    if (code == OK && p->job->train_threads > 0) {
        code = tune(p, task, &network);
    }
    network_close(&network);
    return code;
}

static enum status with_env(struct run_session *session, struct env *env, void *context)
{
    struct probing *p = context;
    end(&p->searching);
    const int n_tasks = least(session->agent.shape.n_tasks, PROBE_MOST_TASKS);
    p->out->n_tasks = n_tasks;
    for (int task = 0; task < n_tasks; task++) {
        keep_space(p, env, task);
    }
    for (int i = 0; session->network_env != NULL && i < session->config.networks->n; i++) {
        for (int task = 0; task < n_tasks; task++) {
            if (run_config_task_network(&session->config, task) == i) {
                TRY(finish_one(p, env, task));
                break;
            }
        }
    }
    return OK;
}

// What new candidates cost; the first of all opens what the others find open.
static enum status add_up_candidates(struct probing *p)
{
    const struct hdf5_table *table = &run_tables[TABLE_EPISODE_COSTS];
    struct run_session *session = p->session;
    const char *path = run_path(session, &session->arena, "", "run", ".h5");
    struct episode_cost_row *rows;
    int64_t n = 0, counted = 0;
    TRY(path != NULL ? hdf5_log_count(path, table, &n) : ERR_MEMORY);
    ARENA_NEW(&session->arena, rows, (size_t)n + 1);
    TRY(hdf5_log_read(path, table, 0, n, rows));
    for (int64_t i = n > 1 ? 1 : 0; i < n; i++) {
        if (rows[i].cached == 0) {
            p->out->candidate_seconds += rows[i].environment_seconds + rows[i].policy_seconds;
            p->out->arithmetic_seconds += rows[i].arithmetic_seconds;
            counted++;
        }
    }
    if (counted > 0) {
        p->out->candidate_seconds /= (double)counted;
        p->out->arithmetic_seconds /= (double)counted;
    }
    return OK;
}

static enum status search(struct probing *p)
{
    struct run_session *session = p->session;
    const struct learner_options *learner = &session->config.learner;
    const int threads = p->job->search_threads;
    p->searching = begin();
    session->look = with_env;
    session->look_context = p;
    const double start = p->searching.wall;
    TRY(run_stage_search(session));
    TRY(add_up_candidates(p));
    const double share = share_of(p, &p->searching, threads);
    p->out->candidate_seconds *= share;
    p->out->arithmetic_seconds *= share;
    p->out->open_seconds = share * (session->search_begun - start);
    p->out->updates = session->summary.updates;
    p->out->batches = learner->taught_batches + learner->distilled_batches +
                      learner->imagined_batches * session->summary.updates;
    p->out->learner_seconds =
        share * fmax(0, session->summary.seconds - session->times.search.busy_seconds / threads);
    return OK;
}

static enum status probe(struct probing *p)
{
    struct run_session *session = p->session;
    const bool designs = run_config_designs(p->job->config);
    for (int i = 0; designs && i < least(session->config.networks->n, PROBE_MOST_NETWORKS); i++) {
        TRY(count_images(p, i));
    }
    reduce(p);
    p->out->validation_images = p->out->images;
    TRY(run_session_prepare(session));
    TRY(run_session_begin(session));
    if (designs) {
        TRY(make_networks(p));
        TRY(run_stage_base(session));
    }
    return search(p);
}

enum status run_probe(const struct run_probe_job *job, struct run_probe *out)
{
    struct probing p = {.job = job, .out = out, .start = clock_seconds()};
    if (job->config->networks->n > PROBE_MOST_NETWORKS) {
        FAIL(ERR_UNSUPPORTED, "a dry run looks at %d networks at most, and there are %d",
             (int)PROBE_MOST_NETWORKS, job->config->networks->n);
    }
    TRY(run_session_make(&alone, &p.session));
    p.session->config = *job->config;
    p.session->finishes = true;
    const enum status code = probe(&p);
    out->peak_bytes = machine_peak_bytes();
    run_data_close(&p.data);
    run_session_close(p.session);
    return code;
}
