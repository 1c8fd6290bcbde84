#include "nn/network_metadata.h"

#include "nn/network_info.h"

static void add(struct network_metadata *metadata, const char *key, const char *value)
{
    CHECK(metadata->n < NETWORK_METADATA_MOST);
    metadata->entries[metadata->n++] = (struct safetensors_entry){key, value};
}

enum status network_metadata_make(const struct network_info *info, const struct row_set *train_rows,
                                  struct network_metadata *out)
{
    TRY(network_info_check(info));
    text_add(&out->input, "%dx%dx%d", info->h, info->w, info->c);
    text_add(&out->classes, "%d", info->classes);
    network_info_numbers(&out->mean, info->mean, info->c);
    network_info_numbers(&out->std, info->std, info->c);
    if (train_rows->known) {
        row_set_text(train_rows, &out->train_rows);
    }
    if (out->input.failed || out->classes.failed || out->mean.failed || out->std.failed ||
        out->train_rows.failed) {
        FAIL(ERR_MEMORY, "out of memory while writing metadata");
    }
    add(out, "input", out->input.bytes);
    add(out, "classes", out->classes.bytes);
    add(out, "mean", out->mean.bytes);
    add(out, "std", out->std.bytes);
    if (info->architecture[0] != '\0') {
        add(out, "architecture", info->architecture);
    }
    if (info->dataset[0] != '\0') {
        add(out, "dataset", info->dataset);
    }
    if (info->floats) {
        add(out, "samples", NETWORK_SAMPLES_FLOATS);
    }
    if (train_rows->known) {
        add(out, "train_rows", out->train_rows.bytes);
    }
    return OK;
}

void network_metadata_close(struct network_metadata *metadata)
{
    text_close(&metadata->input);
    text_close(&metadata->classes);
    text_close(&metadata->mean);
    text_close(&metadata->std);
    text_close(&metadata->train_rows);
}
