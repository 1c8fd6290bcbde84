// What this machine offers, within the limits set on this process by affinity and control groups
// (cgroup v2).
#include "core/machine.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// First line of a small file of the kernel, without its newline; false when it cannot be read.
static bool read_line(const char *path, char *out, size_t out_bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const bool got = fgets(out, (int)out_bytes, file) != NULL;
    fclose(file);
    if (got) {
        out[strcspn(out, "\n")] = '\0';
    }
    return got;
}

// The text after `key`, spaces, tabs and ':' in the first line of `path` that starts with `key`.
static bool read_field(const char *path, const char *key, char *out, size_t out_bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *value = line + strlen(key);
            value += strspn(value, " \t:");
            snprintf(out, out_bytes, "%.*s", (int)strcspn(value, "\n"), value);
            found = true;
        }
    }
    fclose(file);
    return found;
}

// Calls `visit` with the contents of the control file `name` of this process's control group and of
// all groups above it: each of them limits us.
static void visit_cgroups(const char *name, void (*visit)(const char *line, void *context),
                          void *context)
{
    char group[512];
    if (!read_field("/proc/self/cgroup", "0:", group, sizeof group)) {
        return;
    }
    for (;;) {
        char path[1024], line[128];
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, name);
        if (read_line(path, line, sizeof line)) {
            visit(line, context);
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

// A line of cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD".
static void limit_cores(const char *line, void *context)
{
    int *cores = context;
    char *rest = NULL;
    const double quota = strtod(line, &rest), period = strtod(rest, NULL);
    if (quota > 0.0 && period > 0.0) {
        const double share = quota / period; // 1.5 cores are worth two threads, half of one is one
        if (share < (double)*cores) {
            const int whole = (int)share;
            *cores = whole + ((double)whole < share);
        }
    }
}

int machine_cores(void)
{
    int cores = 0;
    // The mask must be as large as the kernel's: grow until it fits.
    for (int most = 1024; cores == 0 && most <= 1 << 20; most *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        if (set == NULL) {
            break;
        }
        const size_t bytes = CPU_ALLOC_SIZE((size_t)most);
        if (sched_getaffinity(0, bytes, set) == 0) {
            cores = CPU_COUNT_S(bytes, set);
        }
        CPU_FREE(set);
    }
    if (cores <= 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        cores = online > 0 && online < INT_MAX ? (int)online : 1;
    }
    visit_cgroups("cpu.max", limit_cores, &cores);
    return cores > 0 ? cores : 1;
}

// A line of memory.max: bytes, or "max".
static void limit_memory(const char *line, void *context)
{
    size_t *bytes = context;
    char *end = NULL;
    const unsigned long long limit = strtoull(line, &end, 10);
    if (end != line && limit > 0 && limit < *bytes) {
        *bytes = (size_t)limit;
    }
}

static size_t kib_field(const char *path, const char *key)
{
    char value[128];
    return read_field(path, key, value, sizeof value) ? (size_t)strtoull(value, NULL, 10) * 1024
                                                      : 0;
}

size_t machine_memory_bytes(void)
{
    size_t bytes = kib_field("/proc/meminfo", "MemTotal:");
    if (bytes == 0) {
        const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
        bytes = pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : SIZE_MAX;
    }
    visit_cgroups("memory.max", limit_memory, &bytes);
    return bytes;
}

size_t machine_peak_bytes(void)
{
    const size_t bytes = kib_field("/proc/self/status", "VmHWM:");
    if (bytes != 0) {
        return bytes;
    }
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

size_t machine_data_bytes(void)
{
    return kib_field("/proc/self/status", "VmData:");
}

size_t machine_space_bytes(void)
{
    return kib_field("/proc/self/status", "VmSize:");
}

int machine_threads(void)
{
    char value[32];
    const bool known = read_field("/proc/self/status", "Threads", value, sizeof value);
    const long threads = known ? strtol(value, NULL, 10) : 1;
    return threads > 1 ? (int)threads : 1;
}

long machine_memory_kills(void)
{
    char value[32];
    const bool known = read_field("/proc/vmstat", "oom_kill", value, sizeof value);
    return known ? strtol(value, NULL, 10) : 0;
}

static char processor[128];

static void find_processor(void)
{
    if (!read_field("/proc/cpuinfo", "model name", processor, sizeof processor)) {
        processor[0] = '\0';
    }
}

const char *machine_processor(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_processor);
    return processor;
}

#if defined(__x86_64__)
bool machine_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool machine_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool machine_has_vnni(void)
{
    return machine_has_avx512() && __builtin_cpu_supports("avx512vnni");
}
#else
bool machine_has_avx2(void)
{
    return false;
}

bool machine_has_avx512(void)
{
    return false;
}

bool machine_has_vnni(void)
{
    return false;
}
#endif
