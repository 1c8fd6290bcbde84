// Supernets: what is read out of one is what it holds, and their files.
#include "core/rng.h"
#include "nn/plan.h"
#include "supernet_case.h"
#include "test_folder.h"

#include <math.h>

static const struct supernet_setting settings[] = {
    {.kind = NAS_MACRO},  {.kind = NAS_CELL},
    {.kind = NAS_RESNET}, {.kind = NAS_RESNET, .norm_per_width = true},
    {.kind = NAS_MOBILE}, {.kind = NAS_MOBILE, .kernel_transform = true, .norm_per_width = true},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static struct supernet open_setting(int i)
{
    struct supernet supernet;
    struct supernet_setting setting = settings[i];
    setting.options = setting.kind == NAS_MOBILE   ? supernet_case_mobile
                      : setting.kind == NAS_RESNET ? supernet_case_resnet
                                                   : NULL;
    supernet_case_open(&setting, &supernet);
    return supernet;
}

static void tensors_follow_each_other_trainable_ones_first(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct supernet s = open_setting(i);
        size_t floats = 0;
        bool transforms = false;
        for (int t = 0; t < s.n_tensors; t++) {
            const struct supernet_tensor *tensor = &s.tensors[t];
            const bool running = tensor->role == PARAM_MEAN || tensor->role == PARAM_VAR;
            assert_true(tensor->offset == floats);
            assert_int_equal(running, floats >= s.n_trainable);
            assert_int_equal(tensor->transforms >= 0,
                             floats >= s.n_plain && floats < s.n_trainable);
            transforms = transforms || tensor->transforms >= 0;
            floats += tensor->count;
        }
        assert_true(floats == s.n_floats);
        assert_int_equal(transforms, s.kernel_transform);
        supernet_close(&s);
    }
}

// Every parameter of random networks, by plain loops.
static void networks_hold_their_part(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct supernet s = open_setting(i);
        struct rng rng = rng_make(1, RNG_TEST, (uint64_t)i, 0);
        for (int n = 0; n < 12; n++) {
            int16_t choice[NAS_MOST_DECISIONS];
            struct network network;
            nas_space_random(&s.space, &rng, choice);
            assert_ok(supernet_extract(&s, choice, &network));
            assert_string_equal(network.info.dataset, "shapes");
            assert_true(network.train_rows.known);
            for (int p = 0; p < network.graph.n_params; p++) {
                const struct param *param = &network.graph.params[p];
                float *expected = supernet_case_param(&s, param);
                const float *got = network.params + param->offset;
                for (size_t k = 0; k < param->count; k++) {
                    const double size = 1.0 + fabs((double)expected[k]);
                    assert_true(fabs((double)got[k] - (double)expected[k]) <= 1e-6 * size);
                }
                free(expected);
            }
            network_close(&network);
        }
        supernet_close(&s);
    }
}

static void infer(const struct graph *graph, const float *params, const struct network_info *info,
                  const uint8_t *images, int n, float *logits)
{
    const struct backend_options plain = {.threads = 1};
    struct backend *backend;
    struct infer_plan *plan;
    const struct infer_options options = {.batch = n,
                                          .input = {.mean = info->mean, .std = info->std}};
    assert_ok(backend_open("ref", &plain, &backend));
    assert_ok(infer_open(backend, graph, &options, &plan));
    assert_ok(infer_load(plan, params, NULL));
    assert_ok(infer_run(plan, images, n, logits));
    infer_close(plan);
    backend_close(backend);
}

// The greatest network with zeros wherever the smaller one has nothing. Returns false when that
// lacks whole layers, which zeros cannot say.
static bool mask(const struct graph *greatest, const struct graph *graph, float *params)
{
    for (int p = 0; p < greatest->n_params; p++) {
        const struct param *whole = &greatest->params[p];
        const struct param *part = graph_find_param(graph, whole->name);
        if (part == NULL) {
            return false;
        }
        const int *d = whole->dims;
        for (size_t k = 0; k < whole->count; k++) {
            const int x = (int)(k % (size_t)d[3]), y = (int)(k / (size_t)d[3] % (size_t)d[2]);
            const size_t io = k / (size_t)(d[2] * d[3]);
            const int in = (int)(io % (size_t)d[1]), out = (int)(io / (size_t)d[1]);
            const int above = (d[2] - part->dims[2]) / 2, left = (d[3] - part->dims[3]) / 2;
            const bool kept = out < part->dims[0] && in < part->dims[1] && y >= above &&
                              y < above + part->dims[2] && x >= left && x < left + part->dims[3];
            if (!kept) {
                params[whole->offset + k] = whole->role == PARAM_VAR ? 1.0F : 0.0F;
            }
        }
    }
    return true;
}

