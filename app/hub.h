// A folder in the shape that model hubs use: config.json, model.safetensors, model.onnx,
// preprocessor_config.json and README.md, the model card.
#pragma once
#include "app/hub_results.h"
#include "onnx/export.h"

#define HUB_ONNX "model.onnx"

// It is put together beside its place, under `folder`, and comes there when it is whole.
struct hub {
    const char *target; // borrowed
    char folder[4096];  // "" = none is open
    bool exists;        // the target does, so files are moved into it one by one
};
// ERR_CONFIG when `target` is no folder, or has something in it and was not written by this command
// before, unless `force`.
enum status hub_open(const char *target, bool force, struct hub *out);
// The path of a file in it; NULL when memory ran out.
const char *hub_path(const struct hub *hub, struct arena *arena, const char *name);
// All but the ONNX file. title: what the card calls the network.
struct hub_card {
    const char *title;
    const struct network *network;
    const struct onnx_export_options *onnx; // as the ONNX file was written
    const struct hub_results *results;
};
enum status hub_write(const struct hub *hub, const struct hub_card *card, struct arena *arena);
// Files of the same names in the target are replaced, others stay.
enum status hub_commit(struct hub *hub);
void hub_cancel(struct hub *hub); // a zeroed or committed one is fine

// hub_card.c
enum status hub_card_text(const struct hub_card *card, struct text *out);
