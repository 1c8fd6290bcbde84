// Batches: every row once per epoch, the same content for any number of ranks, crop and flip,
// resuming, errors of the thread, stopping, and no allocation once open.
#include "core/clock.h"
#include "count_allocations.h"
#include "data/augment.h"
#include "data/loader.h"
#include "data_files.h"

#include <stdlib.h>
#include <string.h>

enum { N = 53, H = 6, W = 5, C = 3, IMAGE = H * W * C };

struct fixture {
    struct dataset dataset;
    uint8_t images[N * IMAGE];
    int32_t labels[N];
};

static int make_dataset(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return 1;
    }
    files_noise(f->images, sizeof f->images, 1);
    for (int i = 0; i < N; i++) {
        f->labels[i] = i; // the label tells the row
        f->images[i * IMAGE] = (uint8_t)(i + 1);
    }
    f->dataset = (struct dataset){.name = "made",
                                  .n = N,
                                  .h = H,
                                  .w = W,
                                  .c = C,
                                  .classes = N,
                                  .images = f->images,
                                  .labels = f->labels};
    *state = f;
    return 0;
}

static int free_dataset(void **state)
{
    free(*state);
    return 0;
}

static struct loader_options plain_options(void)
{
    return (struct loader_options){.batch = 8, .ranks = 1, .shuffle = true, .seed = 3};
}

static struct loader *open_loader(const struct dataset *dataset,
                                  const struct loader_options *options)
{
    struct loader *loader = NULL;
    assert_ok(loader_open(dataset, NULL, 0, options, &loader));
    return loader;
}

static struct batch next(struct loader *loader)
{
    struct batch batch;
    assert_ok(loader_next(loader, &batch));
    return batch;
}

static void test_every_row_once(void **state)
{
    struct fixture *f = *state;
    const struct loader_options options = plain_options();
    struct loader *loader = open_loader(&f->dataset, &options);
    assert_int_equal(loader_batches(loader, 0), 7);
    int32_t orders[3][N];
    for (int epoch = 0; epoch < 3; epoch++) {
        int seen[N] = {0}, rows = 0;
        for (int number = 0; number < 7; number++) {
            const struct batch batch = next(loader);
            assert_int_equal(batch.epoch, epoch);
            assert_int_equal(batch.number, number);
            assert_int_equal(batch.n, number < 6 ? 8 : 5);
            for (int i = 0; i < batch.n; i++) {
                assert_memory_equal(batch.images + i * IMAGE, f->images + batch.labels[i] * IMAGE,
                                    IMAGE);
                seen[batch.labels[i]]++;
                orders[epoch][rows++] = batch.labels[i];
            }
        }
        for (int i = 0; i < N; i++) {
            assert_int_equal(seen[i], 1);
        }
    }
    assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
    assert_memory_not_equal(orders[1], orders[2], sizeof orders[0]);
    loader_close(loader);
}

static void test_in_order_and_full_batches(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    options.shuffle = false;
    options.full = true;
    struct loader *loader = open_loader(&f->dataset, &options);
    // 53, 106 and 159 rows take 7, 14 and 20 batches.
    static const int batches[] = {7, 7, 6};
    int row = 0;
    for (int epoch = 0; epoch < 3; epoch++) {
        assert_int_equal(loader_batches(loader, epoch), batches[epoch]);
        for (int number = 0; number < batches[epoch]; number++) {
            const struct batch batch = next(loader);
            assert_int_equal(batch.epoch, epoch);
            assert_int_equal(batch.number, number);
            assert_int_equal(batch.n, 8);
            for (int j = 0; j < 8; j++) {
                assert_int_equal(batch.labels[j], row++ % N);
            }
        }
    }
    loader_close(loader);
}

