// Asks the kernel by mapping and unmapping.
#include "core/room.h"

#include "core/machine.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)

static bool has_limit(int resource, size_t *out)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    *out = (size_t)limit.rlim_cur;
    return true;
}

static bool is_strict(void)
{
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    const int first = file != NULL ? fgetc(file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return first == '2';
}

bool room_is_limited(void)
{
    size_t bytes;
    return has_limit(RLIMIT_AS, &bytes) || has_limit(RLIMIT_DATA, &bytes) || is_strict();
}

static size_t in_mib(size_t bytes)
{
    return (bytes + MIB - 1) / MIB;
}

enum status room_check(size_t bytes, const char *what)
{
    if (!room_is_limited()) {
        return OK;
    }
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place != MAP_FAILED) {
        munmap(place, bytes);
        return OK;
    }
    size_t limit;
    const size_t space = machine_space_bytes() + bytes, data = machine_data_bytes() + bytes;
    if (has_limit(RLIMIT_AS, &limit) && space > limit) {
        FAIL(ERR_MEMORY,
             "%s needs %zu MiB: about %zu MiB of address space in all, but ulimit -v allows %zu; "
             "raise it, or use fewer threads",
             what, in_mib(bytes), in_mib(space), limit / MIB);
    }
    if (has_limit(RLIMIT_DATA, &limit) && data > limit) {
        FAIL(ERR_MEMORY,
             "%s needs %zu MiB: about %zu MiB of private memory in all, but ulimit -d (a worker's: "
             "actors.memory_mib) allows %zu; raise it, or use fewer threads",
             what, in_mib(bytes), in_mib(data), limit / MIB);
    }
    FAIL(ERR_MEMORY,
         "%s needs %zu MiB more, which the kernel does not promise (vm.overcommit_memory = 2)",
         what, in_mib(bytes));
}
