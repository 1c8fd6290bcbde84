// Support of the data tests.
#include "data_files.h"

#include "core/file.h"
#include "core/rng.h"
#include "test_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

int files_setup(void **state)
{
    struct test_folder *folder = malloc(sizeof *folder);
    if (folder == NULL) {
        return 1;
    }
    test_folder_make(folder);
    *state = folder->path; // the first member
    return 0;
}

int files_teardown(void **state)
{
    test_folder_remove(*state);
    free(*state);
    return 0;
}

char *files_path(char *out, const char *folder, const char *name)
{
    assert_ok(file_join(out, FILES_PATH, folder, name));
    return out;
}

static void make_parent(const char *path)
{
    char folder[FILES_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    assert_ok(file_make_folders(folder));
}

void files_write(const char *folder, const char *name, const void *bytes, size_t n)
{
    char path[FILES_PATH];
    make_parent(files_path(path, folder, name));
    test_folder_write(path, bytes, n);
}

void files_write_gz(const char *folder, const char *name, const void *bytes, size_t n)
{
    char path[FILES_PATH];
    make_parent(files_path(path, folder, name));
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)n), n);
    assert_int_equal(gzclose(file), Z_OK);
}

uint8_t *files_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

struct dataset_options files_options(const char *name, const char *path)
{
    struct dataset_options options;
    option_defaults(dataset_option_table, &options);
    options.name = name;
    options.path = path;
    return options;
}

void files_expect_failure(const struct dataset_options *options, enum dataset_part part,
                          enum status code, ...)
{
    struct dataset dataset = {.n = 0};
    const enum status status = dataset_open(options, part, &dataset);
    if (status != code) {
        fail_msg("expected status %d, got %d: %s", code, status, status_message());
    }
    assert_null(dataset.images);
    va_list words;
    va_start(words, code);
    for (const char *word = va_arg(words, const char *); word != NULL;
         word = va_arg(words, const char *)) {
        if (strstr(status_message(), word) == NULL) {
            fail_msg("expected '%s' in the message: %s", word, status_message());
        }
    }
    va_end(words);
}

void files_noise(uint8_t *bytes, size_t n, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)rng_below(&rng, 256);
    }
}

// True if it opened; a data set that opens must be whole.
static bool open_damaged(const struct dataset_options *options, enum dataset_part part,
                         const char *folder)
{
    struct dataset dataset;
    const enum status status = dataset_open(options, part, &dataset);
    if (status != OK) {
        if (status != ERR_INPUT || strstr(status_message(), folder) == NULL) {
            fail_msg("status %d, message: %s", status, status_message());
        }
        return false;
    }
    assert_true(dataset.n > 0 && dataset.c > 0 && dataset.classes > 0);
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)dataset.n * (size_t)(dataset.h * dataset.w * dataset.c); i++) {
        sum += dataset.images[i];
    }
    assert_true(sum <= dataset.mapped_bytes * 255);
    for (int i = 0; i < dataset.n; i++) {
        assert_in_range(dataset.labels[i], 0, dataset.classes - 1);
    }
    dataset_close(&dataset);
    return true;
}

int files_damage(const struct dataset_options *options, const char *folder, const char *name,
                 int trials)
{
    char path[FILES_PATH];
    size_t n;
    uint8_t *whole = files_read(files_path(path, folder, name), &n);
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    struct rng rng = rng_make(n, RNG_TEST, 1, 0);
    int failed = 0;
    for (int trial = 0; trial < trials; trial++) {
        size_t length = n;
        memcpy(bytes, whole, n);
        if (trial % 2 == 0) { // cut: all lengths of a short file, random ones of a long one
            length =
                (size_t)trial / 2 < n && n <= 64 ? (size_t)trial / 2 : rng_below(&rng, (uint32_t)n);
        } else { // change a few bytes, half of the time near the start, where headers are
            const int changes = 1 + (int)rng_below(&rng, 4);
            const size_t range = trial % 4 == 1 && n > 64 ? 64 : n;
            for (int i = 0; i < changes; i++) {
                bytes[rng_below(&rng, (uint32_t)range)] = (uint8_t)rng_below(&rng, 256);
            }
        }
        files_write(folder, name, bytes, length);
        failed += !open_damaged(options, DATASET_TRAIN, folder);
        failed += !open_damaged(options, DATASET_TEST, folder);
    }
    files_write(folder, name, whole, n);
    free(bytes);
    free(whole);
    return failed;
}

void files_capture_open(const struct dataset_options *options, const char *folder, char *out,
                        size_t out_bytes)
{
    char path[FILES_PATH];
    files_path(path, folder, "said");
    const int kept = dup(STDERR_FILENO);
    const int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(kept >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
    struct dataset dataset;
    const enum status status = dataset_open(options, DATASET_TRAIN, &dataset);
    if (status == OK) {
        dataset_close(&dataset);
    }
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_ok(status);
    size_t n;
    uint8_t *said = files_read(path, &n);
    snprintf(out, out_bytes, "%.*s", (int)n, (const char *)said);
    free(said);
}