// All rows come once before any comes again, and after each epoch's batches all have come as often
// as there were epochs, though no batch is smaller.
static void test_full_batches_miss_no_row(void **state)
{
    struct fixture *f = *state;
    for (int size = 1; size <= N; size += 13) {
        struct loader_options options = plain_options();
        options.batch = size;
        options.full = true;
        options.flip = true;
        struct loader *loader = open_loader(&f->dataset, &options);
        int seen[N] = {0}, rows = 0;
        for (int epoch = 0; epoch < 6; epoch++) {
            for (int64_t number = 0; number < loader_batches(loader, epoch); number++) {
                const struct batch batch = next(loader);
                assert_int_equal(batch.n, size);
                for (int i = 0; i < batch.n; i++) {
                    assert_int_equal(seen[batch.labels[i]]++, rows++ / N);
                }
            }
            for (int i = 0; i < N; i++) {
                assert_in_range(seen[i], epoch + 1, epoch + 2);
            }
            assert_true(rows >= (epoch + 1) * N && rows < (epoch + 1) * N + size);
        }
        loader_close(loader);
    }
}

static void test_chosen_rows(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    int32_t rows[] = {40, 7, 7, 12};
    struct loader *loader = NULL;
    options.shuffle = false;
    options.batch = 3;
    assert_ok(loader_open(&f->dataset, rows, 4, &options, &loader));
    rows[0] = 0; // they were copied
    assert_int_equal(loader_batches(loader, 0), 2);
    struct batch batch = next(loader);
    assert_int_equal(batch.labels[0], 40);
    assert_int_equal(batch.labels[1], 7);
    assert_int_equal(batch.labels[2], 7);
    batch = next(loader);
    assert_int_equal(batch.n, 1);
    assert_int_equal(batch.labels[0], 12);
    loader_close(loader);
}

// Rows that ranks before this one get of a batch of n that is cut into runs of `deal`.
static int rows_before(int rank, int ranks, int n, int deal)
{
    const int rows = (n + deal - 1) / deal * rank / ranks * deal;
    return rows < n ? rows : n;
}

// The ranks' parts, one after the other, are the batch that one rank alone gets.
static void check_ranks(const struct fixture *f, int size, int deal, bool full)
{
    struct loader_options options = plain_options();
    options.batch = size;
    options.full = full;
    options.deal = deal;
    options.crop_pad = 2;
    options.flip = true;
    for (int ranks = 2; ranks <= 4; ranks++) {
        struct loader *loaders[5];
        for (int r = 0; r <= ranks; r++) { // the last is alone
            options.rank = r < ranks ? r : 0;
            options.ranks = r < ranks ? ranks : 1;
            loaders[r] = open_loader(&f->dataset, &options);
        }
        for (int i = 0; i < 12; i++) {
            const struct batch whole = next(loaders[ranks]);
            int rows = 0;
            for (int r = 0; r < ranks; r++) {
                const struct batch part = next(loaders[r]);
                assert_int_equal(part.epoch, whole.epoch);
                assert_int_equal(part.number, whole.number);
                assert_int_equal(rows, rows_before(r, ranks, whole.n, deal));
                assert_memory_equal(part.labels, whole.labels + rows,
                                    (size_t)part.n * sizeof *part.labels);
                assert_memory_equal(part.images, whole.images + rows * IMAGE,
                                    (size_t)part.n * IMAGE);
                rows += part.n;
            }
            assert_int_equal(rows, whole.n);
        }
        for (int r = 0; r <= ranks; r++) {
            loader_close(loaders[r]);
        }
    }
}

static void test_ranks(void **state)
{
    for (int full = 0; full <= 1; full++) {
        check_ranks(*state, 12, 1, full);
        check_ranks(*state, 13, 1, full); // no multiple of any number of ranks
        check_ranks(*state, 13, 2, full);
        check_ranks(*state, 30, 4, full);
    }
}

