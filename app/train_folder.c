// The folder of a training run.
#include "app/train_folder.h"

#include "core/file.h"

enum status train_folder_paths(const char *path, struct train_folder *out)
{
    TRY(file_join(out->checkpoint, sizeof out->checkpoint, path, "checkpoint.safetensors"));
    return file_join(out->network, sizeof out->network, path, "network.safetensors");
}

// Nothing of it may change once there is anything that it shaped.
static enum status compare(const struct train_folder *folder, const struct train_config *config,
                           const struct run_inputs *inputs)
{
    const struct run_folder *run = &folder->run;
    struct run_difference difference;
    bool differs;
    if (!file_exists(folder->checkpoint) && !file_exists(folder->network)) {
        return OK;
    }
    TRY(run_folder_differs(run, config, SHAPES_BASE, &differs, &difference));
    if (differs) {
        return run_folder_refuse(run, &difference);
    }
    TRY(run_folder_check_recorded(run));
    return run_inputs_compare(run->inputs_path, &run->inputs, inputs);
}

enum status train_folder_open(const char *path, const struct train_config *config,
                              const struct run_input *input, struct arena *arena,
                              struct train_folder *out)
{
    static const struct run_kind kind = {
        .table = train_config_table, .bytes = sizeof *config, .command = "dikdik train"};
    const struct object_list list = {.n = 1, .stride = sizeof *input, .values = input};
    const struct run_inputs inputs = {.networks = &list, .policy = ""};
    TRY(train_folder_paths(path, out));
    TRY(run_folder_open(path, &kind, arena, &out->run));
    if (out->run.earlier != NULL) {
        TRY(compare(out, config, &inputs));
    }
    TRY(run_folder_claim(&out->run, config, &inputs));
    file_remove_leftovers(out->checkpoint);
    file_remove_leftovers(out->network);
    return OK;
}

void train_folder_close(struct train_folder *folder)
{
    run_folder_close(&folder->run);
}
