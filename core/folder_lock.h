// One process at a time works in a folder. The lock is a file `lock` in it that says who holds it;
// the kernel's own lock on that file ends with its process, whatever ends it, so nothing that is
// dead blocks. Where a file system keeps such locks within one host, or has none, the file decides:
// by process number and start time on this host; from other hosts by its time stamp, which the
// holder moves on every few seconds.
#pragma once
#include "core/status.h"

#include <pthread.h>

struct folder_lock {
    int file; // -1 = nothing is held
    char path[4096];
    pthread_t beat; // moves the time stamp on
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};
// How long to wait, in seconds.
struct folder_patience {
    double leaving; // for a holder that is about to end: a job that is started again at once
    double beat;    // for the time stamp of a holder on another host to move on
};
extern const struct folder_patience folder_lock_patience; // 3 s and 25 s

// Waits for a holder that may be about to end or be dead, as long as `patience` says. ERR_CONFIG
// says who holds the folder and what to do; ERR_IO when nothing can be written there. `what` is
// being done, for those who are turned away: "dikdik run". The struct stays where it is while the
// lock is held. No other code of the process may open the file: closing it would end the lock.
enum status folder_lock_take(const char *folder, const char *what,
                             const struct folder_patience *patience, struct folder_lock *out);
// Whether somebody else works in a folder now, without disturbing them: never for a folder that
// this process holds itself. Where the file system keeps no locks, a time stamp younger than half a
// minute says so. ERR_IO.
enum status folder_lock_is_held(const char *folder, bool *held);
// Removes the file. One that was zeroed, or not taken, is fine.
void folder_lock_release(struct folder_lock *lock);
