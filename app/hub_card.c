// The model card: YAML for the hub, then what a person wants to know.
#include "app/hub.h"
#include "app/output.h"
#include "learner/methods/method.h"
#include "search_space/cost.h"

#include <string.h>

// Text in quotes: JSON's are YAML's too.
static void add_quoted(struct text *out, const char *before, const char *value)
{
    struct json_writer w = {.out = out};
    text_add(out, "%s", before);
    json_write_string(&w, NULL, value);
    text_add(out, "\n");
}

// Names of data sets that mean the same everywhere, not kinds of files of one's own.
static bool is_public(const char *dataset)
{
    static const char *const own[] = {"", "folder", "hdf5", "npy", "idx", "shapes"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i], dataset) == 0) {
            return false;
        }
    }
    return true;
}

static void add_index(const struct hub_card *card, struct text *out)
{
    const char *dataset = card->network->info.dataset;
    const struct hub_results *results = card->results;
    if (!results->known) {
        return;
    }
    add_quoted(out, "model-index:\n- name: ", card->title);
    text_add(out, "  results:\n  - task:\n      type: image-classification\n    dataset:\n");
    add_quoted(out, "      name: ", dataset);
    add_quoted(out, "      type: ", dataset);
    text_add(out, "      split: %s\n    metrics:\n    - type: accuracy\n      value: %.6g\n",
             results->final ? "test" : "validation",
             results->final ? results->result.accuracy_test : results->result.accuracy_found);
}

static void add_front_matter(const struct hub_card *card, struct text *out)
{
    const char *dataset = card->network->info.dataset;
    text_add(out, "---\n# license: choose one before you publish this, such as apache-2.0\n"
                  "library_name: dikdik\npipeline_tag: image-classification\ntags:\n"
                  "- image-classification\n- onnx\n- safetensors\n");
    text_add(out, card->network->whole != NULL || card->results->known ? "- pruning\n" : "");
    if (is_public(dataset)) {
        add_quoted(out, "datasets:\n- ", dataset);
    }
    text_add(out, "metrics:\n- accuracy\n");
    add_index(card, out);
    text_add(out, "---\n\n");
}

static void add_costs(const struct hub_card *card, struct text *out)
{
    const struct network_cost cost = cost_of_graph(&card->network->graph);
    const struct run_result *result = &card->results->result;
    const struct {
        const char *name;
        int64_t value, whole;
    } rows[] = {{"multiply-adds", cost.macs, result->full_macs},
                {"parameters", cost.params, result->full_params},
                {"bytes of weights", (int64_t)network_bytes(card->network), result->full_bytes}};
    text_add(out, card->results->known
                      ? "| | this network | uncut | share |\n|---|---:|---:|---:|\n"
                      : "| | this network |\n|---|---:|\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[32], whole[32];
        text_add(out, "| %s | %s |", rows[i].name, output_count(rows[i].value, value));
        if (card->results->known && rows[i].whole > 0) {
            text_add(out, " %s | %.3f |", output_count(rows[i].whole, whole),
                     (double)rows[i].value / (double)rows[i].whole);
        } else if (card->results->known) { // folders of before have none
            text_add(out, " | |");
        }
        text_add(out, "\n");
    }
}

static void add_accuracies(const struct hub_results *results, struct text *out)
{
    const struct run_result *r = &results->result;
    text_add(out, "| test images, fine-tuned | ");
    if (results->final) {
        text_add(out, "%.2f%% | %.2f%% | |\n", 100 * r->accuracy_test, 100 * r->accuracy_base_test);
    } else {
        text_add(out, "not measured | | |\n");
    }
    text_add(out, "| search-validation images, before fine-tuning | %.2f%% | %.2f%% | |\n",
             100 * r->accuracy_found, 100 * r->accuracy_base);
}

static void add_how(const struct hub_results *results, struct text *out)
{
    const struct run_config *config = &results->config;
    text_add(out, "\n## How the results were got\n\n");
    text_add(out,
             "dikdik %s, method `%s`, task `%s` with the budget `%s`, seed %llu: %lld candidates "
             "were scored on images held out of training. ",
             DIKDIK_VERSION, methods[config->search.method]->name, results->task, results->budget,
             (unsigned long long)config->seed, (long long)results->result.evaluations);
    if (results->final) {
        text_add(
            out,
            "The best one was fine-tuned for %d epochs and read once against the test images. ",
            config->finetune.epochs);
    } else {
        text_add(out, "This is the best one, before fine-tuning. ");
    }
    text_add(out, "One run: a spread over seeds is not known.\n");
    if (results->result.validation_images != IMAGES_UNSEEN) {
        text_add(out, "\nThe weights that the search began with may have been trained on the "
                      "search-validation images, so accuracies on those tell little.\n");
    }
    text_add(out,
             "\n<details><summary>Options that shape the result</summary>\n\n```json\n%s\n```\n\n"
             "</details>\n",
             results->shapes.bytes);
}

static void add_use(const struct hub_card *card, struct text *out)
{
    static const char *const inputs[] = {[ONNX_PIXELS_NORMALISED] =
                                             "float32, (pixel / 255 - image_mean) / image_std",
                                         [ONNX_PIXELS_SHARES] = "float32, pixel / 255",
                                         [ONNX_PIXELS_BYTES] = "uint8, 0 to 255"};
    const struct network_info *info = &card->network->info;
    const char *input = info->floats && card->onnx->pixels != ONNX_PIXELS_NORMALISED
                            ? "float32 samples"
                        : info->floats ? "float32, (sample - image_mean) / image_std"
                                       : inputs[card->onnx->pixels];
    text_add(out,
             "\n## Use\n\n`model.onnx` takes [n, %d, %d, %d] of %s; `preprocessor_config.json` has "
             "the numbers. It gives [n, %d] scores.\n\n"
             "```python\nimport onnxruntime\n"
             "session = onnxruntime.InferenceSession(\"model.onnx\")\n"
             "scores = session.run(None, {session.get_inputs()[0].name: images})[0]\n```\n\n"
             "`model.safetensors` has the weights under PyTorch's names and the network itself, so "
             "`dikdik eval model.safetensors`, `slim`, `export` and further training take it as it "
             "is.\n",
             info->c, info->h, info->w, input, info->classes);
}

enum status hub_card_text(const struct hub_card *card, struct text *out)
{
    const struct network_info *info = &card->network->info;
    add_front_matter(card, out);
    text_add(out, "# %s\n\nAn image classifier, %s%s%s, for %d classes of %dx%d images",
             card->title, info->architecture[0] != '\0' ? "`" : "", info->architecture,
             info->architecture[0] != '\0' ? "`" : "a network", info->classes, info->h, info->w);
    if (info->dataset[0] != '\0') {
        text_add(out, " of `%s`", info->dataset);
    }
    text_add(out, card->network->whole != NULL
                      ? ". It was cut by dikdik: fewer channels, not masked ones.\n\n## Results\n\n"
                      : ".\n\n## Results\n\n");
    add_costs(card, out);
    if (card->results->known) {
        add_accuracies(card->results, out);
        add_how(card->results, out);
    } else {
        text_add(out, "\nNo accuracies are recorded here; `dikdik eval model.safetensors` measures "
                      "them.\n");
    }
    add_use(card, out);
    text_add(out,
             "\n## Licence\n\nNone is given here: which one fits is for whoever publishes this "
             "to say, and depends on the images and weights that it was made from.\n");
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the model card");
    }
    return OK;
}
