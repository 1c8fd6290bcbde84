// dikdik search and dikdik run: the main job, as stages that each leave their result in the run
// folder. `run` fine-tunes and tests as well.
#include "app/command.h"
#include "app/search_session.h"

static enum status search_stages(struct search_session *session, bool finish)
{
    TRY(search_session_begin(session));
    TRY(search_stage_base(session));
    TRY(search_stage_search(session));
    if (search_config_prunes(&session->config)) {
        TRY(search_stage_rescore(session));
        if (finish) {
            TRY(search_stage_finish(session));
        }
    }
    return search_report(session);
}

static enum status search_run(struct app *app, int argc, char **argv)
{
    (void)argc, (void)argv;
    return search_stages(app->session, false);
}

static enum status run_run(struct app *app, int argc, char **argv)
{
    (void)argc, (void)argv;
    return search_stages(app->session, true);
}

static enum status search_prepare(struct app *app, int argc, char **argv)
{
    return search_session_prepare(app, "dikdik search", argc, argv);
}

static enum status run_prepare(struct app *app, int argc, char **argv)
{
    return search_session_prepare(app, "dikdik run", argc, argv);
}

static void search_close(struct app *app)
{
    search_session_close(app->session);
    app->session = NULL;
}

const struct command command_search = {
    .name = "search",
    .about = "search small networks within budget, many tasks with one agent",
    .parallel = true,
    .prepare = search_prepare,
    .run = search_run,
    .close = search_close,
};

const struct command command_run = {
    .name = "run",
    .about = "everything: base networks, search, fine-tuning, test, report",
    .parallel = true,
    .prepare = run_prepare,
    .run = run_run,
    .close = search_close,
};
