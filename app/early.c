// What has to happen before the libraries' own start-up code. OpenBLAS starts threads there, of
// which each waits for ever for a buffer of 128 MiB where memory is limited; we share out work over
// threads of our own and want none of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Measured: the program and its libraries map 155 MiB, of which 10 are private; OpenBLAS takes a
// first buffer.
#define LEAST_SPACE_MIB 320
#define LEAST_DATA_MIB 160

static void check_limit(__rlimit_resource_t resource, const char *letter, unsigned long least_mib)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur / (1 << 20) >= least_mib) {
        return;
    }
    char text[160];
    snprintf(text, sizeof text,
             "dikdik: error: at least %lu MiB of address space are needed to start, but ulimit -%s "
             "allows %lu; raise it\n",
             least_mib, letter, (unsigned long)(limit.rlim_cur / (1 << 20)));
    (void)!write(STDERR_FILENO, text, strlen(text));
    _exit(2); // there is no main yet
}

static void prepare_libraries(void)
{
    check_limit(RLIMIT_AS, "v", LEAST_SPACE_MIB);
    check_limit(RLIMIT_DATA, "d", LEAST_DATA_MIB);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const prepare_first)(void) = prepare_libraries;
