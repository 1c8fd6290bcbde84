// Threads take files from one counter; what they find goes into a byte per file.
#include "data/folder_check.h"

#include "core/file.h"
#include "core/interrupt.h"
#include "core/text.h"
#include "data/dataset_fetch.h"
#include "data/folder_memo.h"
#include "data/image_decode.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MOST_THREADS = 32,
    FILES_PER_TURN = 16,
    MANY_FILES = 10000, // to decode: not in a moment
    MOST_NAMED = 8,
    MOST_NAME = 48,   // bytes of a file's name in messages: its end
    MOST_REASON = 56, // and of what is wrong with it
};

struct check {
    const struct folder_list *list;
    const char *folder;
    bool thorough;
    uint8_t *verdicts;
    atomic_int next;
    atomic_int failure; // enum status: memory ran out, or the user's signal
};

// ERR_INPUT: it is a bad file. Other failures are none of the file's.
static enum status check_one(const struct check *check, int i, struct arena *scratch,
                             uint8_t *verdict)
{
    char path[READER_PATH_BYTES];
    bool untidy = false;
    TRY(file_join(path, sizeof path, check->folder, check->list->names[i]));
    const enum status status = image_check_file(path, check->thorough, scratch, &untidy);
    *verdict = status != OK ? FILE_BAD : untidy ? FILE_UNTIDY : FILE_GOOD;
    return status;
}

static void *check_files(void *argument)
{
    struct check *check = argument;
    struct arena scratch = {.newest = NULL};
    for (;;) {
        const int first = atomic_fetch_add(&check->next, FILES_PER_TURN);
        const int left = check->list->n - first;
        if (left <= 0 || atomic_load(&check->failure) != OK) {
            break;
        }
        for (int i = first; i < first + (left < FILES_PER_TURN ? left : FILES_PER_TURN); i++) {
            arena_reset(&scratch);
            const enum status status = check_one(check, i, &scratch, &check->verdicts[i]);
            if (status != OK && status != ERR_INPUT) {
                atomic_store(&check->failure, (int)status);
            }
        }
        if (interrupt_pending()) {
            atomic_store(&check->failure, (int)ERR_INTERRUPTED);
        }
    }
    arena_close(&scratch);
    return NULL;
}

static enum status look_at_all(const struct folder_list *list, const char *folder, bool thorough,
                               int threads, uint8_t *verdicts)
{
    struct check check = {.list = list, .folder = folder, .thorough = thorough};
    check.verdicts = verdicts;
    pthread_t others[MOST_THREADS];
    const int turns = list->n / FILES_PER_TURN;
    int wanted = threads < turns ? threads - 1 : turns - 1, started = 0;
    wanted = wanted < MOST_THREADS ? wanted : MOST_THREADS;
    while (started < wanted && dataset_start_thread(&others[started], check_files, &check) == 0) {
        started++;
    }
    check_files(&check); // with fewer threads it takes longer
    for (int i = 0; i < started; i++) {
        pthread_join(others[i], NULL);
    }
    const enum status status = (enum status)atomic_load(&check.failure);
    if (status == ERR_INTERRUPTED) {
        return interrupt_check();
    }
    if (status != OK) {
        FAIL(status, "%s: its files could not be looked at: no memory", folder);
    }
    return OK;
}

enum status folder_check(const struct folder_list *list, const char *folder, bool thorough,
                         int threads, uint8_t *verdicts)
{
    if (!thorough) {
        return look_at_all(list, folder, false, threads, verdicts);
    }
    const uint64_t fingerprint = folder_fingerprint(list, folder);
    if (folder_recall(fingerprint, list->n, verdicts)) {
        return OK;
    }
    if (list->n >= MANY_FILES) {
        folder_say_once(false, "%s: decoding %d files once, to find those that are damaged", folder,
                        list->n);
    }
    TRY(look_at_all(list, folder, true, threads, verdicts));
    folder_remember(fingerprint, list->n, verdicts);
    return OK;
}

void folder_add_reasons(const struct folder_list *list, const char *folder, bool thorough,
                        const uint8_t *verdicts, struct text *out)
{
    struct check check = {.list = list, .folder = folder, .thorough = thorough};
    struct arena scratch = {.newest = NULL};
    int named = 0;
    for (int i = 0; i < list->n; i++) {
        uint8_t verdict = FILE_GOOD;
        if (verdicts[i] != FILE_BAD) {
            continue;
        }
        if (named == MOST_NAMED) {
            text_add(out, " ...");
            break;
        }
        arena_reset(&scratch);
        const size_t length = strlen(list->names[i]);
        const size_t cut = length > MOST_NAME ? length - MOST_NAME : 0;
        const char *reason = check_one(&check, i, &scratch, &verdict) != OK
                                 ? status_message()
                                 : "it was mended meanwhile";
        text_add(out, "%s%s%s (%.*s)", named > 0 ? ", " : "", cut > 0 ? "..." : "",
                 list->names[i] + cut, MOST_REASON, reason);
        named++;
    }
    arena_close(&scratch);
}
