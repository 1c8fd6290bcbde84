// Reading a search's command line: names filled in, tasks chosen, everything checked that can be
// checked without data.
#include "app/search_config_read.h"

#include "app/command_line.h"
#include "app/search_tasks_read.h"
#include "core/config.h"
#include "core/file.h"
#include "envs/env_list.h"
#include "learner/methods/method.h"
#include "nn/zoo.h"
#include "run/run_space.h"
#include "run/run_weights.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const positional[] = {"CONFIG", NULL};

enum status search_check_word(const char *where, const char *word)
{
    bool good = word[0] != '\0' && word[0] != '.';
    for (const char *at = word; *at != '\0'; at++) {
        good = good && (isalnum((unsigned char)*at) || strchr("._-+", *at) != NULL);
    }
    if (!good) {
        FAIL(ERR_CONFIG,
             "%s: expected a plain word of letters, digits and ._-+, got \"%s\"; it becomes the "
             "name of a file",
             where, word);
    }
    return OK;
}

static enum status name_run(struct run_config *config, const char *path, struct arena *arena)
{
    if (config->name[0] == '\0') {
        const char *slash = strrchr(path, '/');
        const char *base = slash != NULL ? slash + 1 : path;
        const char *dot = strrchr(base, '.');
        const int length = (int)(dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
        config->name = arena_format(arena, "%.*s", length, base);
        if (config->name == NULL) {
            return ERR_MEMORY;
        }
    }
    return search_check_word("name", config->name);
}

// What a base network was trained on must be known before anything is opened, where it is said.
static enum status check_train_rows(const struct network_config *network, int i)
{
    const char *text = network->train_rows;
    if (network->weights[0] == '\0' && text[0] != '\0') {
        FAIL(ERR_CONFIG,
             "networks[%d].train_rows: expected nothing, as the network has no weights and is "
             "trained first, got \"%.100s\"",
             i, text);
    }
    if (network->weights[0] == '\0' && network->train_further) {
        FAIL(ERR_CONFIG,
             "networks[%d].train_further: expected false, as the network has no weights and is "
             "trained anyway",
             i);
    }
    if (run_config_trains(network) && network->train.all_rows) {
        FAIL(ERR_CONFIG,
             "networks[%d].train.all_rows: expected false, as the search scores on the "
             "images that training leaves out",
             i);
    }
    return run_check_rows(text) == OK ? OK
                                      : status_context(ERR_CONFIG, "networks[%d].train_rows", i);
}

// A space has no architecture: it is its networks'.
static enum status name_space(struct network_config *network, int i)
{
    char where[64];
    snprintf(where, sizeof where, "networks[%d].space.name", i);
    TRY(run_space_check_name(network, where));
    if (network->hints.architecture[0] != '\0') {
        FAIL(ERR_CONFIG,
             "networks[%d]: expected a space of architectures or \"architecture\", got \"%s\" and "
             "\"%s\"",
             i, network->space.name, network->hints.architecture);
    }
    if (network->name[0] == '\0') {
        network->name = network->space.name;
    }
    return OK;
}

// A network without weights is one of the zoo's.
static enum status name_network(struct network_config *network, int i, struct arena *arena)
{
    const char *architecture = network->hints.architecture;
    if (network->space.name[0] != '\0') {
        return name_space(network, i);
    }
    if (network->weights[0] == '\0' && architecture[0] == '\0') {
        FAIL(
            ERR_CONFIG,
            "networks[%d]: expected \"weights\", a file, or \"architecture\", a network of the zoo "
            "that is then trained; got neither",
            i);
    }
    if (network->weights[0] == '\0') {
        const enum status code = zoo_check(architecture);
        if (code != OK) {
            return status_context(code, "networks[%d].architecture", i);
        }
    }
    if (network->name[0] != '\0') {
        return OK;
    }
    if (architecture[0] != '\0') {
        network->name = architecture;
        return OK;
    }
    const char *slash = strrchr(network->weights, '/');
    const char *file = slash != NULL ? slash + 1 : network->weights;
    const char *dot = strrchr(file, '.');
    const int length = dot != NULL && dot > file ? (int)(dot - file) : (int)strlen(file);
    network->name = arena_format(arena, "%.*s", length, file);
    return network->name != NULL ? OK : ERR_MEMORY;
}

// Each environment has networks of its own kind.
static enum status check_kind(const struct run_config *config, const struct network_config *network,
                              int i)
{
    const bool is_space = network->space.name[0] != '\0';
    const bool wants = env_kind_find(config->environment) == ENV_NAS;
    if (run_config_designs(config) && is_space != wants) {
        FAIL(ERR_CONFIG,
             wants ? "networks[%d].space.name: environment nas searches spaces of architectures; "
                     "expected the name of one, got nothing"
                   : "networks[%d].space.name: environment prune cuts networks, not spaces of "
                     "architectures; leave it out, or set environment to \"nas\"",
             i);
    }
    if (run_config_trains(network) && network->supernet.train.all_rows) {
        FAIL(ERR_CONFIG,
             "networks[%d].supernet.all_rows: expected false, as the search scores on the images "
             "that training leaves out",
             i);
    }
    return OK;
}

static enum status resolve_networks(struct run_config *config, struct arena *arena)
{
    const int n = config->networks->n;
    struct network_config *networks;
    struct object_list *list;
    ARENA_NEW(arena, networks, (size_t)n);
    ARENA_NEW(arena, list, 1);
    for (int i = 0; i < n; i++) {
        networks[i] = *run_config_network(config, i);
        struct network_config *network = &networks[i];
        char where[64];
        snprintf(where, sizeof where, "networks[%d].name", i);
        TRY(check_kind(config, network, i));
        TRY(name_network(network, i, arena));
        TRY(search_check_word(where, network->name));
        if (network->data.name[0] == '\0') {
            FAIL(ERR_CONFIG, "networks[%d].data.name: expected a data set, got nothing", i);
        }
        TRY(check_train_rows(network, i));
        // The search's own validation images stay out of the training of base networks.
        network->train.seed = config->seed;
        network->train.validation_share = config->scoring.validation_share;
        network->supernet.train.seed = config->seed;
        network->supernet.train.validation_share = config->scoring.validation_share;
        for (int j = 0; j < i; j++) {
            if (strcmp(networks[j].name, network->name) == 0) {
                FAIL(ERR_CONFIG,
                     "networks[%d] and networks[%d] are both called \"%s\"; give one "
                     "of them another name",
                     j, i, network->name);
            }
        }
    }
    *list = (struct object_list){.n = n, .stride = sizeof *networks, .values = networks};
    config->networks = list;
    return OK;
}

static enum status check_environment(const struct run_config *config)
{
    const struct env_ops *ops = env_find(config->environment);
    if (ops == NULL) {
        struct text names = {0};
        for (int i = 0; env_list[i] != NULL; i++) {
            text_add(&names, "%s%s", i > 0 ? ", " : "", env_list[i]->name);
        }
        (void)status_fail(
            ERR_CONFIG, __FILE__, __LINE__, "environment: expected one of %s, got \"%s\"",
            names.bytes != NULL ? names.bytes : "those there are", config->environment);
        text_close(&names);
        return ERR_CONFIG;
    }
    CHECK(run_config_designs(config) || ops->options_bytes <= ENVIRONMENT_OPTION_BYTES);
    if (run_config_designs(config) && config->networks->n == 0) {
        FAIL(ERR_CONFIG, "networks: expected at least one network to start from, got none");
    }
    if (run_config_designs(config) && config->tasks->n == 0) {
        FAIL(ERR_CONFIG, "tasks: expected at least one task, a network and a budget, got none");
    }
    return OK;
}

enum status search_config_resolve(struct run_config *config, const char *path, struct arena *arena)
{
    TRY(name_run(config, path, arena));
    TRY(check_environment(config));
    TRY(resolve_networks(config, arena));
    TRY(search_tasks_resolve(config, arena));
    const struct method_ops *method = methods[config->search.method];
    if (method->set_agent != NULL) {
        method->set_agent(&config->agent);
    }
    if (config->search.method == METHOD_FROZEN && config->policy[0] == '\0') {
        FAIL(ERR_CONFIG, "search.method frozen proposes with a trained policy: name its run folder "
                         "with --policy, or choose another method");
    }
    config->finetune.seed = config->seed;
    if (config->run_dir[0] == '\0' && config->policy[0] == '\0') {
        config->run_dir = arena_format(arena, "runs/%s", config->name);
    }
    return config->run_dir != NULL ? OK : ERR_MEMORY;
}

// The config of the run that trained the policy.
static enum status read_trained(const char *policy, struct arena *arena, struct run_config *out)
{
    char path[4096];
    struct json *document;
    TRY(file_join(path, sizeof path, policy, "config.json"));
    enum status code = json_read_file(path, &document);
    if (code != OK) {
        return status_context(code, "--policy %s: the folder of a run is expected", policy);
    }
    code = config_read(document, path, run_config_table, out, arena);
    json_close(document);
    return code;
}

static bool is_same_network(const struct network_config *a, const struct network_config *b)
{
    return strcmp(a->name, b->name) == 0 &&
           strcmp(a->hints.architecture, b->hints.architecture) == 0 &&
           strcmp(a->weights, b->weights) == 0 && strcmp(a->data.name, b->data.name) == 0 &&
           run_space_same(a, b);
}

// Networks that the trained run had too are taken as they lie there.
static enum status adopt_networks(struct run_config *config, const struct run_config *trained,
                                  struct arena *arena)
{
    struct network_config *networks;
    struct object_list *list;
    const int n = config->networks->n;
    ARENA_NEW(arena, networks, (size_t)n);
    ARENA_NEW(arena, list, 1);
    for (int i = 0; i < n; i++) {
        networks[i] = *run_config_network(config, i);
        const char *file =
            arena_format(arena, "%s/networks/%s.safetensors", config->policy, networks[i].name);
        bool same = false;
        for (int j = 0; j < trained->networks->n; j++) {
            same = same || is_same_network(&networks[i], run_config_network(trained, j));
        }
        if (file == NULL) {
            return ERR_MEMORY;
        }
        if (same && file_exists(file)) {
            networks[i].weights = file;
        }
    }
    *list = (struct object_list){.n = n, .stride = sizeof *networks, .values = networks};
    config->networks = list;
    return OK;
}

// With --policy the agent is that of the run that trained it, and it only proposes: for tasks of
// that run's networks or of others.
static enum status resolve_policy(struct run_config *config, struct arena *arena)
{
    struct run_config *trained;
    ARENA_NEW(arena, trained, 1);
    TRY(read_trained(config->policy, arena, trained));
    if (strcmp(trained->environment, config->environment) != 0) {
        FAIL(ERR_CONFIG, "--policy %s: it was trained in environment %s, not in %s", config->policy,
             trained->environment, config->environment);
    }
    TRY(adopt_networks(config, trained, arena));
    config->agent = trained->agent;
    config->search.method = METHOD_FROZEN;
    config->search.evaluations = config->tries;
    if (config->run_dir[0] == '\0') {
        config->run_dir = strcmp(config->name, trained->name) == 0
                              ? arena_format(arena, "%s-tries", config->policy)
                              : arena_format(arena, "%s-on-%s", config->policy, config->name);
    }
    if (config->run_dir == NULL) {
        return ERR_MEMORY;
    }
    if (strcmp(config->policy, config->run_dir) == 0) {
        FAIL(ERR_CONFIG, "--run-dir: %s is the run that trained the policy; name another folder",
             config->run_dir);
    }
    return OK;
}

#define ABOUT_SEARCH                                                                               \
    "Searches small networks within budget for all tasks of a JSON config with one agent. "        \
    "Given again, it goes on where it stopped. Starts mpirun by itself, one process per actor "    \
    "and one that learns, when it was not started under one. With --policy RUN a trained agent "   \
    "proposes for budgets and networks that it has not seen; CONFIG may be RUN/config.json or "    \
    "another one."
#define SEARCH_CLI(command_, about_)                                                               \
    {                                                                                              \
        .command = (command_),                                                                     \
        .usage = "CONFIG [--actors N] [--run-dir DIR] [--set PATH=VALUE] [options]",               \
        .about = (about_), .positional = positional, .required = 1, .table = run_command_table,    \
    }
const struct cli search_cli = SEARCH_CLI("dikdik search", ABOUT_SEARCH);
const struct cli run_cli =
    SEARCH_CLI("dikdik run", ABOUT_SEARCH " The winners are fine-tuned and tested.");

enum status search_config_read(const struct cli *cli, int argc, char **argv, struct arena *arena,
                               struct run_config *out, bool *help)
{
    struct cli_result words;
    TRY(command_line_read(cli, argc, argv, out, arena, &words));
    *help = words.help;
    if (words.help) {
        return OK;
    }
    TRY(search_config_resolve(out, words.positional[0], arena));
    return out->policy[0] != '\0' ? resolve_policy(out, arena) : OK;
}
