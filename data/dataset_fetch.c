// Images by their rows: from memory, or from the files, by one thread or several.
#include "data/dataset_fetch.h"

#include "core/interrupt.h"
#include "data/reader.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256, CHUNK_BYTES = 1 << 20, MOST_THREADS = 256 };

static size_t values_of_image(const struct dataset *dataset)
{
    return (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
}

size_t dataset_stored_bytes(const struct dataset *dataset)
{
    static const size_t bytes[] = {
        [SAMPLE_U8] = 1, [SAMPLE_I16] = sizeof(int16_t), [SAMPLE_F32] = sizeof(float)};
    return values_of_image(dataset) * bytes[dataset->type];
}

size_t dataset_image_bytes(const struct dataset *dataset)
{
    return values_of_image(dataset) * (dataset->type == SAMPLE_U8 ? 1 : sizeof(float));
}

// As they are kept. rows NULL: first, first + 1 ...
static enum status fetch_stored(const struct dataset *dataset, const int32_t *rows, int32_t first,
                                int n, char *out)
{
    const size_t bytes = dataset_stored_bytes(dataset);
    if (dataset->images != NULL) {
        for (int i = 0; i < n; i++) {
            const size_t row = (size_t)(rows != NULL ? rows[i] : first + i);
            memcpy(out + (size_t)i * bytes, dataset->images + row * bytes, bytes);
        }
        return OK;
    }
    CHECK(dataset->reading != NULL);
    int32_t file_rows[ROWS_AT_ONCE];
    for (int done = 0; done < n;) {
        const int some = n - done < ROWS_AT_ONCE ? n - done : ROWS_AT_ONCE;
        for (int i = 0; i < some; i++) {
            const int32_t row = rows != NULL ? rows[done + i] : first + done + i;
            CHECK(row >= 0 && row < dataset->n);
            file_rows[i] = dataset_row(dataset, row);
        }
        TRY(dataset->reading->reader->read(dataset->reading, file_rows, some,
                                           out + (size_t)done * bytes));
        done += some;
    }
    return OK;
}

static enum status fetch(const struct dataset *dataset, const int32_t *rows, int32_t first, int n,
                         char *out)
{
    if (dataset->type != SAMPLE_I16) {
        return fetch_stored(dataset, rows, first, n, out);
    }
    // Read into the second half, spread from the front: no value is written over before it is read.
    const size_t count = (size_t)n * values_of_image(dataset);
    char *stored = out + count * sizeof(int16_t);
    TRY(fetch_stored(dataset, rows, first, n, stored));
    for (size_t i = 0; i < count; i++) {
        int16_t value;
        memcpy(&value, stored + i * sizeof value, sizeof value);
        const float spread = value;
        memcpy(out + i * sizeof spread, &spread, sizeof spread);
    }
    return OK;
}

enum status dataset_fetch(const struct dataset *dataset, const int32_t *rows, int n_rows, void *out)
{
    return fetch(dataset, rows, 0, n_rows, out);
}

// ---- with several threads
struct job {
    const struct dataset *dataset;
    const int32_t *rows; // NULL: all in order
    int n, chunk;        // rows; rows taken at once
    bool stored;
    char *out;
    size_t bytes; // of an image in out
    atomic_int next;
    pthread_mutex_t lock; // of what follows
    int failed;           // first row of the first chunk that failed; n: none
    enum status status;
    struct status_note note;
};

// The earliest failure is told, whichever thread comes upon one first.
static void note_failure(struct job *job, int first, enum status status)
{
    pthread_mutex_lock(&job->lock);
    if (first < job->failed) {
        job->failed = first;
        job->status = status;
        status_save(&job->note);
    }
    pthread_mutex_unlock(&job->lock);
    atomic_store(&job->next, job->n);
}

static void *run_job(void *argument)
{
    struct job *job = argument;
    for (;;) {
        const int first = atomic_fetch_add(&job->next, job->chunk);
        if (first >= job->n) {
            return NULL;
        }
        const int n = job->n - first < job->chunk ? job->n - first : job->chunk;
        const int32_t *rows = job->rows != NULL ? job->rows + first : NULL;
        char *out = job->out + (size_t)first * job->bytes;
        enum status status = interrupt_check(); // decoding may take minutes
        if (status == OK) {
            status = job->stored ? fetch_stored(job->dataset, rows, first, n, out)
                                 : fetch(job->dataset, rows, first, n, out);
        }
        if (status != OK) {
            note_failure(job, first, status);
            return NULL;
        }
    }
}

int dataset_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

static enum status run_threads(struct job *job)
{
    const struct dataset *dataset = job->dataset;
    pthread_t threads[MOST_THREADS];
    const size_t fit = CHUNK_BYTES / job->bytes;
    job->chunk = fit < 1 ? 1 : fit > ROWS_AT_ONCE ? ROWS_AT_ONCE : (int)fit;
    const int chunks = (job->n + job->chunk - 1) / job->chunk;
    int wanted = dataset->images != NULL ? 1 : dataset->threads;
    wanted = wanted < chunks ? wanted : chunks;
    wanted = wanted < MOST_THREADS ? wanted : MOST_THREADS;
    job->failed = job->n;
    pthread_mutex_init(&job->lock, NULL);
    int started = 0;
    while (started < wanted - 1 && // this thread works too, alone if it must
           dataset_start_thread(&threads[started], run_job, job) == 0) {
        started++;
    }
    run_job(job);
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&job->lock);
    if (job->failed < job->n) {
        status_restore(&job->note);
        return job->status;
    }
    return OK;
}

enum status dataset_fetch_many(const struct dataset *dataset, const int32_t *rows, int n_rows,
                               void *out)
{
    struct job job = {.dataset = dataset,
                      .rows = rows,
                      .n = n_rows,
                      .out = out,
                      .bytes = dataset_image_bytes(dataset)};
    return run_threads(&job);
}

enum status dataset_fetch_stored(const struct dataset *dataset, void *out)
{
    struct job job = {.dataset = dataset,
                      .n = dataset->n,
                      .stored = true,
                      .out = out,
                      .bytes = dataset_stored_bytes(dataset)};
    return run_threads(&job);
}