// The window of row `label` that equals `image`: its place in [0, 5) x [0, 5) x flipped, or -1.
static int find_window(const struct fixture *f, int label, const uint8_t *image)
{
    for (int place = 0; place < 50; place++) {
        const int top = place / 10 - 2, left = place / 2 % 5 - 2;
        bool same = true;
        for (int p = 0; p < IMAGE && same; p++) {
            const int y = p / C / W, x = place % 2 == 1 ? W - 1 - p / C % W : p / C % W;
            const bool inside = y + top >= 0 && y + top < H && x + left >= 0 && x + left < W;
            const int expected =
                inside ? f->images[label * IMAGE + ((y + top) * W + x + left) * C + p % C] : 0;
            same = image[p] == expected;
        }
        if (same) {
            return place;
        }
    }
    return -1;
}

static void test_crop_and_flip(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    options.crop_pad = 2;
    options.flip = true;
    struct loader *loader = open_loader(&f->dataset, &options);
    int count[50] = {0}, differ = 0;
    int first[N];
    for (int epoch = 0; epoch < 20; epoch++) {
        for (int number = 0; number < 7; number++) {
            const struct batch batch = next(loader);
            for (int i = 0; i < batch.n; i++) {
                const int label = batch.labels[i];
                const int place = find_window(f, label, batch.images + i * IMAGE);
                assert_in_range(place, 0, 49);
                count[place]++;
                first[label] = epoch == 0 ? place : first[label];
                differ += place != first[label];
            }
        }
    }
    for (int place = 0; place < 50; place++) { // 21 expected of each, standard deviation 4.6
        assert_in_range(count[place], 4, 45);
    }
    assert_true(differ > 19 * N * 9 / 10); // another window in every epoch
    loader_close(loader);
}

static void test_windows_far_outside(void **state)
{
    const struct augment_shape shape = {H, W, C};
    struct fixture *f = *state;
    uint8_t image[IMAGE];
    memset(image, 1, sizeof image);
    const uint8_t black[IMAGE] = {0};
    augment_copy(f->images, &shape, 0, W, true, image);
    assert_memory_equal(image, black, IMAGE);
    augment_copy(f->images, &shape, -H, 0, false, image);
    assert_memory_equal(image, black, IMAGE);
    augment_copy(f->images, &shape, 2 * H, -3 * W, false, image);
    assert_memory_equal(image, black, IMAGE);
    augment_copy(f->images, &shape, 0, 0, false, image);
    assert_memory_equal(image, f->images, IMAGE);
}

static void check_resume(const struct fixture *f, bool full)
{
    struct loader_options options = plain_options();
    options.crop_pad = 1;
    options.flip = true;
    options.full = full;
    for (int start = 0; start <= 14; start++) {
        options.first_epoch = 0;
        options.first_batch = 0;
        struct loader *a = open_loader(&f->dataset, &options);
        for (int i = 0; i < start; i++) {
            next(a);
        }
        // The end of an epoch may be told as the next one's start or as this one's end.
        options.first_epoch = start == 14 ? 1 : start / 7;
        options.first_batch = start == 14 ? 7 : start % 7;
        struct loader *b = open_loader(&f->dataset, &options);
        for (int i = 0; i < 9; i++) {
            const struct batch one = next(a), other = next(b);
            assert_int_equal(one.epoch, other.epoch);
            assert_int_equal(one.number, other.number);
            assert_int_equal(one.n, other.n);
            assert_memory_equal(one.labels, other.labels, (size_t)one.n * sizeof *one.labels);
            assert_memory_equal(one.images, other.images, (size_t)one.n * IMAGE);
        }
        loader_close(a);
        loader_close(b);
    }
}

static void test_resume(void **state)
{
    check_resume(*state, false);
    check_resume(*state, true);
}

