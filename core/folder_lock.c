#include "core/folder_lock.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BEAT_SECONDS 10
#define LOOK_SECONDS 0.1
#define FRESH_SECONDS (3 * BEAT_SECONDS)

const struct folder_patience folder_lock_patience = {.leaving = 3, .beat = 2.5 * BEAT_SECONDS};

struct holder {
    char host[256];
    long process;
    uint64_t started; // clock ticks after the machine's start, 0 = unknown
    char since[40], what[128];
};

// Field 22 of /proc/PID/stat; the second one may contain anything, in parentheses.
static uint64_t start_of(long process)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    const size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static void describe_self(const char *what, struct holder *out)
{
    *out = (struct holder){.process = (long)getpid(), .started = start_of((long)getpid())};
    const time_t now = time(NULL);
    struct tm local;
    if (gethostname(out->host, sizeof out->host - 1) != 0 || out->host[0] == '\0') {
        snprintf(out->host, sizeof out->host, "localhost");
    }
    if (localtime_r(&now, &local) == NULL ||
        strftime(out->since, sizeof out->since, "%Y-%m-%d %H:%M:%S", &local) == 0) {
        out->since[0] = '\0';
    }
    snprintf(out->what, sizeof out->what, "%s", what);
}

// One fact a line, so that people can read it too.
static enum status write_holder(int file, const char *path, const struct holder *holder)
{
    char text[1024];
    const int n = snprintf(
        text, sizeof text, "host %s\nprocess %ld\nstarted %" PRIu64 "\nsince %s\ncommand %s\n",
        holder->host, holder->process, holder->started, holder->since, holder->what);
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)n, 0) != n || fsync(file) != 0) {
        FAIL(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    return OK;
}

// What is not there stays empty.
static void read_holder(int file, struct holder *out)
{
    char text[1024];
    const ssize_t n = pread(file, text, sizeof text - 1, 0);
    *out = (struct holder){0};
    text[n > 0 ? n : 0] = '\0';
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "host ", 5) == 0) {
            snprintf(out->host, sizeof out->host, "%s", line + 5);
        } else if (strncmp(line, "since ", 6) == 0) {
            snprintf(out->since, sizeof out->since, "%.39s", line + 6);
        } else if (strncmp(line, "command ", 8) == 0) {
            snprintf(out->what, sizeof out->what, "%.127s", line + 8);
        } else if (strncmp(line, "process ", 8) == 0) {
            out->process = strtol(line + 8, NULL, 10);
        } else if (strncmp(line, "started ", 8) == 0) {
            out->started = strtoull(line + 8, NULL, 10);
        }
    }
}

static enum status fail_held(const char *folder, const char *path, const struct holder *holder,
                             bool elsewhere)
{
    if (holder->host[0] == '\0') {
        FAIL(ERR_CONFIG,
             "%s is in use by another process; wait for it to end, or choose another folder with "
             "--run-dir",
             folder);
    }
    FAIL(ERR_CONFIG,
         "%s is in use: process %ld on %s works there since %s (%s); wait for it to end, or choose "
         "another folder with --run-dir%s%s",
         folder, holder->process, holder->host, holder->since, holder->what,
         elsewhere ? "; if you know that it is gone, remove " : "", elsewhere ? path : "");
}

enum attempt { TAKEN, HELD, NO_LOCKS, GONE };

static enum attempt try_lock(int file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_SETLK, &whole) == 0) {
        return TAKEN;
    }
    return errno == EACCES || errno == EAGAIN ? HELD : NO_LOCKS;
}

