// dikdik report: a page about runs, or their numbers.
#include "app/command.h"
#include "app/command_line.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "experiments/report/report.h"

#include <stdio.h>

#define WATCH_NAP 0.2

struct report_config {
    const char *output;
    double latency, every;
    bool watch, json, csv, markdown;
    // Positional.
    const char *const *given;
    int n_given;
};
#define AT(field) .offset = offsetof(struct report_config, field)
static const struct option report_option_table[] = {
    {"output", "the page; by default report.html in the folder of the first run", OPTION_STRING,
     AT(output)},
    {"watch", "write the page again and again until the runs end; it loads itself again",
     OPTION_BOOL, AT(watch), .fallback = 0},
    {"every", "seconds between two pages of --watch", OPTION_DOUBLE, AT(every), .fallback = 10,
     .least = 1, .most = 3600},
    {"latency",
     "seconds that a network is timed for, where that was not done on this machine; 0: "
     "no latency is measured",
     OPTION_DOUBLE, AT(latency), .fallback = REPORT_LATENCY_SECONDS, .least = 0, .most = 60},
    {"json", "print all numbers as one JSON object instead", OPTION_BOOL, AT(json), .fallback = 0},
    {"csv", "print a line per task of each run instead, as CSV", OPTION_BOOL, AT(csv),
     .fallback = 0},
    {"markdown", "print the tables instead, as Markdown", OPTION_BOOL, AT(markdown), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *positional[CLI_MOST_POSITIONAL + 1]; // filled in when it runs
static const struct cli report_cli = {
    .command = "dikdik report",
    .usage = "RUN... [-o PAGE] [options]",
    .about =
        "Writes one page about the runs in these folders that needs no network: accuracy "
        "against cost, rewards, what was decided and how surely, learning, time, failures, and "
        "how it was made. Runs that differ in their seeds alone are put together. Works while "
        "they go on. A sweep's folder stands for its runs.",
    .positional = positional,
    .required = 1,
    .table = report_option_table,
};

static enum status print(const struct report *report, enum report_format format)
{
    struct text text = {0};
    const enum status code = report_write(report, format, &text);
    if (code == OK) {
        fwrite(text.bytes, 1, text.length, stdout);
    }
    text_close(&text);
    return code;
}

static enum status nap(double seconds)
{
    for (const double end = clock_seconds() + seconds; clock_seconds() < end;) {
        TRY(interrupt_check());
        clock_sleep(WATCH_NAP);
    }
    return interrupt_check();
}

static enum status make_page(const struct report_config *config, const char *const *folders, int n,
                             const char *path, bool *going)
{
    struct report report;
    const struct report_options options = {.latency_seconds = config->latency,
                                           .refresh_seconds = config->watch ? config->every : 0,
                                           .given = config->given,
                                           .n_given = config->n_given};
    TRY(report_open(folders, n, &options, &report));
    *going = report_is_going(&report);
    const enum status code = report_page_save(&report, path);
    report_close(&report);
    return code;
}

static enum status write_pages(const struct report_config *config, const char *const *folders,
                               int n, struct arena *arena)
{
    const char *path =
        config->output[0] != '\0'
            ? config->output
            : arena_format(arena, "%s/report.html",
                           report_is_sweep(config->given[0]) ? config->given[0] : folders[0]);
    bool going = false, said = false;
    TRY(path != NULL ? OK : ERR_MEMORY);
    do {
        TRY(make_page(config, folders, n, path, &going));
        if (!said) {
            printf("report: %s\n", path);
            fflush(stdout);
            said = true;
        }
        if (config->watch && going) {
            TRY(nap(config->every));
        }
    } while (config->watch && going);
    return OK;
}

static enum status print_numbers(const struct report_config *config, const char *const *folders,
                                 int n)
{
    const struct report_options options = {
        .latency_seconds = config->latency, .given = config->given, .n_given = config->n_given};
    struct report report;
    TRY(report_open(folders, n, &options, &report));
    const enum status code = print(&report, config->json  ? REPORT_JSON
                                            : config->csv ? REPORT_CSV
                                                          : REPORT_MARKDOWN);
    report_close(&report);
    return code;
}

static enum status check(const struct report_config *config)
{
    const int formats = config->json + config->csv + config->markdown;
    if (formats > 1) {
        FAIL(ERR_CONFIG, "--json, --csv and --markdown are different things to print: give one");
    }
    if (formats > 0 && (config->watch || config->output[0] != '\0')) {
        FAIL(ERR_CONFIG, "--json, --csv and --markdown print to standard output: --output and "
                         "--watch are for the page");
    }
    return OK;
}

static enum status read_and_write(int argc, char **argv, struct arena *arena)
{
    struct report_config config;
    struct cli_result words;
    const char **folders;
    int n;
    for (int i = 0; i < CLI_MOST_POSITIONAL; i++) {
        positional[i] = "RUN";
    }
    TRY(command_line_read(&report_cli, argc, argv, &config, arena, &words));
    if (words.help) {
        return OK;
    }
    TRY(check(&config));
    config.given = words.positional;
    config.n_given = words.n_positional;
    TRY(report_folders(words.positional, words.n_positional, arena, &folders, &n));
    return config.json || config.csv || config.markdown ? print_numbers(&config, folders, n)
                                                        : write_pages(&config, folders, n, arena);
}

static enum status report_run(struct app *app, int argc, char **argv)
{
    struct arena arena = {0};
    (void)app;
    const enum status code = read_and_write(argc, argv, &arena);
    arena_close(&arena);
    return code;
}

static const struct cli *const report_clis[] = {&report_cli, NULL};

const struct command command_report = {
    .name = "report",
    .about = "one page about runs, or their numbers as JSON, CSV or Markdown",
    .run = report_run,
    .clis = report_clis,
};
