// Each stage is so many pieces of work, which a probe has timed one by one, on so many cores. Where
// a piece was too long to be tried, or tried at another size, its multiply-adds stand for it.
#include "run/run_estimate.h"

#include "learner/methods/method.h"

#include <math.h>
#include <stdio.h>

const char *const run_estimate_names[ESTIMATE_STAGES] = {"base", "search", "rescore", "finetune"};

// An update does about three times a forward pass, and one of a teacher.
#define TRAIN_PASSES 3.0
// Gathering what refitting needs takes about so many forward passes an image.
#define REFIT_PASSES 8.0

struct estimating {
    const struct run_config *config;
    const struct run_probe *probes;
    int n;
    double cores, workers;
    struct run_estimate *out;
};

// Mean over those probes that have it: value and weight of each are told by `get`.
static double mean_of(const struct estimating *e, int index,
                      double (*get)(const struct run_probe *probe, int index))
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < e->n; i++) {
        const double value = get(&e->probes[i], index);
        sum += value;
        n += value > 0;
    }
    return n > 0 ? sum / n : 0;
}

static double base_seconds(const struct run_probe *probe, int i)
{
    return probe->networks[i].base.core_seconds;
}
static double base_overhead(const struct run_probe *probe, int i)
{
    return probe->networks[i].base.overhead_seconds;
}
static double tune_seconds(const struct run_probe *probe, int i)
{
    return probe->networks[i].tune.core_seconds;
}
static double tune_overhead(const struct run_probe *probe, int i)
{
    return probe->networks[i].tune.overhead_seconds;
}
static double build_seconds(const struct run_probe *probe, int i)
{
    return probe->networks[i].build_seconds;
}
static double score_seconds(const struct run_probe *probe, int i)
{
    return probe->networks[i].score_seconds;
}
static double candidate_seconds(const struct run_probe *probe, int i)
{
    (void)i;
    return probe->candidate_seconds;
}
static double arithmetic_seconds(const struct run_probe *probe, int i)
{
    (void)i;
    return probe->arithmetic_seconds;
}
static double open_seconds(const struct run_probe *probe, int i)
{
    (void)i;
    return probe->open_seconds;
}
static double learner_seconds(const struct run_probe *probe, int i)
{
    (void)i;
    return probe->learner_seconds;
}

static const struct probe_network *network_of(const struct estimating *e, int index)
{
    return &e->probes[0].networks[index];
}

// A training goes on from its checkpoint again and again: how much of its time that takes.
static double with_slices(double seconds, double overhead)
{
    const double slice = fmin(40, fmax(6, seconds / 10));
    return seconds > 0 ? seconds + ceil(seconds / slice) * overhead : 0;
}

// ---- base networks

// Scoring after each epoch goes forward alone.
static double updates_with_validation(const struct train_recipe *recipe, int64_t updates,
                                      int validation_images)
{
    return (double)updates +
           recipe->epochs * validation_images / TRAIN_PASSES / (double)recipe->batch;
}

static void estimate_base(struct estimating *e)
{
    const struct run_config *config = e->config;
    double core_seconds = 0, overhead = 0;
    int64_t updates = 0;
    int trained = 0;
    for (int i = 0; i < config->networks->n; i++) {
        const struct network_config *network = run_config_network(config, i);
        const struct probe_network *probe = network_of(e, i);
        const struct train_recipe *recipe = run_config_recipe(network);
        if (!run_config_trains(network)) {
            continue;
        }
        trained++;
        updates += probe->base.updates_all;
        overhead = fmax(overhead, mean_of(e, i, base_overhead));
        core_seconds +=
            mean_of(e, i, base_seconds) *
            updates_with_validation(recipe, probe->base.updates_all, probe->validation_images);
    }
    e->out->seconds[ESTIMATE_BASE] = with_slices(core_seconds / e->cores, overhead);
    snprintf(e->out->how[ESTIMATE_BASE], sizeof e->out->how[0],
             trained > 0 ? "%d of %d networks trained in %lld updates, %d loaded"
                         : "%d of %d networks trained, %lld updates, %d loaded",
             trained, config->networks->n, (long long)updates, config->networks->n - trained);
}

