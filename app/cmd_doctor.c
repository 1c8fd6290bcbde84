// dikdik doctor: what this machine has, what is missing, and what to do about it.
#include "app/blas_restart.h"
#include "app/command.h"
#include "app/command_line.h"
#include "app/doctor_mpi.h"
#include "app/output.h"
#include "app/program_find.h"
#include "app/slurm.h"
#include "compute/blas.h"
#include "core/log.h"
#include "core/machine.h"
#include "run/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FACTS 64

struct doctor_config {
    const char *data_root;
    bool json, mpi;
};

#define AT(field) .offset = offsetof(struct doctor_config, field)
static const struct option doctor_option_table[] = {
    {"data_root", "folder that holds data sets by name, looked in first", OPTION_STRING,
     AT(data_root)},
    {"mpi",
     "instead, under mpirun: measure latency and bandwidth between ranks, and tell which of them "
     "share a host",
     OPTION_BOOL, AT(mpi), .fallback = 0},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *const doctor_positional[] = {NULL};
static const struct cli doctor_cli = {
    .command = "dikdik doctor",
    .usage = "[options]",
    .about = "Tells what this machine offers (processor, libraries, MPI, data sets), what is "
             "missing, and what to do about it. With --mpi it measures how fast the ranks of "
             "an mpirun reach each other.",
    .positional = doctor_positional,
    .required = 0,
    .table = doctor_option_table,
};

struct fact {
    const char *key, *label; // in JSON, for people
    char value[512];
    const char *advice; // NULL: all is well
    bool number;        // in JSON
};
struct facts {
    struct fact fact[MOST_FACTS];
    int n;
};

static void add(struct facts *facts, const char *key, const char *label, const char *advice,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
static void add(struct facts *facts, const char *key, const char *label, const char *advice,
                const char *format, ...)
{
    CHECK(facts->n < MOST_FACTS);
    struct fact *fact = &facts->fact[facts->n++];
    *fact = (struct fact){.key = key, .label = label, .advice = advice};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fact->value, sizeof fact->value, format, arguments);
    va_end(arguments);
}

static void add_machine(struct facts *facts)
{
    const char *processor = machine_processor();
    add(facts, "processor", "processor", NULL, "%s", processor[0] != '\0' ? processor : "unknown");
    add(facts, "cores", "usable cores", NULL, "%d", machine_cores());
    facts->fact[facts->n - 1].number = true;
    add(facts, "memory_gib", "usable memory, GiB", NULL, "%.1f",
        (double)machine_memory_bytes() / (1024.0 * 1024 * 1024));
    facts->fact[facts->n - 1].number = true;
    add(facts, "vectors", "vectors",
        machine_has_avx2() ? NULL : "without AVX2 convolutions are several times slower", "%s",
        machine_has_avx512() ? "AVX-512"
        : machine_has_avx2() ? "AVX2"
                             : "less than AVX2");
    add(facts, "vnni", "8-bit dot products (VNNI)",
        machine_has_vnni() ? NULL : "int8 scoring (eval --int8) is refused here", "%s",
        machine_has_vnni() ? "yes" : "no");
}

static void add_libraries(struct facts *facts)
{
    const char *was = blas_restart_was();
    const char *core = blas_core_name();
    const bool slow = blas_restart_needed();
    add(facts, "openblas", "OpenBLAS", NULL, "%s", blas_version());
    add(facts, "openblas_core", "OpenBLAS kernels",
        slow ? "OPENBLAS_CORETYPE is set to kernels that are slow on this "
               "processor; unset it"
             : NULL,
        "%s%s%s%s%s", core, was != NULL ? ", corrected from " : "", was != NULL ? was : "",
        slow ? "; better here: " : "", slow ? blas_best_core() : "");
}

// "0: NVIDIA H100 80GB HBM3, 79.6 GiB; 1: ..."
static void list_devices(const struct backend_facts *facts, char *out, size_t bytes)
{
    for (int i = 0; i < facts->n_devices; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, bytes - used, "%s%d: %s", used > 0 ? "; " : "", i, facts->devices[i]);
    }
}

// What each backend of this build is here, and what its results depend on.
static void add_backends(struct facts *facts)
{
    const struct backend_options options = {.threads = 1, .device = -1};
    char devices[400] = "", why[256];
    bool any = false;
    for (int i = 0; backend_at(i) != NULL; i++) {
        const char *name = backend_at(i)->name;
        struct backend_facts said;
        const enum status code = backend_ask(name, &options, &said);
        const bool absent = backend_at(i)->device && said.n_devices == 0; // nothing to mend
        const char *unusable = code == OK || absent ? NULL : "this backend cannot be used here";
        add(facts, name, name, unusable, "%s%s", code == OK ? said.numerics : status_message(),
            code == OK && said.int8 ? ", with int8" : "");
        any = any || backend_at(i)->device;
        list_devices(&said, devices, sizeof devices);
    }
    add(facts, "backend", "best backend", NULL, "%s", backend_best(&options, why, sizeof why));
    add(facts, "gpus", "GPUs", NULL, "%s",
        devices[0] != '\0' ? devices
        : any              ? "none"
                           : "none (this build has no GPU backend)");
}