// Whether `path` still names the open file: who leaves removes it.
static bool still_there(int file, const char *path)
{
    struct stat open_one, named;
    return fstat(file, &open_one) == 0 && stat(path, &named) == 0 &&
           open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

// One try. TAKEN leaves the file open in *file.
static enum status attempt(const char *path, int *file, struct holder *holder, enum attempt *out)
{
    const int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (opened < 0) {
        FAIL(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    *out = try_lock(opened);
    read_holder(opened, holder);
    if (*out != HELD && !still_there(opened, path)) {
        *out = GONE;
    }
    if (*out == TAKEN || *out == NO_LOCKS) {
        *file = opened;
    } else {
        close(opened);
    }
    return OK;
}

// Opened anew each time, so that a network file system asks its server.
static bool stamp_of(const char *path, struct timespec *out)
{
    struct stat now;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const bool known = file >= 0 && fstat(file, &now) == 0;
    if (file >= 0) {
        close(file);
    }
    *out = known ? now.st_mtim : (struct timespec){0};
    return known;
}

// Whether the holder on another host moves the time stamp on. The file is not open here, as closing
// it would end a lock.
static bool beats(const char *path, double seconds)
{
    struct timespec first, now;
    const double end = clock_seconds() + seconds;
    bool known = stamp_of(path, &first);
    while (known && clock_seconds() < end) {
        clock_sleep(LOOK_SECONDS);
        known = stamp_of(path, &now);
        if (known && (now.tv_sec != first.tv_sec || now.tv_nsec != first.tv_nsec)) {
            return true;
        }
    }
    return false;
}

static bool lives(const struct holder *holder)
{
    const uint64_t started = start_of(holder->process);
    return started != 0 && started == holder->started;
}

// What the file says of its holder, where the kernel's lock does not tell all: one that is ours
// here may be another host's too, and some file systems have none.
enum standing { FREE, LIVES_HERE, ELSEWHERE };

static enum standing standing_of(const struct holder *holder, const struct holder *self,
                                 bool locked, const struct holder *dead)
{
    if (holder->host[0] == '\0' ||
        (strcmp(holder->host, dead->host) == 0 && holder->process == dead->process)) {
        return FREE;
    }
    if (strcmp(holder->host, self->host) != 0) {
        return ELSEWHERE;
    }
    return !locked && lives(holder) ? LIVES_HERE : FREE;
}

static enum status check_elsewhere(const char *folder, const char *path,
                                   const struct holder *holder, double seconds)
{
    log_info(
        "%s was last in use by process %ld on %s: waiting up to %.0f s to see whether it still "
        "is",
        folder, holder->process, holder->host, seconds);
    return beats(path, seconds) ? fail_held(folder, path, holder, true) : OK;
}

static void *beat(void *argument)
{
    struct folder_lock *lock = argument;
    pthread_mutex_lock(&lock->mutex);
    while (!lock->stopping) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec += BEAT_SECONDS;
        if (pthread_cond_timedwait(&lock->wake, &lock->mutex, &next) == ETIMEDOUT) {
            (void)futimens(lock->file, NULL); // a disk that is gone is noticed elsewhere
        }
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

// The thread takes no signal: these are the main thread's.
static enum status start_beat(struct folder_lock *lock)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->wake, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&lock->beat, NULL, beat, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        pthread_cond_destroy(&lock->wake);
        pthread_mutex_destroy(&lock->mutex);
        FAIL(ERR_MEMORY, "no thread for %s: %s", lock->path, strerror(error));
    }
    return OK;
}

// Until the lock is ours, open in *file, or it is known to be somebody else's.
static enum status wait_for(const char *folder, const char *path, const struct holder *self,
                            const struct folder_patience *patience, int *file, bool *locked)
{
    const double end = clock_seconds() + patience->leaving;
    struct holder dead = {0};
    for (;;) {
        struct holder holder;
        enum attempt got;
        TRY(attempt(path, file, &holder, &got));
        const bool opened = got == TAKEN || got == NO_LOCKS;
        *locked = got == TAKEN;
        const enum standing standing =
            opened ? standing_of(&holder, self, *locked, &dead) : LIVES_HERE;
        if (opened && standing == FREE) {
            return OK;
        }
        if (opened) { // now, as a file opened and closed meanwhile would end the lock unseen
            close(*file);
        }
        if (standing == ELSEWHERE) {
            TRY(check_elsewhere(folder, path, &holder, patience->beat));
            dead = holder;
        } else if (got != GONE && clock_seconds() >= end) {
            return fail_held(folder, path, &holder, false);
        } else {
            clock_sleep(LOOK_SECONDS);
        }
    }
}

// Without locks, of two that came at once the one that wrote last has it.
static enum status confirm(const char *folder, const char *path, int file,
                           const struct holder *self)
{
    struct holder holder;
    clock_sleep(2 * LOOK_SECONDS);
    read_holder(file, &holder);
    if (strcmp(holder.host, self->host) != 0 || holder.process != self->process) {
        return fail_held(folder, path, &holder, false);
    }
    return OK;
}

enum status folder_lock_take(const char *folder, const char *what,
                             const struct folder_patience *patience, struct folder_lock *out)
{
    struct holder self;
    int file = -1;
    bool locked = false;
    *out = (struct folder_lock){.file = -1};
    TRY(file_join(out->path, sizeof out->path, folder, "lock"));
    describe_self(what, &self);
    TRY(wait_for(folder, out->path, &self, patience, &file, &locked));
    out->file = file;
    enum status code = write_holder(file, out->path, &self);
    if (code == OK && !locked) {
        code = confirm(folder, out->path, file, &self);
    }
    if (code == OK) {
        code = start_beat(out);
    }
    if (code != OK) {
        close(file);
        out->file = -1;
    }
    return code;
}

void folder_lock_release(struct folder_lock *lock)
{
    if (lock->path[0] == '\0' || lock->file < 0) {
        return;
    }
    pthread_mutex_lock(&lock->mutex);
    lock->stopping = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    pthread_join(lock->beat, NULL);
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    if (still_there(lock->file, lock->path)) {
        unlink(lock->path);
    }
    close(lock->file);
    *lock = (struct folder_lock){.file = -1};
}

enum status folder_lock_is_held(const char *folder, bool *held)
{
    char path[4096];
    struct stat info;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *held = false;
    TRY(file_join(path, sizeof path, folder, "lock"));
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        if (errno == ENOENT) {
            return OK;
        }
        FAIL(ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    }
    if (fcntl(file, F_GETLK, &whole) == 0) {
        *held = whole.l_type != F_UNLCK;
    } else {
        *held = fstat(file, &info) == 0 && difftime(time(NULL), info.st_mtime) < FRESH_SECONDS;
    }
    close(file);
    return OK;
}
