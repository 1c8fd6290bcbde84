// One file per folder: a mark, then a byte per file.
#include "data/folder_memo.h"

#include "core/file.h"
#include "core/hash.h"
#include "data/folder_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

// Another one when files are judged otherwise.
static const char mark[] = "dikdik pictures 1\n";
enum { MARK_BYTES = sizeof mark - 1 };

uint64_t folder_fingerprint(const struct folder_list *list, const char *folder)
{
    uint64_t hash = hash_bytes(HASH_BEGIN, folder, strlen(folder) + 1);
    for (int i = 0; i < list->n; i++) {
        char path[READER_PATH_BYTES];
        struct stat info;
        int64_t facts[3] = {-1};
        if (file_join(path, sizeof path, folder, list->names[i]) == OK && stat(path, &info) == 0) {
            facts[0] = info.st_size;
            facts[1] = info.st_mtim.tv_sec;
            facts[2] = info.st_mtim.tv_nsec;
        }
        hash = hash_bytes(hash, list->names[i], strlen(list->names[i]) + 1);
        hash = hash_bytes(hash, facts, sizeof facts);
    }
    return hash;
}

static bool find_file(uint64_t fingerprint, bool make, char *out, size_t out_bytes)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[READER_PATH_BYTES];
    int n = -1;
    if (cache != NULL && cache[0] == '/') {
        n = snprintf(folder, sizeof folder, "%s/dikdik", cache);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(folder, sizeof folder, "%s/.cache/dikdik", home);
    }
    char name[40];
    snprintf(name, sizeof name, "pictures-%016llx", (unsigned long long)fingerprint);
    return n > 0 && (size_t)n < sizeof folder && file_join(out, out_bytes, folder, name) == OK &&
           (!make || file_make_folders(folder) == OK);
}

bool folder_recall(uint64_t fingerprint, int n, uint8_t *verdicts)
{
    char path[READER_PATH_BYTES], *bytes;
    struct arena arena = {.newest = NULL};
    size_t got = 0;
    bool known = find_file(fingerprint, false, path, sizeof path) && file_exists(path) &&
                 file_read(path, MARK_BYTES + (size_t)n, &arena, &bytes, &got) == OK &&
                 got == MARK_BYTES + (size_t)n && memcmp(bytes, mark, MARK_BYTES) == 0;
    for (int i = 0; known && i < n; i++) {
        verdicts[i] = (uint8_t)bytes[MARK_BYTES + i];
        known = verdicts[i] <= FILE_BAD;
    }
    arena_close(&arena);
    return known;
}

void folder_remember(uint64_t fingerprint, int n, const uint8_t *verdicts)
{
    char path[READER_PATH_BYTES];
    struct file_writer writer;
    if (!find_file(fingerprint, true, path, sizeof path) || file_writer_open(path, &writer) != OK) {
        return; // no home, no space, or another process is at it
    }
    file_writer_bytes(&writer, mark, MARK_BYTES);
    file_writer_bytes(&writer, verdicts, (size_t)n);
    (void)file_writer_commit(&writer);
}
