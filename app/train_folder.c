// The folder of a training run.
#include "app/train_folder.h"

#include "core/file.h"
#include "run/run_folder.h"

enum status train_folder_paths(const char *path, struct train_folder *out)
{
    TRY(file_join(out->config, sizeof out->config, path, "config.json"));
    TRY(file_join(out->checkpoint, sizeof out->checkpoint, path, "checkpoint.safetensors"));
    return file_join(out->network, sizeof out->network, path, "network.safetensors");
}

static enum status train_identity(const void *config, struct text *out)
{
    return train_config_identity(config, out);
}

enum status train_folder_open(const char *path, const struct train_config *config,
                              struct train_folder *out)
{
    const struct run_kind kind = {
        .table = train_config_table, .bytes = sizeof *config, .identity = train_identity};
    struct text text = {0};
    TRY(train_folder_paths(path, out));
    TRY(train_config_text(config, &text));
    const enum status code = run_folder_claim(path, &kind, config, text.bytes);
    text_close(&text);
    TRY(code);
    file_remove_leftovers(out->checkpoint);
    file_remove_leftovers(out->network);
    return OK;
}
