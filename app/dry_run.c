// A dry run: as many processes as the run will have workers, up to a few, each probe the pieces of
// the run side by side, so that they are as slow as they will be then; what they found becomes the
// time of the whole.
#include "app/dry_run.h"

#include "app/output.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/isolate.h"
#include "core/log.h"
#include "core/machine.h"
#include "run/run_estimate.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_SECONDS 6.0
enum { MOST_PROBES = 8 };

struct dry {
    struct run_session *session;
    char folder[512];
    struct run_probe *probes; // [n] shared with the processes
    int n;
    int workers, cores;
    pid_t processes[MOST_PROBES];
    double seconds; // that it took
    struct run_estimate estimate;
};

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    (void)remove(path);
    return 0;
}

static enum status make_folder(struct dry *d)
{
    const char *base = getenv("TMPDIR");
    snprintf(d->folder, sizeof d->folder, "%.400s/dikdik-dry-XXXXXX",
             base != NULL && base[0] != '\0' ? base : "/tmp");
    if (mkdtemp(d->folder) == NULL) {
        FAIL(ERR_IO, "%s: a folder for the dry run cannot be made: %s", d->folder, strerror(errno));
    }
    return OK;
}

static int count_trained(const struct run_config *config)
{
    int n = 0;
    for (int i = 0; i < config->networks->n; i++) {
        n += run_config_trains(run_config_network(config, i));
    }
    return n > 0 ? n : config->tasks->n;
}

// Of probe i: as many train at a time as the run has trainings, with as many threads.
static int train_threads(const struct dry *d, int i)
{
    const int jobs = count_trained(&d->session->config);
    const int at_once = jobs < d->workers ? jobs : d->workers;
    const int threads = at_once > 0 ? d->cores / at_once : 1;
    return i < (at_once > 0 ? at_once : 1) ? (threads > 0 ? threads : 1) : 0;
}

_Noreturn static void probe(const struct dry *d, int i, int parent)
{
    struct run_probe *out = &d->probes[i];
    char folder[600];
    isolate_begin_child(parent);
    log_set_level(LOG_QUIET);
    snprintf(folder, sizeof folder, "%s/%d.said", d->folder, i);
    if (freopen(folder, "w", stderr) == NULL) { // the run itself will say it again
        _exit(1);
    }
    snprintf(folder, sizeof folder, "%s/%d", d->folder, i);
    const int share = d->cores / d->workers;
    const struct run_probe_job job = {
        .config = &d->session->config,
        .folder = folder,
        .search_threads = share > 1 ? share : 1,
        .train_threads = train_threads(d, i),
        .seconds = PROBE_SECONDS,
    };
    out->code = run_probe(&job, out);
    status_save(&out->note);
    _exit(0);
}

static enum status start(struct dry *d)
{
    const int parent = (int)getpid();
    for (int i = 0; i < d->n; i++) {
        d->processes[i] = fork();
        if (d->processes[i] == 0) {
            probe(d, i, parent);
        }
        if (d->processes[i] < 0) {
            FAIL(ERR_IO, "a process for the dry run cannot be started: %s", strerror(errno));
        }
    }
    return OK;
}

static void stop(struct dry *d, int signal_)
{
    for (int i = 0; i < d->n; i++) {
        if (d->processes[i] > 0) {
            kill(d->processes[i], signal_);
        }
    }
}

// What a process that crashed had to say.
static void show_said(const struct dry *d, int i)
{
    struct arena arena = {0};
    char path[600], *text;
    size_t length;
    snprintf(path, sizeof path, "%s/%d.said", d->folder, i);
    if (file_read(path, 1 << 20, &arena, &text, &length) == OK) {
        fputs(text, stderr);
    }
    arena_close(&arena);
}

// Until all have ended; who failed ends the others.
static enum status wait_for(struct dry *d)
{
    enum status code = OK;
    for (int i = 0; i < d->n; i++) {
        int how = 0;
        while (d->processes[i] > 0 && waitpid(d->processes[i], &how, WNOHANG) == 0) {
            if (code == OK && interrupt_pending()) {
                code = interrupt_check();
                stop(d, SIGKILL);
            }
            clock_sleep(0.02);
        }
        d->processes[i] = 0;
        if (code != OK) {
            continue;
        }
        if (WIFSIGNALED(how)) {
            show_said(d, i);
            code = status_fail(ERR_UNSUPPORTED, __FILE__, __LINE__,
                               "a process of the dry run was ended by signal %d", WTERMSIG(how));
        } else if (d->probes[i].code != OK) {
            code = d->probes[i].code;
            status_restore(&d->probes[i].note);
        }
        if (code != OK) {
            stop(d, SIGKILL);
        }
    }
    return code;
}