// A batch that the user holds stays as it is while the thread works ahead.
static void test_held_batch_is_left_alone(void **state)
{
    struct fixture *f = *state;
    const struct loader_options options = plain_options();
    struct loader *loader = open_loader(&f->dataset, &options);
    for (int i = 0; i < 10; i++) {
        const struct batch batch = next(loader);
        uint8_t copy[8 * IMAGE];
        memcpy(copy, batch.images, (size_t)batch.n * IMAGE);
        clock_sleep(0.005);
        assert_memory_equal(batch.images, copy, (size_t)batch.n * IMAGE);
    }
    loader_close(loader);
}

static void test_error_of_the_thread(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    options.shuffle = false;
    f->labels[30] = 999; // in batch 3
    struct loader *loader = open_loader(&f->dataset, &options);
    for (int i = 0; i < 3; i++) { // what came before is still there
        assert_int_equal(next(loader).labels[0], 8 * i);
    }
    for (int i = 0; i < 2; i++) {
        struct batch batch = {.n = -1};
        assert_int_equal(loader_next(loader, &batch), ERR_INPUT);
        assert_non_null(strstr(status_message(), "made: the label of row 30 is 999"));
        assert_int_equal(batch.n, -1);
    }
    loader_close(loader);
}

static void test_stopping_at_any_time(void **state)
{
    struct fixture *f = *state;
    const struct loader_options options = plain_options();
    for (int i = 0; i < 300; i++) {
        struct loader *loader = open_loader(&f->dataset, &options);
        for (int j = 0; j < i % 9; j++) {
            next(loader);
        }
        if (i % 10 == 0) {
            clock_sleep(0.0005);
        }
        loader_close(loader);
    }
    loader_close(NULL);
}

static void expect_refusal(const struct dataset *dataset, struct loader_options options,
                           enum status code, const char *word)
{
    struct loader *loader = NULL;
    assert_int_equal(loader_open(dataset, NULL, 0, &options, &loader), code);
    assert_null(loader);
    assert_non_null(strstr(status_message(), word));
}

static void test_wrong_options(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    options.batch = 0;
    expect_refusal(&f->dataset, options, ERR_CONFIG, "batch size is 0");
    options = plain_options();
    options.batch = N + 1;
    options.full = true;
    expect_refusal(&f->dataset, options, ERR_CONFIG, "do not fill one batch of 54");
    options = plain_options();
    options.crop_pad = W + 1;
    expect_refusal(&f->dataset, options, ERR_CONFIG, "crop padding is 6");
    options = plain_options();
    options.first_batch = 8;
    expect_refusal(&f->dataset, options, ERR_CONFIG, "7 batches");
    int32_t none = 0;
    struct loader *loader = NULL;
    options = plain_options();
    assert_int_equal(loader_open(&f->dataset, &none, 0, &options, &loader), ERR_INPUT);
}

static void test_no_allocation(void **state)
{
    struct fixture *f = *state;
    struct loader_options options = plain_options();
    options.crop_pad = 2;
    options.flip = true;
    long before = allocations_so_far();
    struct loader *loader = open_loader(&f->dataset, &options);
    assert_true(allocations_so_far() > before); // the counter counts
    next(loader);
    before = allocations_so_far();
    for (int i = 0; i < 1000; i++) { // over many epochs
        next(loader);
    }
    assert_int_equal(allocations_so_far(), before);
    loader_close(loader);
}

#define LOADER_TEST(test) cmocka_unit_test_setup_teardown(test, make_dataset, free_dataset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOADER_TEST(test_every_row_once),
        LOADER_TEST(test_in_order_and_full_batches),
        LOADER_TEST(test_full_batches_miss_no_row),
        LOADER_TEST(test_chosen_rows),
        LOADER_TEST(test_ranks),
        LOADER_TEST(test_crop_and_flip),
        LOADER_TEST(test_windows_far_outside),
        LOADER_TEST(test_resume),
        LOADER_TEST(test_held_batch_is_left_alone),
        LOADER_TEST(test_error_of_the_thread),
        LOADER_TEST(test_stopping_at_any_time),
        LOADER_TEST(test_wrong_options),
        LOADER_TEST(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
