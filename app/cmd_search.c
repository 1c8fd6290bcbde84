// dikdik search and dikdik run: the main job, as stages that each leave their result in the run
// folder. `run` fine-tunes and tests as well.
#include "app/command.h"
#include "app/dry_run.h"
#include "app/launch.h"
#include "app/output.h"
#include "app/progress_option.h"
#include "app/search_config_read.h"
#include "app/search_print.h"
#include "core/log.h"
#include "experiments/report/report.h"
#include "run/run_starts.h"

#include <stdio.h>

// The page to look at. A run is worth what it is without one, so what goes wrong here is a warning.
static enum status write_page(struct run_session *session)
{
    const char *folder = session->config.run_dir;
    const char *path = run_path(session, &session->arena, "", "report", ".html");
    const struct report_options options = {.latency_seconds = REPORT_LATENCY_SECONDS, .own = true};
    struct report page;
    TRY(path != NULL ? OK : ERR_MEMORY);
    enum status code = report_open(&folder, 1, &options, &page);
    if (code == OK) {
        code = report_page_save(&page, path);
        report_close(&page);
    }
    if (code == ERR_INTERRUPTED) {
        return code;
    }
    if (code != OK) {
        log_warning("there is no report.html: %s; dikdik report %s writes one", status_message(),
                    folder);
    } else if (session->config.json || session->config.csv) {
        log_info("report: %s", path);
    } else {
        printf("report: %s\n", path);
    }
    return OK;
}

static enum status report(struct run_session *session)
{
    struct run_report made;
    TRY(run_report_make(session, &made));
    const enum status code = search_print(&made);
    run_report_close(&made);
    TRY(code);
    return write_page(session);
}

static enum status run_stages(struct run_session *session, bool finish)
{
    TRY(run_session_begin(session));
    TRY(run_stage_base(session));
    TRY(run_stage_search(session));
    if (run_config_designs(&session->config)) {
        TRY(run_stage_rescore(session));
        if (finish) {
            TRY(run_stage_finish(session));
        }
    }
    // The others sleep meanwhile: latencies are measured.
    return run_agree(session, session->collective->rank == 0 ? report(session) : OK);
}

static enum status run(struct app *app, bool finish)
{
    app->session->finishes = finish;
    const enum status code = run_stages(app->session, finish);
    app->stopped_together = app->session->stopped_together;
    return code;
}

static enum status search_run(struct app *app, int argc, char **argv)
{
    (void)argc, (void)argv;
    return run(app, false);
}

static enum status run_run(struct app *app, int argc, char **argv)
{
    (void)argc, (void)argv;
    return run(app, true);
}

// Processes that somebody else has started must be those that the config asks for.
static enum status check_ranks(const struct run_session *session)
{
    const int ranks = collective_launcher_ranks(), asked = session->config.actors.count;
    const bool mpi = run_session_wants_mpi(session);
    if (ranks > 1 && !mpi) {
        FAIL(ERR_CONFIG,
             "transport local and inline are for one process, but the launcher has started %d: "
             "leave --transport out, or start without mpirun",
             ranks);
    }
    if (ranks > 0 && mpi && asked > 0 && asked + 1 != ranks && !(asked == 1 && ranks == 1)) {
        FAIL(ERR_CONFIG,
             "actors.count = %d asks for %d processes, one of which learns, but the launcher has "
             "started %d: start %d, or leave --actors out (0: all there are), or start without "
             "mpirun",
             asked, asked + 1, ranks, asked + 1);
    }
    return OK;
}

// Reads the command line, and starts mpirun on this very command where it is needed.
static enum status prepare(struct app *app, const struct cli *cli, int argc, char **argv)
{
    TRY(run_session_make(&app->collective, &app->session));
    struct run_session *session = app->session;
    struct run_config *config = &session->config;
    bool help = false;
    TRY(search_config_read(cli, argc, argv, &session->arena, config, &help));
    if (help) {
        app->finished = true;
        return OK;
    }
    session->command = run_start_command(argv, argc, &session->arena);
    TRY(session->command != NULL ? OK : ERR_MEMORY);
    TRY(check_ranks(session));
    TRY(output_check(config->json, config->csv));
    TRY(progress_option_open(config->progress_json, config->json || config->csv));
    if (config->dry_run) {
        app->finished = true;
        if (collective_launcher_rank() > 0) {
            return OK; // one rank says it
        }
        TRY(run_session_settle(session));
        return dry_run(session, cli == &run_cli);
    }
    if (run_session_wants_mpi(session) && !collective_under_launcher()) {
        TRY(run_session_settle(session));
        const struct launch launch = {
            .argv = argv,
            .ranks = run_session_actors(session) + 1,
            .restarts = config->restarts,
            .progress = config->progress_json,
        };
        app->finished = true;
        return launch_ranks(&launch, &app->exit_code);
    }
    return run_session_prepare(session);
}

static enum status search_prepare(struct app *app, int argc, char **argv)
{
    return prepare(app, &search_cli, argc, argv);
}

static enum status run_prepare(struct app *app, int argc, char **argv)
{
    return prepare(app, &run_cli, argc, argv);
}

static void search_close(struct app *app)
{
    run_session_close(app->session);
    app->session = NULL;
}

static const struct cli *const search_clis[] = {&search_cli, NULL};

const struct command command_search = {
    .name = "search",
    .about = "search small networks within budget, many tasks with one agent",
    .parallel = true,
    .clis = search_clis,
    .prepare = search_prepare,
    .run = search_run,
    .close = search_close,
};

static const struct cli *const run_clis[] = {&run_cli, NULL};

const struct command command_run = {
    .name = "run",
    .about = "everything: base networks, search, fine-tuning, test, report",
    .parallel = true,
    .clis = run_clis,
    .prepare = run_prepare,
    .run = run_run,
    .close = search_close,
};
