// Support of the tests of network files.
#include "nn_files.h"

#include "core/file.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int nn_files_setup(void **state)
{
    const char *root = getenv("TMPDIR");
    char *folder = malloc(NN_PATH);
    if (folder == NULL) {
        return 1;
    }
    snprintf(folder, NN_PATH, "%s/dikdik-nn-XXXXXX", root != NULL ? root : "/tmp");
    *state = mkdtemp(folder);
    return *state == NULL;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

int nn_files_teardown(void **state)
{
    const int failed = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

char *nn_files_path(char *out, void **state, const char *name)
{
    assert_int_equal(file_join(out, NN_PATH, *state, name), OK);
    return out;
}

void nn_files_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

unsigned char *nn_files_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *n = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

enum status nn_files_with_full_disk(size_t most_bytes, enum status (*body)(void *context),
                                    void *context)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {most_bytes, most_bytes};
        signal(SIGXFSZ, SIG_IGN); // writing then fails with EFBIG
        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 ? (int)body(context) : 99);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return (enum status)WEXITSTATUS(ended);
}