// Values read out of a supernet say what the supernet itself says, channels and taps being 0.
static void networks_say_what_the_masked_supernet_says(void **state)
{
    (void)state;
    enum { IMAGES = 5, CLASSES = 4, TRIES = 40 };
    static const int elastic[] = {2, 4};
    for (int e = 0; e < 2; e++) {
        struct supernet s = open_setting(elastic[e]);
        int16_t choice[NAS_MOST_DECISIONS];
        struct rng rng = rng_make(2, RNG_TEST, (uint64_t)e, 0);
        uint8_t images[IMAGES * 8 * 8 * 3];
        float logits[2][IMAGES * CLASSES];
        int compared = 0;
        for (size_t i = 0; i < sizeof images; i++) {
            images[i] = (uint8_t)rng_below(&rng, 256);
        }
        for (int n = 0; n < TRIES; n++) {
            struct network greatest, network;
            nas_space_greatest(&s.space, choice);
            assert_ok(supernet_extract(&s, choice, &greatest));
            for (int d = 0; d < s.space.n_decisions; d++) {
                const struct nas_decision *decision = &s.space.decisions[d];
                if (decision->role != NAS_DEPTH) {
                    choice[d] = (int16_t)rng_below(&rng, (uint32_t)decision->n_choices);
                }
            }
            nas_space_canonical(&s.space, choice);
            assert_ok(supernet_extract(&s, choice, &network));
            if (mask(&greatest.graph, &network.graph, greatest.params)) {
                infer(&network.graph, network.params, &s.info, images, IMAGES, logits[0]);
                infer(&greatest.graph, greatest.params, &s.info, images, IMAGES, logits[1]);
                double size = 0.0;
                for (int k = 0; k < IMAGES * CLASSES; k++) {
                    size = fmax(size, fabs((double)logits[1][k]));
                }
                for (int k = 0; k < IMAGES * CLASSES; k++) {
                    const double error = fabs((double)logits[0][k] - (double)logits[1][k]);
                    assert_true(error <= 1e-6 * fmax(size, 1.0));
                }
                compared++;
            }
            network_close(&network);
            network_close(&greatest);
        }
        assert_int_equal(compared, TRIES);
        supernet_close(&s);
    }
}

// Two tensors of one shape and place in different layers begin as different ones.
static void first_values_are_those_of_their_seed(void **state)
{
    (void)state;
    const struct network_info info = {.h = 8, .w = 8, .c = 3, .classes = 4, .std = {1, 1, 1}};
    struct supernet_options options = {
        .type = &nas_mobile, .info = &info, .seed = 1, .kernel_transform = true};
    struct supernet a, b;
    assert_ok(supernet_open(&options, &a));
    assert_ok(supernet_open(&options, &b));
    assert_memory_equal(a.params, b.params, a.n_floats * sizeof *a.params);
    supernet_close(&b);
    options.seed = 2;
    assert_ok(supernet_open(&options, &b));
    assert_memory_not_equal(a.params, b.params, a.n_floats * sizeof *a.params);
    for (int t = 0; t < a.n_tensors; t++) {
        const struct supernet_tensor *tensor = &a.tensors[t];
        for (size_t k = 0; tensor->transforms >= 0 && k < tensor->count; k++) {
            const size_t taps = (size_t)tensor->dims[0];
            assert_true(a.params[tensor->offset + k] == (k / taps == k % taps ? 1.0F : 0.0F));
        }
    }
    supernet_close(&a);
    supernet_close(&b);
}