static void add_slurm(struct facts *facts)
{
    struct slurm slurm;
    slurm_look(&slurm);
    const bool srun = slurm.srun[0] != '\0';
    if (!slurm.job) {
        add(facts, "slurm", "Slurm", NULL, "%s%s", srun ? slurm.srun : "none",
            srun ? ", not inside a job" : "");
        return;
    }
    const char *advice = NULL;
    if (!srun && slurm.launcher[0] == '\0') {
        advice =
            slurm.hosts > 1
                ? "this is a Slurm job of several hosts, but there is no srun in PATH: run and "
                  "search with --transport local, or start with srun --mpi=pmi2 from outside"
                : "this is a Slurm job, but there is no srun in PATH: processes are started on "
                  "this host without it";
    }
    add(facts, "slurm", "Slurm", advice, "job %s, %d host%s%s%s, %s%s%s",
        slurm.id[0] != '\0' ? slurm.id : "without number", slurm.hosts, slurm.hosts > 1 ? "s" : "",
        slurm.list[0] != '\0' ? ": " : "", slurm.list, srun ? slurm.srun : "no srun in PATH",
        slurm.launcher[0] != '\0' ? ", HYDRA_LAUNCHER=" : "", slurm.launcher);
}

static void add_launchers(struct facts *facts)
{
    char path[400];
    const bool found =
        program_find("mpirun", path, sizeof path) || program_find("mpiexec", path, sizeof path);
    add(facts, "mpi_launcher", "MPI launcher",
        found ? NULL : "training runs alone; install MPICH (Debian: apt install mpich)", "%s",
        found ? path : "none");
    add_slurm(facts);
}

static enum status add_data_sets(struct facts *facts, const struct doctor_config *config,
                                 struct arena *arena)
{
    for (int i = 0; dataset_names[i] != NULL; i++) {
        struct dataset_options options;
        struct dataset none = {0};
        char path[400] = "";
        option_defaults(dataset_option_table, &options);
        options.name = dataset_names[i];
        options.data_root = config->data_root;
        if (dataset_find(&options, path, sizeof path)) {
            add(facts, "data_set", options.name, NULL, "%s", path);
        } else if (dataset_describe(&options, DATASET_TEST, &none) == OK) {
            dataset_close(&none); // it came up this very moment
        } else {
            const char *advice = arena_copy_text(arena, status_message());
            if (advice == NULL) {
                return ERR_MEMORY;
            }
            add(facts, "data_set", options.name, advice, "not found");
        }
    }
    return OK;
}

static enum status print_json(const struct facts *facts, int first_data_set)
{
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "version", DIKDIK_VERSION);
    for (int i = 0; i < first_data_set; i++) {
        const struct fact *fact = &facts->fact[i];
        if (fact->number) {
            json_write_double(w, fact->key, strtod(fact->value, NULL));
        } else {
            json_write_string(w, fact->key, fact->value);
        }
    }
    json_write_begin(w, '{', "data_sets");
    for (int i = first_data_set; i < facts->n; i++) {
        json_write_string(w, facts->fact[i].label,
                          facts->fact[i].advice == NULL ? facts->fact[i].value : "");
    }
    json_write_end(w, '}');
    json_write_begin(w, '[', "advice");
    for (int i = 0; i < facts->n; i++) {
        if (facts->fact[i].advice != NULL) {
            json_write_begin(w, '{', NULL);
            json_write_string(w, "about", facts->fact[i].label);
            json_write_string(w, "advice", facts->fact[i].advice);
            json_write_end(w, '}');
        }
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static void print_text(const struct facts *facts, int first_data_set)
{
    static const char *const machine_headers[] = {"this machine", "", NULL};
    static const char *const data_headers[] = {"data set", "where", NULL};
    static const char *const advice_headers[] = {"missing", "what to do", NULL};
    const struct {
        const char *const *headers;
        int first, last;
        bool advice;
    } tables[] = {
        {machine_headers, 0, first_data_set, false},
        {data_headers, first_data_set, facts->n, false},
        {advice_headers, 0, facts->n, true},
    };
    printf("dikdik %s\n", DIKDIK_VERSION);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        struct output_table table;
        output_table_open(&table, tables[t].headers);
        for (int i = tables[t].first; i < tables[t].last; i++) {
            const struct fact *fact = &facts->fact[i];
            if (!tables[t].advice || fact->advice != NULL) {
                output_cell(&table, "%s", fact->label);
                output_cell(&table, "%s", tables[t].advice ? fact->advice : fact->value);
            }
        }
        if (table.n > 0) {
            printf("\n");
            output_table_print(&table);
        }
        output_table_close(&table);
    }
}

static enum status examine(const struct doctor_config *config, struct arena *arena)
{
    struct facts facts = {.n = 0};
    add_machine(&facts);
    add_libraries(&facts);
    add_backends(&facts);
    add_launchers(&facts);
    const int first_data_set = facts.n;
    TRY(add_data_sets(&facts, config, arena));
    if (config->json) {
        return print_json(&facts, first_data_set);
    }
    print_text(&facts, first_data_set);
    return OK;
}

// Not as a parallel command: under the launcher of another MPI the rest of the doctor still works.
static enum status measure_ranks(struct app *app, bool json, struct arena *arena)
{
    TRY(collective_open(&app->collective));
    log_set_rank(app->collective.rank);
    app->stopped_together = app->collective.ranks == 1;
    return doctor_mpi(&app->collective, json, arena);
}

static enum status doctor_run(struct app *app, int argc, char **argv)
{
    struct arena arena = {0};
    struct doctor_config config;
    struct cli_result words;
    enum status code = command_line_read(&doctor_cli, argc, argv, &config, &arena, &words);
    if (code == OK && !words.help) {
        code = config.mpi ? measure_ranks(app, config.json, &arena) : examine(&config, &arena);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const doctor_clis[] = {&doctor_cli, NULL};

const struct command command_doctor = {
    .name = "doctor",
    .about = "what this machine has, and what is missing",
    .clis = doctor_clis,
    .run = doctor_run,
};
