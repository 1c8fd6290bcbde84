// A folder of its own for a test that writes files, removed with everything in it afterwards.
#pragma once
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct test_folder {
    char path[256];
};

static inline int test_folder_remove_entry(const char *path, const struct stat *info, int kind,
                                           struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static inline void test_folder_make(struct test_folder *out)
{
    const char *base = getenv("TMPDIR");
    snprintf(out->path, sizeof out->path, "%s/dikdik-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(out->path) == NULL) {
        perror(out->path);
        abort();
    }
}

static inline void test_folder_remove(struct test_folder *folder)
{
    nftw(folder->path, test_folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// The path of a file in the folder, in a static buffer that the fourth next call overwrites.
static inline const char *test_folder_path(const struct test_folder *folder, const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
    return path;
}

// A new file each time: some file systems wait for the disk when an old one is written over.
static inline void test_folder_write(const char *path, const void *bytes, size_t n)
{
    remove(path);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        abort();
    }
}
