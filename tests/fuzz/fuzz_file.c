#include "fuzz_file.h"

#include "core/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 256 };
static char folder[64];
static pid_t owner;

const char *fuzz_file(const uint8_t *bytes, size_t n)
{
    static int file = -1;
    static char path[64];
    if (file >= 0) {
        close(file);
    }
    file = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, bytes, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

static void remove_folder(void)
{
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (getpid() == owner && system(command) != 0) {
        perror(folder);
    }
}

const char *fuzz_folder(void)
{
    if (folder[0] == '\0') {
        strcpy(folder, "/dev/shm/dikdik-fuzz-XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
        owner = getpid();
        atexit(remove_folder);
    }
    return folder;
}

void fuzz_write(const char *name, const uint8_t *bytes, size_t n)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, n, file) == n);
    CHECK(fclose(file) == 0);
}

struct fuzz_part fuzz_take(const uint8_t **bytes, size_t *n)
{
    uint32_t length = 0;
    const size_t head = *n < sizeof length ? *n : sizeof length;
    memcpy(&length, *bytes, head);
    *bytes += head;
    *n -= head;
    const size_t here = length < *n ? length : *n;
    const struct fuzz_part part = {*bytes, here};
    *bytes += here;
    *n -= here;
    return part;
}