// ---- the search

// Of all networks together: what is done once before the first candidate, in images.
static double opening_passes(const struct estimating *e, int validation, int refit, int pool)
{
    double passes = 0;
    for (int i = 0; i < e->config->networks->n; i++) {
        const double macs = fmax(1, (double)network_of(e, i)->full_macs);
        const int own = validation > 0 ? validation : network_of(e, i)->validation_images;
        passes += macs * (own + REFIT_PASSES * refit + pool);
    }
    return passes;
}

static double open_time(const struct estimating *e)
{
    const struct scoring_options *scoring = &e->config->scoring;
    const struct run_probe *probe = &e->probes[0];
    const double tried = opening_passes(e, probe->images, probe->refit_images, 0);
    const double all = opening_passes(e, 0, scoring->refit_images, scoring->calibration_pool);
    return mean_of(e, 0, open_seconds) * (tried > 0 && all > tried ? all / tried : 1);
}

// How many images a candidate is scored on.
static double images_of(const struct estimating *e)
{
    double all = 0;
    for (int i = 0; i < e->config->networks->n; i++) {
        all = fmax(all, network_of(e, i)->validation_images);
    }
    const double asked = e->config->scoring.images;
    return asked > 0 && (asked < all || all == 0) ? asked : all;
}

static double evaluations_of(const struct estimating *e)
{
    const struct run_probe *probe = &e->probes[0];
    double all = 0;
    for (int task = 0; task < probe->n_tasks; task++) {
        const double there =
            probe->tasks[task].steps > 0 ? pow(10, fmin(probe->tasks[task].log10_all, 300)) : 1e300;
        all += fmin(e->config->search.evaluations, there);
    }
    return all;
}

static double learner_time(const struct estimating *e, double evaluations)
{
    const struct learner_options *learner = &e->config->learner;
    const struct run_probe *probe = &e->probes[0];
    const double updates = evaluations / learner->batch;
    const double seconds = mean_of(e, 0, learner_seconds);
    if (learner->model != REWARD_MODEL_NONE && probe->batches > 0) {
        const double batches = learner->taught_batches + learner->distilled_batches +
                               learner->imagined_batches * updates;
        return seconds / (double)probe->batches * batches;
    }
    return probe->updates > 0 ? seconds / (double)probe->updates * updates : 0;
}

static void estimate_search(struct estimating *e)
{
    const struct run_probe *probe = &e->probes[0];
    const bool designs = run_config_designs(e->config);
    const double evaluations = evaluations_of(e);
    const double calibration = e->config->scoring.calibration_images;
    const double arithmetic = mean_of(e, 0, arithmetic_seconds);
    const double grows = designs ? (calibration + images_of(e)) / (calibration + probe->images) : 1;
    const double candidate = mean_of(e, 0, candidate_seconds) + arithmetic * (grows - 1);
    e->out->open_seconds = designs ? open_time(e) : mean_of(e, 0, open_seconds);
    e->out->learner_seconds = learner_time(e, evaluations);
    e->out->seconds[ESTIMATE_SEARCH] = e->out->open_seconds + e->out->learner_seconds +
                                       evaluations * candidate / fmin(e->workers, e->cores);
    snprintf(e->out->how[ESTIMATE_SEARCH], sizeof e->out->how[0],
             "%.0f evaluations of %.3f s on %.0f workers, %.1f s to open, %.1f s to learn",
             evaluations, candidate, e->workers, e->out->open_seconds, e->out->learner_seconds);
}

// ---- what follows

