// A small supernet to train on drawn images.
#include "supernet_job_case.h"

#include "core/config.h"
#include "core/log.h"

static const char options_text[] =
    "{\"stem_width\": 4, \"head_width\": 16, \"stages\": ["
    "{\"width\": [4, 8], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [2, 3]},"
    "{\"width\": [8, 12], \"depth\": [1], \"kernel\": [3, 5], \"expansion\": [2, 3]}]}";

void supernet_job_open(struct supernet_job_case *c, const char *backend, int threads, int images)
{
    static const struct int_list no_steps = {0};
    static const int circle_and_bars[SUPERNET_JOB_CLASSES] = {0, 6};
    static const struct int_list classes = {.n = SUPERNET_JOB_CLASSES, .values = circle_and_bars};
    const struct backend_options backend_options = {.threads = threads};
    struct dataset_options data;
    memset(c, 0, sizeof *c);
    log_set_level(LOG_QUIET);
    option_defaults(dataset_option_table, &data);
    data.name = "shapes";
    data.size = 12;
    data.classes = &classes;
    data.count = images * 10 / SUPERNET_JOB_CLASSES; // of all ten shapes
    assert_ok(dataset_open(&data, DATASET_TRAIN, &c->data));
    assert_ok(backend_open(backend, &backend_options, &c->backend));
    option_defaults(supernet_option_table, &c->recipe);
    c->recipe.train.epochs = 2;
    c->recipe.train.batch = 36;
    c->recipe.train.learning_rate = 0.05;
    c->recipe.train.crop_pad = 1;
    c->recipe.train.seed = 7;
    c->recipe.train.steps = &no_steps;
    supernet_job_restart(c);
}

void supernet_job_restart(struct supernet_job_case *c)
{
    const struct dataset *data = &c->data;
    unsigned char values[1024] __attribute__((aligned(16)));
    struct network_info info;
    struct json *document;
    const struct network_data described = {.name = data->name,
                                           .h = data->h,
                                           .w = data->w,
                                           .c = data->c,
                                           .classes = data->classes,
                                           .mean = data->mean,
                                           .std = data->std};
    const struct supernet_options options = {.type = &nas_mobile,
                                             .options = values,
                                             .info = &info,
                                             .kernel_transform = c->recipe.kernel_transform,
                                             .norm_per_width = c->recipe.norm_per_width,
                                             .seed = 7};
    network_info_of_data("mobile", &described, &info);
    assert_true(nas_mobile.options_bytes <= sizeof values);
    assert_ok(json_parse(options_text, strlen(options_text), "options", &document));
    assert_ok(config_read(document, "options", nas_mobile.options, values, &c->arena));
    json_close(document);
    supernet_close(&c->supernet);
    assert_ok(supernet_open(&options, &c->supernet));
}

void supernet_job_close(struct supernet_job_case *c)
{
    backend_close(c->backend);
    supernet_close(&c->supernet);
    dataset_close(&c->data);
    arena_close(&c->arena);
}

enum status supernet_job_run(struct supernet_job_case *c, const struct collective *collective,
                             const char *checkpoint)
{
    const struct supernet_job job = {.backend = c->backend,
                                     .collective = collective,
                                     .dataset = &c->data,
                                     .recipe = &c->recipe,
                                     .checkpoint = checkpoint,
                                     .identity = checkpoint != NULL ? "these options" : NULL,
                                     .seconds = c->seconds,
                                     .quiet = true};
    return train_supernet(&job, &c->supernet, &c->arena, &c->report);
}