// A layout with another's values gives that one's networks.
static void expect_lent_values(const char *path, const struct supernet *owner)
{
    struct supernet borrower;
    struct network own, lent;
    assert_ok(supernet_load_layout(path, &borrower));
    assert_null(borrower.params);
    supernet_lend(&borrower, owner->params);
    assert_ok(supernet_extract_largest(owner, &own));
    assert_ok(supernet_extract_largest(&borrower, &lent));
    assert_memory_equal(own.params, lent.params, own.graph.n_floats * sizeof *own.params);
    network_close(&own);
    network_close(&lent);
    supernet_close(&borrower);
}

static void files_give_the_supernet_back(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "supernet.safetensors");
    for (int i = 0; i < SETTINGS; i++) {
        struct supernet s = open_setting(i), back;
        static const int32_t rows[] = {3, 4, 5, 9};
        assert_ok(row_set_add(&s.train_rows, rows, 4));
        assert_ok(supernet_save(&s, path));
        assert_ok(supernet_load(path, &back));
        assert_ptr_equal(back.space.type, s.space.type);
        assert_string_equal(back.options_text, s.options_text);
        assert_string_equal(back.info.dataset, "shapes");
        assert_int_equal(back.kernel_transform, s.kernel_transform);
        assert_int_equal(back.norm_per_width, s.norm_per_width);
        assert_true(row_set_equal(&back.train_rows, &s.train_rows));
        assert_memory_equal(back.info.mean, s.info.mean, sizeof s.info.mean);
        assert_true(back.n_floats == s.n_floats);
        assert_memory_equal(back.params, s.params, s.n_floats * sizeof *s.params);
        expect_lent_values(path, &s);
        supernet_close(&s);
        supernet_close(&back);
    }
    test_folder_remove(&folder);
}

static unsigned char *read_whole(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*n);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

// Writes the file with `from` in its header replaced by `to`, of the same length.
static void write_changed(const char *path, const unsigned char *bytes, size_t n, const char *from,
                          const char *to)
{
    unsigned char *changed = malloc(n);
    assert_non_null(changed);
    memcpy(changed, bytes, n);
    unsigned char *at = memmem(changed, n, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    test_folder_write(path, changed, n);
    free(changed);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } changes[] = {
        {"dikdik-supernet-1", "dikdik-supernet-9", "is no supernet"},
        {"\"mobile\"", "\"mobble\"", "space"},
        {"stem_width", "stem_wodth", "stem_wodth"},
        {"\\\"stem_width\\\":4", "\\\"stem_width\\\":5", "another shape"},
        {"\"kernel_transform\":\"true\"", "\"kernel_transform\":\"trve\"", "kernel_transform"},
        {"\"classes\":\"4\"", "\"classes\":\"0\"", "classes"},
        {"8x8x3", "8x8x9", "metadata"}, // nine means are missing
        {"\"stem.weight", "\"stew.weight", "missing"},
    };
    struct test_folder folder;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "supernet.safetensors");
    struct supernet s = open_setting(SETTINGS - 1), back;
    size_t n;
    assert_ok(supernet_save(&s, path));
    unsigned char *bytes = read_whole(path, &n);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        write_changed(path, bytes, n, changes[i].from, changes[i].to);
        assert_fails(supernet_load(path, &back), ERR_INPUT, changes[i].says);
    }
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    for (int i = 0; i < 300; i++) { // cut short, and single bytes of the header
        const size_t length = i % 2 == 0 ? rng_below(&rng, (uint32_t)n) : n;
        const size_t at = rng_below(&rng, 6000) % n;
        const unsigned char before = bytes[at];
        bytes[at] ^= (unsigned char)(1U << rng_below(&rng, 8));
        test_folder_write(path, bytes, length);
        bytes[at] = before;
        if (supernet_load(path, &back) == OK) {
            assert_true(length == n);
            supernet_close(&back);
        }
    }
    const float nan = NAN;
    memcpy(bytes + n - sizeof nan, &nan, sizeof nan);
    test_folder_write(path, bytes, n);
    assert_fails(supernet_load(path, &back), ERR_INPUT, "finite");
    free(bytes);
    supernet_close(&s);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_follow_each_other_trainable_ones_first),
        cmocka_unit_test(networks_hold_their_part),
        cmocka_unit_test(networks_say_what_the_masked_supernet_says),
        cmocka_unit_test(first_values_are_those_of_their_seed),
        cmocka_unit_test(files_give_the_supernet_back),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
