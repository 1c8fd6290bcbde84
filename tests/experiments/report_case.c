#include "report_case.h"

#include "core/config.h"
#include "core/file.h"
#include "nn/network.h"
#include "transport/ticket.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double ln_4 = 1.3862943611198906;

int report_case_setup(void **state)
{
    struct report_case *c = calloc(1, sizeof *c);
    assert_non_null(c);
    snprintf(c->root, sizeof c->root, "/tmp/dikdik_report_XXXXXX");
    assert_non_null(mkdtemp(c->root));
    *state = c;
    return 0;
}

int report_case_teardown(void **state)
{
    struct report_case *c = *state;
    char command[CASE_PATH + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", c->root);
    assert_int_equal(system(command), 0);
    free(c);
    return 0;
}

const char *report_case_path(const struct report_case *c, const char *name, char *out)
{
    snprintf(out, CASE_PATH, "%.100s/%.150s", c->root, name);
    return out;
}

void report_case_write(const struct report_case *c, const char *name, const char *text)
{
    char path[CASE_PATH];
    assert_int_equal(file_write(report_case_path(c, name, path), text, strlen(text)), OK);
}

double report_case_accuracy(int episode)
{
    return 0.5 + 0.3 * (1 - exp(-episode / 40.0)) + 0.05 * sin(episode * 1.7);
}

bool report_case_fails(int episode)
{
    return episode % 10 == 9;
}

static struct episode_row episode_of(int e)
{
    const bool fails = report_case_fails(e);
    return (struct episode_row){.episode = e,
                                .lag = 2,
                                .task = e % 2,
                                .source = e % 3 == 0 ? ACTIONS_GIVEN : ACTIONS_POLICY,
                                .steps = 3,
                                .fresh = fails ? 0 : 1,
                                .failure = fails ? FAILURE_CRASH : FAILURE_NONE,
                                .macs = 1000 + e % 97,
                                .params = 100 + e % 31,
                                .bytes = 400 + e % 31,
                                .accuracy = report_case_accuracy(e),
                                .reward = 2 * report_case_accuracy(e)};
}

// Row i of a table.
static void fill_row(enum run_table table, int i, void *row)
{
    switch (table) {
    case TABLE_EPISODES:
        *(struct episode_row *)row = episode_of(i);
        break;
    case TABLE_EPISODE_COSTS:
        *(struct episode_cost_row *)row =
            (struct episode_cost_row){.episode = i,
                                      .actor = i % 2,
                                      .tries = report_case_fails(i) ? 3 : 1,
                                      .environment_seconds = 0.5,
                                      .policy_seconds = 0.125,
                                      .arithmetic_seconds = 0.25,
                                      .wire_seconds = 0.0625,
                                      .wall_seconds = i};
        break;
    case TABLE_UPDATES:
        *(struct update_row *)row = (struct update_row){.update = i,
                                                        .frames = 12,
                                                        .policy_loss = -0.5,
                                                        .value_loss = 0.25,
                                                        .entropy = 1,
                                                        .mean_rho = 0.75,
                                                        .effective_share = 0.5,
                                                        .lag_most = 3,
                                                        .lag_mean = 2};
        break;
    case TABLE_UPDATE_COSTS:
        *(struct update_cost_row *)row =
            (struct update_cost_row){.update = i, .seconds = 0.25, .waited_seconds = 0.5};
        break;
    case TABLE_DECISIONS: // of the last episode of each update
        *(struct decision_row *)row = (struct decision_row){.episode = i / 3 * 4 + 3,
                                                            .task = 1,
                                                            .step = i % 3,
                                                            .choices = 4,
                                                            .legal = 4,
                                                            .entropy = 0.25 * (i % 3 + 1) * ln_4};
        break;
    case N_TABLES:
        break;
    }
}

static void write_rows(const char *path, const struct made_run *made)
{
    const int updates = made->episodes / 4;
    const int rows[N_TABLES] = {[TABLE_EPISODES] = made->episodes,
                                [TABLE_EPISODE_COSTS] = made->episodes,
                                [TABLE_UPDATES] = updates,
                                [TABLE_UPDATE_COSTS] = updates,
                                [TABLE_DECISIONS] = 3 * updates};
    struct hdf5_log *log;
    assert_int_equal(hdf5_log_open(path, run_tables, N_TABLES, NULL, 0, NULL, &log), OK);
    for (int table = 0; table < N_TABLES; table++) {
        const size_t bytes = run_tables[table].row_bytes;
        char *all = calloc((size_t)rows[table] + 1, bytes);
        assert_non_null(all);
        for (int i = 0; i < rows[table]; i++) {
            fill_row((enum run_table)table, i, all + (size_t)i * bytes);
        }
        assert_int_equal(hdf5_log_append(log, table, all, rows[table]), OK);
        free(all);
    }
    assert_int_equal(hdf5_log_close(log), OK);
}

static void write_config(const struct report_case *c, const char *name, const struct made_run *made)
{
    char file[CASE_PATH], text[1024];
    snprintf(file, sizeof file, "%.200s/config.json", name);
    snprintf(text, sizeof text,
             "{\"name\": \"made\", \"seed\": %d, \"search\": {\"evaluations\": %d}, \"networks\": "
             "[{\"name\": \"a\", \"architecture\": "
             "\"convnet\", \"data\": {\"name\": \"shapes\", \"size\": 12}}],"
             " \"tasks\": [{\"name\": \"a-macs0.5\", \"network\": \"a\", \"macs\": 0.5},"
             "  {\"name\": \"a-macs0.3\", \"network\": \"a\", \"macs\": 0.3}]}",
             made->seed, 300 + made->setting);
    report_case_write(c, file, text);
}

static void write_results(const struct report_case *c, const char *name, double accuracy)
{
    static const int widths[3] = {8, 20, 64};
    static const char *const tasks[2] = {"a-macs0.5", "a-macs0.3"};
    for (int t = 0; t < 2; t++) {
        const struct run_result result = {.full_macs = 2000,
                                          .full_params = 200,
                                          .full_bytes = 800,
                                          .macs = 1000 - 400 * t,
                                          .params = 100,
                                          .bytes = 400,
                                          .validation_images = IMAGES_UNSEEN,
                                          .accuracy_base = 0.9,
                                          .score = 0.8,
                                          .accuracy_found = 0.75,
                                          .evaluations = 10,
                                          .n_widths = 3,
                                          .widths = widths,
                                          .tested = true,
                                          .accuracy_test = accuracy - 0.1 * t,
                                          .accuracy_base_test = 0.875};
        char file[CASE_PATH], path[CASE_PATH];
        snprintf(file, sizeof file, "%.150s/results/%s.json", name, tasks[t]);
        assert_int_equal(run_result_write(&result, report_case_path(c, file, path)), OK);
    }
}

static void write_network(const struct report_case *c, const char *name)
{
    const struct network_info info = {
        .architecture = "convnet", .dataset = "shapes", .h = 12, .w = 12, .c = 3, .classes = 8};
    struct network network;
    char file[CASE_PATH], path[CASE_PATH];
    snprintf(file, sizeof file, "%.200s/networks/a.safetensors", name);
    assert_int_equal(network_create(&info, 1, &network), OK);
    assert_int_equal(network_save(&network, report_case_path(c, file, path)), OK);
    network_close(&network);
}

int report_case_count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        n++;
    }
    return n;
}

void report_case_make(const struct report_case *c, const char *name, const struct made_run *made)
{
    static const char *const folders[] = {"results", "networks"};
    char file[CASE_PATH], path[CASE_PATH];
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%.200s/%s", name, folders[i]);
        assert_int_equal(file_make_folders(report_case_path(c, file, path)), OK);
    }
    write_config(c, name, made);
    snprintf(file, sizeof file, "%.200s/run.h5", name);
    write_rows(report_case_path(c, file, path), made);
    if (made->results) {
        write_results(c, name, made->accuracy_test);
    }
    if (made->network) {
        write_network(c, name);
    }
}