static enum status measure(struct dry *d)
{
    const double begun = clock_seconds();
    TRY(make_folder(d));
    enum status code = start(d);
    if (code != OK) {
        stop(d, SIGKILL);
    }
    struct status_note note;
    status_save(&note);
    const enum status ended = wait_for(d);
    nftw(d->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (code != OK) {
        status_restore(&note);
    }
    d->seconds = clock_seconds() - begun;
    return code != OK ? code : ended;
}

// ---- words

static const char *duration(double seconds, char *out)
{
    const long whole = (long)fmin(seconds + 0.5, 1e9);
    if (whole >= 86400) {
        snprintf(out, 32, "%ld d %ld h", whole / 86400, whole / 3600 % 24);
    } else if (whole >= 3600) {
        snprintf(out, 32, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    } else if (whole >= 60) {
        snprintf(out, 32, "%ld min %02ld s", whole / 60, whole % 60);
    } else {
        snprintf(out, 32, "%.1f s", seconds);
    }
    return out;
}

// "1,024", or "10^31.5" where that is long.
static const char *candidates(double log10_all, char *out)
{
    if (log10_all < 9) {
        return output_count((int64_t)(pow(10, log10_all) + 0.5), out);
    }
    snprintf(out, 32, "10^%.1f", log10_all);
    return out;
}

static void print_tasks(const struct dry *d)
{
    static const char *const headers[] = {"task", "budget", ">decisions", ">candidates", NULL};
    const struct run_config *config = &d->session->config;
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < d->probes[0].n_tasks; i++) {
        const struct probe_task *task = &d->probes[0].tasks[i];
        char budget[96] = "", count[32];
        if (run_config_designs(config)) {
            run_config_budget(run_config_task(config, i), budget, sizeof budget);
            output_cell(&table, "%s", run_config_task(config, i)->name);
        } else {
            output_cell(&table, "%s task %d", config->environment, i);
        }
        output_cell(&table, "%s", budget[0] != '\0' ? budget : "-");
        if (task->steps > 0) {
            output_cell(&table, "%d", task->steps);
            output_cell(&table, "%s", candidates(task->log10_all, count));
        } else {
            output_cell(&table, "-");
            output_cell(&table, "-");
        }
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_stages(const struct dry *d)
{
    static const char *const headers[] = {"stage", ">time", "what", NULL};
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < ESTIMATE_STAGES; i++) {
        char time[32];
        if (d->estimate.how[i][0] != '\0') {
            output_cell(&table, "%s", run_estimate_names[i]);
            output_cell(&table, "%s", duration(d->estimate.seconds[i], time));
            output_cell(&table, "%s", d->estimate.how[i]);
        }
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_words(const struct dry *d)
{
    const struct run_config *config = &d->session->config;
    char time[32];
    printf("%s in %s, on %d workers of %d cores (%s)\n\n", config->name, config->run_dir,
           d->workers, d->cores, d->session->backend.name);
    print_tasks(d);
    printf("\n");
    print_stages(d);
    printf("\nabout %s in all, and at most %.1f GiB of memory\n",
           duration(d->estimate.total_seconds, time), d->estimate.bytes / 1073741824);
    printf("Measured for %.1f s: training steps, candidates and lessons of this config, as many "
           "side by side as the run will have. Networks that are trained first were measured with "
           "new weights; of a task's fine-tuning, the multiply-adds of its budget are counted. "
           "It is the time that the run takes alone on this machine.\n",
           d->seconds);
    double load;
    if (getloadavg(&load, 1) == 1 && load > 1 + d->cores) {
        printf("The machine is busy now (load %.1f on %d cores), which makes it longer.\n", load,
               d->cores);
    }
    if (file_exists(config->run_dir)) {
        printf("%s is there already: what is done there will not be done again.\n",
               config->run_dir);
    }
}

static void write_stage(struct json_writer *w, const struct dry *d, int i)
{
    json_write_begin(w, '{', run_estimate_names[i]);
    json_write_double(w, "seconds", d->estimate.seconds[i]);
    json_write_string(w, "what", d->estimate.how[i]);
    json_write_end(w, '}');
}

static enum status print_json(const struct dry *d)
{
    const struct run_config *config = &d->session->config;
    struct output_json json;
    struct json_writer *w = &json.writer;
    output_json_begin(&json);
    json_write_string(w, "name", config->name);
    json_write_string(w, "run_dir", config->run_dir);
    json_write_int(w, "workers", d->workers);
    json_write_int(w, "cores", d->cores);
    json_write_double(w, "seconds", d->estimate.total_seconds);
    json_write_double(w, "memory_bytes", d->estimate.bytes);
    json_write_double(w, "measured_seconds", d->seconds);
    json_write_begin(w, '{', "stages");
    for (int i = 0; i < ESTIMATE_STAGES; i++) {
        if (d->estimate.how[i][0] != '\0') {
            write_stage(w, d, i);
        }
    }
    json_write_end(w, '}');
    json_write_begin(w, '[', "tasks");
    for (int i = 0; i < d->probes[0].n_tasks; i++) {
        char budget[96];
        json_write_begin(w, '{', NULL);
        if (run_config_designs(config)) {
            run_config_budget(run_config_task(config, i), budget, sizeof budget);
            json_write_string(w, "task", run_config_task(config, i)->name);
            json_write_string(w, "network", run_config_task(config, i)->network);
            json_write_string(w, "budget", budget);
        }
        json_write_int(w, "decisions", d->probes[0].tasks[i].steps);
        json_write_double(w, "log10_candidates", d->probes[0].tasks[i].log10_all);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

enum status dry_run(struct run_session *session, bool finishes)
{
    struct dry d = {.session = session, .cores = machine_cores()};
    d.workers = run_session_actors(session);
    d.n = d.workers < MOST_PROBES ? d.workers : MOST_PROBES;
    d.probes = isolate_share((size_t)d.n * sizeof *d.probes);
    if (d.probes == NULL) {
        return ERR_MEMORY;
    }
    enum status code = measure(&d);
    if (code == OK) {
        const struct run_estimate_host host = {.workers = d.workers, .cores = d.cores};
        run_estimate(&session->config, d.probes, d.n, &host, finishes, &d.estimate);
        code = session->config.json ? print_json(&d) : OK;
        if (code == OK && !session->config.json) {
            print_words(&d);
        }
    }
    isolate_unshare(d.probes, (size_t)d.n * sizeof *d.probes);
    return code;
}