static void estimate_rescore(struct estimating *e)
{
    const struct run_config *config = e->config;
    double core_seconds = 0;
    int candidates = 0;
    for (int task = 0; task < config->tasks->n; task++) {
        const int index = run_config_task_network(config, task);
        const int best = config->search.best < config->search.evaluations
                             ? config->search.best
                             : config->search.evaluations;
        const double build = mean_of(e, index, build_seconds);
        const double score =
            mean_of(e, index, score_seconds) * network_of(e, index)->validation_images;
        core_seconds += best * (build + score) + build;
        candidates += best;
    }
    e->out->seconds[ESTIMATE_RESCORE] =
        e->out->open_seconds + core_seconds / fmin(e->cores, candidates > 0 ? candidates : 1);
    snprintf(e->out->how[ESTIMATE_RESCORE], sizeof e->out->how[0],
             "%d candidates scored again on all search-validation images", candidates);
}

// Multiply-adds of what is found for a task: just its budget, or as the probe's candidate.
static double found_macs(const struct estimating *e, int task)
{
    const struct probe_network *network = network_of(e, run_config_task_network(e->config, task));
    const double asked = run_config_task(e->config, task)->budget[COST_MACS];
    const double full = (double)network->full_macs;
    return asked > 1 ? asked : asked > 0 ? asked * full : (double)network->tuned_macs;
}

// Core-seconds of an update per multiply-add of an image, for a network that was not tried: of
// another one.
static double any_pace(const struct estimating *e)
{
    for (int i = 0; i < e->config->networks->n; i++) {
        const struct probe_network *network = network_of(e, i);
        const double macs = TRAIN_PASSES * (double)network->tuned_macs + (double)network->full_macs;
        if (macs > 0 && mean_of(e, i, tune_seconds) > 0) {
            return mean_of(e, i, tune_seconds) / macs;
        }
    }
    return 0;
}

static void estimate_finetune(struct estimating *e)
{
    const struct run_config *config = e->config;
    const struct train_recipe *recipe = &config->finetune;
    double core_seconds = 0, overhead = 0;
    for (int task = 0; task < config->tasks->n; task++) {
        const int index = run_config_task_network(config, task);
        const struct probe_network *network = network_of(e, index);
        const double full = (double)network->full_macs, found = found_macs(e, task);
        const double tried = TRAIN_PASSES * (double)network->tuned_macs + full;
        const double seconds = mean_of(e, index, tune_seconds);
        const double pace = seconds > 0 && tried > 0 ? seconds / tried : any_pace(e);
        const double rows = recipe->validation_share > 0 || !recipe->all_rows
                                ? network->train_images
                                : network->train_images + network->validation_images;
        const double updates = network->tune.updates_all > 0
                                   ? (double)network->tune.updates_all
                                   : recipe->epochs * ceil(rows / recipe->batch);
        const double tests = (found + full) * network->test_images / recipe->batch;
        core_seconds += pace * ((TRAIN_PASSES * found + full) * updates + tests);
        overhead = fmax(overhead, mean_of(e, index, tune_overhead));
    }
    e->out->seconds[ESTIMATE_FINETUNE] = with_slices(core_seconds / e->cores, overhead);
    snprintf(e->out->how[ESTIMATE_FINETUNE], sizeof e->out->how[0],
             "%d networks trained on for %d epochs, then tested", config->tasks->n, recipe->epochs);
}

// Every process as large as a probe's, and the learner.
static double memory(const struct estimating *e)
{
    double most = 0;
    for (int i = 0; i < e->n; i++) {
        most = fmax(most, (double)e->probes[i].peak_bytes);
    }
    return most * (e->workers + 1);
}

void run_estimate(const struct run_config *config, const struct run_probe *probes, int n,
                  const struct run_estimate_host *host, bool finishes, struct run_estimate *out)
{
    struct estimating e = {config, probes, n, host->cores, host->workers, out};
    *out = (struct run_estimate){.total_seconds = 0};
    if (run_config_designs(config)) {
        estimate_base(&e);
    }
    estimate_search(&e);
    if (run_config_designs(config)) {
        estimate_rescore(&e);
        if (finishes) {
            estimate_finetune(&e);
        }
    }
    for (int i = 0; i < ESTIMATE_STAGES; i++) {
        out->total_seconds += out->seconds[i];
    }
    out->bytes = memory(&e);
}
