// How many candidates per second the workers of one machine score, what share of their time is not
// the networks' own arithmetic, and how many frames per second the learner learns from. The network
// has random weights: that costs as much as any other.
#include "actors/actor.h"
#include "app/bench/bench_commands.h"
#include "app/bench/bench_learner.h"
#include "app/bench/bench_machine.h"
#include "app/command_line.h"
#include "app/output.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/machine.h"
#include "envs/env_list.h"
#include "envs/prune/prune.h"
#include "learner/learner_options.h"
#include "run/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORKERS = 256, MOST_CASES = 16, KNOWN_ANSWERS = 1000 };

struct search_bench_config {
    const char *architecture;
    double macs, seconds;
    int episodes;
    const struct int_list *workers;
    struct dataset_options data;
    struct space_options space;
    struct scoring_options scoring;
    struct backend_config backend;
    bool policy, learner, json, csv;
    uint64_t seed;
};

#define AT(field) .offset = offsetof(struct search_bench_config, field)
static const struct option bench_table[] = {
    {"architecture", "zoo network", OPTION_STRING, AT(architecture), .fallback_text = "resnet20"},
    {"macs", "budget of the candidates, as a share", OPTION_DOUBLE, AT(macs), .fallback = 0.5,
     .least = 0.01, .most = 1},
    {"seconds", "time window of one measurement", OPTION_DOUBLE, AT(seconds), .fallback = 10,
     .least = 0.1, .most = 3600},
    {"workers", "numbers of workers to measure; by default 1 and the number of cores, or of GPUs",
     OPTION_INT_LIST, AT(workers), .least = 1, .most = MOST_WORKERS},
    {"episodes",
     "that a worker plays at once (actors.episodes); 0 = 1 on a processor, 8 to 64 on a GPU",
     OPTION_INT, AT(episodes), .fallback = 0, .least = 0, .most = 1024},
    {"data", "the data set; by default images drawn for the purpose", OPTION_OBJECT, AT(data),
     .table = dataset_option_table},
    {"space", "which widths there are", OPTION_OBJECT, AT(space), .table = space_option_table},
    {"scoring", "how a candidate is scored", OPTION_OBJECT, AT(scoring),
     .table = scoring_option_table},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {"policy", "a new policy chooses the widths, as in a search; false: they are drawn at random",
     OPTION_BOOL, AT(policy), .fallback = 1},
    {"learner", "measure the learner as well: the agent of the MTACP paper, 4 unrolls of 60",
     OPTION_BOOL, AT(learner), .fallback = 1},
    {"seed", "of weights and candidates", OPTION_SEED, AT(seed), .fallback = 0},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"csv", "print the rates by workers as comma-separated values", OPTION_BOOL, AT(csv),
     .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *const bench_positional[] = {"WHAT", NULL};
const struct cli bench_search_cli = {
    .command = "dikdik bench",
    .usage = "search [options]",
    .about = "Measures how many candidates per second the search scores on this machine, by number "
             "of workers, what share of the time is not the networks' own arithmetic, and how many "
             "frames per second the learner learns from.",
    .positional = bench_positional,
    .required = 1,
    .table = bench_table,
};

struct bench_case_result {
    int workers;
    int64_t candidates;
    double candidates_per_second, overhead_share;
};

struct search_bench {
    const struct search_bench_config *config;
    struct backend_use use;
    int sharers; // most workers of a device
    char folder[64], file[96];
    struct scoring_network network;
    struct prune_task task;
    struct prune_config prune;
    struct agent_options agent;
    struct actor_options actors;
    struct rollout_job job;
    struct bench_case_result results[MOST_CASES];
    int n_results;
    struct bench_learner_speed learner;
    struct arena arena;
};

// A network of random weights in a file of its own.
static enum status make_network(struct search_bench *bench)
{
    struct dataset data;
    struct network network;
    TRY(dataset_open(&bench->config->data, DATASET_TRAIN, &data));
    enum status code =
        network_file_create(bench->config->architecture, &data, bench->config->seed, &network);
    dataset_close(&data);
    TRY(code);
    code = network_save(&network, bench->file);
    network_close(&network);
    return code;
}

static enum status set_up(struct search_bench *bench)
{
    snprintf(bench->folder, sizeof bench->folder, "/tmp/dikdik-bench-XXXXXX");
    if (mkdtemp(bench->folder) == NULL) {
        FAIL(ERR_IO, "no folder for the network can be made in /tmp");
    }
    snprintf(bench->file, sizeof bench->file, "%s/network.safetensors", bench->folder);
    option_defaults(agent_option_table, &bench->agent);
    bench->network = (struct scoring_network){
        .name = bench->config->architecture, .file = bench->file, .data = bench->config->data};
    bench->task =
        (struct prune_task){.name = "bench", .network = 0, .budget = {bench->config->macs}};
    bench->prune = (struct prune_config){
        .networks = &bench->network,
        .tasks = &bench->task,
        .n_networks = 1,
        .n_tasks = 1,
        .space = bench->config->space,
        .scoring = bench->config->scoring,
    };
    bench->job = (struct rollout_job){
        .ops = &env_prune,
        .env = {.config = &bench->prune,
                .seed = bench->config->seed,
                .backend = bench->use.name,
                .device = bench->use.options.device,
                .precision = bench->use.options.precision,
                .profile = bench->use.options.profile,
                .check = bench->use.options.check,
                .sharers = bench->sharers,
                .shared_fd = -1},
        .agent = &bench->agent,
        .actor = &bench->actors,
    };
    return OK;
}

// ---- one number of workers
struct crew {
    struct search_bench *bench;
    struct nursery *nursery;
    struct transport transport;
    struct actor *actors[MOST_WORKERS];
    int open[MOST_WORKERS];  // tickets that each has not answered
    struct ticket *tickets;  // [episodes] scratch; arena
    float *weights;          // [n_weights] of the policy; arena
    size_t n_weights;        // 0: widths are drawn at random
    bool told[MOST_WORKERS]; // who has them
    int n;
    int64_t next_episode, answers, scored; // scored: answers that were not known already
    double arithmetic;
    double last; // clock_seconds of the last answer
};

// Tickets to those that need some: the next batch, where there are several at once, before the last
// one is answered, as the learner gives them.
static enum status crew_give(struct crew *crew, bool *moved)
{
    const int episodes = crew->bench->actors.episodes, least = episodes > 1 ? episodes : 0;
    for (int actor = 0; actor < crew->n; actor++) {
        if (crew->open[actor] > least || !transport_ready(&crew->transport, actor)) {
            continue;
        }
        for (int i = 0; i < episodes; i++) {
            crew->tickets[i] =
                (struct ticket){.kind = TICKET_EPISODE,
                                .episode = crew->next_episode++,
                                .source = crew->n_weights > 0 ? ACTIONS_POLICY : ACTIONS_RANDOM};
        }
        struct ticket_batch batch = {.tickets = crew->tickets, .n = episodes};
        if (!crew->told[actor]) {
            batch.weights = crew->weights;
            batch.n_weights = crew->n_weights;
            crew->told[actor] = true;
        }
        TRY(transport_send_tickets(&crew->transport, actor, &batch));
        crew->open[actor] += episodes;
        *moved = true;
    }
    return OK;
}

// One turn: tickets given, actors polled, an answer counted.
static enum status crew_turn(struct crew *crew, struct backoff *backoff)
{
    bool any = false;
    TRY(crew_give(crew, &any));
    for (int i = 0; i < crew->n; i++) {
        bool moved = false;
        bool stopped = false;
        TRY(actor_poll(crew->actors[i], &moved, &stopped));
        any = any || moved;
    }
    int actor;
    const void *block;
    size_t bytes;
    TRY(transport_receive(&crew->transport, &actor, &block, &bytes));
    if (block != NULL) {
        const struct trajectory_header *header = block;
        const int failure = header->failure;
        crew->open[actor]--;
        crew->answers++;
        crew->last = clock_seconds();
        crew->scored += header->cached ? 0 : 1;
        crew->arithmetic += header->arithmetic_seconds;
        transport_release(&crew->transport);
        if (failure != FAILURE_NONE) {
            FAIL(ERR_INPUT, "a candidate could not be scored: %s",
                 failure_name((enum failure_reason)failure));
        }
        any = true;
    }
    if (any) {
        backoff_reset(backoff);
    } else {
        backoff_wait(backoff);
    }
    return OK;
}

static enum status crew_measure(struct crew *crew, struct bench_case_result *out)
{
    struct backoff backoff = {0};
    const int each = 2 * crew->bench->actors.episodes; // the first ones read data and fill caches
    const int64_t warm = (each > 16 ? each : 16) * (int64_t)crew->n;
    while (crew->answers < warm) {
        TRY(crew_turn(crew, &backoff));
    }
    const double start = crew->last;
    crew->arithmetic = 0;
    crew->answers = crew->scored = 0;
    // From an answer to an answer, in whole batches, which come all at once. At least one each,
    // unless there are no more candidates that are new.
    while (crew->last - start < crew->bench->config->seconds ||
           crew->answers % crew->bench->actors.episodes != 0 ||
           (crew->scored < crew->n && crew->answers < KNOWN_ANSWERS * (int64_t)crew->n)) {
        TRY(crew_turn(crew, &backoff));
    }
    const double seconds = crew->last - start;
    *out = (struct bench_case_result){
        .workers = crew->n,
        .candidates = crew->scored,
        .candidates_per_second = (double)crew->scored / seconds,
        .overhead_share = 1 - crew->arithmetic / (seconds * crew->n),
    };
    return OK;
}

static enum status make_policy(struct crew *crew, const struct agent_shape *shape)
{
    struct agent agent;
    struct graph graph;
    if (!crew->bench->config->policy) {
        return OK;
    }
    agent_make(&crew->bench->agent, shape, &agent);
    TRY(agent_graph(&agent, 1, &graph));
    crew->n_weights = graph.n_floats;
    crew->weights = arena_alloc(&crew->bench->arena, graph.n_floats, sizeof *crew->weights);
    if (crew->weights != NULL) {
        agent_init(&graph, crew->bench->config->seed, crew->weights);
    }
    graph_close(&graph);
    return crew->weights != NULL ? OK : ERR_MEMORY;
}

static enum status crew_open(struct crew *crew)
{
    struct trajectory_shape *shape;
    struct agent_shape agent_shape;
    char token[64];
    snprintf(token, sizeof token, "bench-%ld-%d", (long)getpid(), crew->n);
    ARENA_NEW(&crew->bench->arena, shape, 1);
    TRY(nursery_begin(crew->nursery, token, true, 1));
    TRY(nursery_unlink(crew->nursery));
    struct backoff backoff = {0};
    for (bool known = false; !known;) {
        TRY(nursery_shape(crew->nursery, shape, &agent_shape, &known));
        backoff_wait(&backoff);
    }
    TRY(make_policy(crew, &agent_shape));
    const struct transport_sizes sizes = {.trajectory_bytes = trajectory_bytes(shape),
                                          .n_weights = crew->n_weights,
                                          .n_tickets = crew->bench->actors.episodes};
    ARENA_NEW(&crew->bench->arena, crew->tickets, (size_t)sizes.n_tickets);
    TRY(transport_open_local(crew->n, &sizes, &crew->transport));
    for (int i = 0; i < crew->n; i++) {
        const struct actor_job job = {
            .transport = &crew->transport,
            .index = i,
            .nursery = crew->nursery,
            .worker = i,
            .shape = shape,
            .n_weights = crew->n_weights,
            .options = &crew->bench->actors,
        };
        TRY(actor_open(&job, &crew->actors[i]));
    }
    return OK;
}

static enum status crew_run(struct crew *crew)
{
    enum status code = crew_open(crew);
    if (code == OK) {
        struct search_bench *bench = crew->bench;
        code = crew_measure(crew, &bench->results[bench->n_results]);
        bench->n_results += code == OK ? 1 : 0;
    }
    for (int i = 0; i < crew->n; i++) {
        actor_close(crew->actors[i]);
    }
    transport_close(&crew->transport);
    nursery_close(crew->nursery);
    crew->nursery = NULL;
    return code;
}

// All nurseries are forked first: later there may be threads.
static enum status measure_workers(struct search_bench *bench, const struct int_list *workers)
{
    struct crew *crews;
    enum status code = OK;
    ARENA_NEW(&bench->arena, crews, (size_t)workers->n);
    for (int i = 0; i < workers->n && code == OK; i++) {
        crews[i].bench = bench;
        crews[i].n = workers->values[i];
        code = nursery_open(&bench->job, crews[i].n, &crews[i].nursery);
    }
    if (code == OK) {
        code = make_network(bench);
    }
    for (int i = 0; i < workers->n && code == OK; i++) {
        code = crew_run(&crews[i]);
    }
    for (int i = 0; i < workers->n; i++) {
        nursery_close(crews[i].nursery);
    }
    return code;
}

// ---- output
static enum status print_json(const struct search_bench *bench)
{
    struct output_json json;
    output_json_begin(&json);
    json.csv = bench->config->csv ? "results" : NULL;
    struct json_writer *w = &json.writer;
    bench_machine_json(w, &bench->use);
    json_write_string(w, "model", bench->config->architecture);
    json_write_int(w, "calibration_images", bench->config->scoring.calibration_images);
    json_write_int(w, "scoring_images", bench->config->scoring.images);
    json_write_int(w, "episodes", bench->actors.episodes);
    json_write_begin(w, '[', "results");
    for (int i = 0; i < bench->n_results; i++) {
        const struct bench_case_result *result = &bench->results[i];
        json_write_begin(w, '{', NULL);
        json_write_int(w, "workers", result->workers);
        json_write_int(w, "candidates", result->candidates);
        json_write_double(w, "candidates_per_second", result->candidates_per_second);
        json_write_double(w, "overhead_share", result->overhead_share);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    if (bench->config->learner) {
        json_write_double(w, "learner_frames_per_second", bench->learner.frames_per_second);
        json_write_string(w, "learner_backend", bench->learner.backend);
        json_write_int(w, "learner_threads", bench->learner.threads);
    }
    return output_json_end(&json);
}

static void print_text(const struct search_bench *bench)
{
    static const char *const headers[] = {">workers",  ">candidates",         ">per second",
                                          ">speed-up", ">outside arithmetic", NULL};
    const struct scoring_options *scoring = &bench->config->scoring;
    struct output_table table;
    bench_machine_print(&bench->use);
    printf("; candidates of %s, %d images to recalibrate, %d to score; %d at once\n\n",
           bench->config->architecture, scoring->calibration_images, scoring->images,
           bench->actors.episodes);
    output_table_open(&table, headers);
    for (int i = 0; i < bench->n_results; i++) {
        const struct bench_case_result *result = &bench->results[i];
        output_cell(&table, "%d", result->workers);
        output_cell(&table, "%lld", (long long)result->candidates);
        output_cell(&table, "%.2f", result->candidates_per_second);
        if (bench->results[0].candidates > 0) {
            output_cell(&table, "%.2f",
                        result->candidates_per_second / bench->results[0].candidates_per_second);
        } else {
            output_cell(&table, "-");
        }
        output_cell(&table, "%.1f%%", 100 * result->overhead_share);
    }
    output_table_print(&table);
    output_table_close(&table);
    if (bench->config->learner) {
        printf("\nlearner: %.0f frames per second on %s with %d threads (dense 100-400-300, LSTM "
               "302; 4 unrolls of 60)\n",
               bench->learner.frames_per_second, bench->learner.backend, bench->learner.threads);
    }
}

// The most workers decide what each has of a device, so that all numbers of them do the same.
static void share_devices(struct search_bench *bench, const struct int_list *workers)
{
    const int devices = bench->config->backend.device >= 0 ? 1 : bench->use.facts.n_devices;
    int most = 1;
    for (int i = 0; i < workers->n; i++) {
        most = workers->values[i] > most ? workers->values[i] : most;
    }
    bench->sharers = devices > 0 ? (most + devices - 1) / devices : most;
    option_defaults(actor_option_table, &bench->actors);
    bench->actors.episodes = actor_options_episodes(
        bench->config->episodes, bench->use.facts.memory_bytes / (size_t)bench->sharers);
}

static enum status measure(struct search_bench *bench)
{
    TRY(load_settle_backend(&bench->config->backend, 0, &bench->use));
    load_say_backend(&bench->use);
    const int devices = bench->use.facts.n_devices, most = devices > 0 ? devices : machine_cores();
    const int usual_workers[] = {1, most};
    const struct int_list usual = {.n = most > 1 ? 2 : 1, .values = usual_workers};
    const struct int_list *workers =
        bench->config->workers->n > 0 ? bench->config->workers : &usual;
    if (workers->n > MOST_CASES) {
        FAIL(ERR_CONFIG, "--workers: at most %d numbers, got %d", MOST_CASES, workers->n);
    }
    share_devices(bench, workers);
    TRY(set_up(bench));
    enum status code = measure_workers(bench, workers);
    remove(bench->file);
    rmdir(bench->folder);
    if (code == OK && bench->config->learner) {
        code = bench_learner(&bench->use, bench->config->seconds, &bench->learner);
    }
    return code;
}

enum status bench_search_run(int argc, char **argv)
{
    struct search_bench_config config;
    struct cli_result words;
    struct search_bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL) {
        FAIL(ERR_MEMORY, "no memory to measure with");
    }
    bench->config = &config;
    enum status code =
        command_line_read(&bench_search_cli, argc, argv, &config, &bench->arena, &words);
    if (code == OK && !words.help) {
        if (config.data.name[0] == '\0') {
            config.data.name = "shapes";
            config.data.size = 32;
        }
        code = output_check(config.json, config.csv);
        if (code == OK) {
            code = measure(bench);
        }
        if (code == OK && (config.json || config.csv)) {
            code = print_json(bench);
        } else if (code == OK) {
            print_text(bench);
        }
    }
    arena_close(&bench->arena);
    free(bench);
    return code;
}
