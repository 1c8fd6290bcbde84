// The end of a search on standard output: a table for people, or the report as it is.
#include "app/search_print.h"

#include "app/output.h"

#include <stdio.h>

static void print_table(const struct run_report *report)
{
    char whole[2][64];
    snprintf(whole[0], sizeof whole[0], ">%s (search-validation)",
             report->session->network_env->whole);
    snprintf(whole[1], sizeof whole[1], ">%s (test)", report->session->network_env->whole);
    const char *const headers[] = {"task",
                                   "budget",
                                   ">MACs",
                                   ">share",
                                   ">parameters",
                                   whole[0],
                                   ">found (search-validation)",
                                   whole[1],
                                   ">fine-tuned (test)",
                                   ">tried",
                                   NULL};
    bool all_unseen = true;
    struct output_table table;
    output_table_open(&table, headers);
    for (int task = 0; task < report->session->config.tasks->n; task++) {
        const struct run_result *result = &report->results[task];
        const struct task_config *config = run_config_task(&report->session->config, task);
        char budget[96];
        run_config_budget(config, budget, sizeof budget);
        output_cell(&table, "%s", config->name);
        output_cell(&table, "%s", budget);
        output_cell_count(&table, result->macs);
        output_cell(&table, "%.3f", (double)result->macs / (double)result->full_macs);
        output_cell_count(&table, result->params);
        const bool unseen = result->validation_images == IMAGES_UNSEEN;
        all_unseen = all_unseen && unseen;
        output_cell(&table, "%.2f%%%s", 100 * result->accuracy_base, unseen ? "" : " *");
        output_cell(&table, "%.2f%%%s", 100 * result->accuracy_found, unseen ? "" : " *");
        if (result->tested) {
            output_cell(&table, "%.2f%%", 100 * result->accuracy_base_test);
            output_cell(&table, "%.2f%%", 100 * result->accuracy_test);
        } else {
            output_cell(&table, "-");
            output_cell(&table, "-");
        }
        output_cell(&table, "%lld", (long long)result->evaluations);
    }
    output_table_print(&table);
    output_table_close(&table);
    printf("\n%sfound: before fine-tuning; in parentheses: the images that it was measured on\n"
           "networks: %s/%s\n",
           all_unseen
               ? ""
               : "* of images that the weights may have been trained on, so compare them with "
                 "each other only: it is not known which they were (train_rows)\n",
           report->session->config.run_dir, report->results[0].tested ? "final" : "found");
}

static void print_fronts(const struct run_session *session)
{
    for (int task = 0; task < session->agent.shape.n_tasks; task++) {
        char words[256];
        run_front_words(&session->candidates[task].front, words, sizeof words);
        if (words[0] != '\0' && run_config_designs(&session->config)) {
            printf("task %s: %s\n", run_task_name(session, task), words);
        } else if (words[0] != '\0' && session->known != NULL) {
            printf("task %s: %s\n", session->known[task].name, words);
        } else if (words[0] != '\0') {
            printf("%s task %d: %s\n", session->config.environment, task, words);
        }
    }
}

static void print_known(const struct run_session *session)
{
    static const char *const headers[] = {"task",   ">found", ">best there is", ">regret", ">tried",
                                          "choice", NULL};
    struct output_table table;
    output_table_open(&table, headers);
    for (int task = 0; task < session->agent.shape.n_tasks; task++) {
        const struct run_candidates *all = &session->candidates[task];
        const struct run_known *known = &session->known[task];
        const double score = all->n > 0 ? all->candidates[0].score : 0;
        output_cell(&table, "%s", known->name);
        output_cell(&table, "%.2f%%", 100 * score);
        output_cell(&table, "%.2f%%", 100 * known->best);
        output_cell(&table, "%.2f", 100 * (known->best - score));
        output_cell(&table, "%lld", (long long)all->evaluations);
        output_cell(&table, "%s", known->choice != NULL ? known->choice : "-");
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_scores(const struct run_session *session)
{
    for (int task = 0; task < session->agent.shape.n_tasks; task++) {
        const struct run_candidates *all = &session->candidates[task];
        printf("%s task %d: best score %g of %lld episodes\n", session->config.environment, task,
               all->n > 0 ? all->candidates[0].score : 0.0, (long long)all->evaluations);
    }
}

enum status search_print(const struct run_report *report)
{
    if (report->session->config.csv) {
        return output_csv(report->text.bytes, "tasks");
    }
    if (report->session->config.json) {
        fputs(report->text.bytes, stdout);
    } else if (report->results != NULL) {
        print_table(report);
    } else if (report->session->known != NULL) {
        print_known(report->session);
    } else {
        print_scores(report->session);
    }
    if (!report->session->config.json) {
        print_fronts(report->session);
    }
    return OK;
}
