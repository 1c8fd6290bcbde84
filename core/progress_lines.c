// Lines of progress for programs. A pipe whose reader sleeps must not stop the work, and its flags
// are not ours alone: what poll calls writable takes PIPE_BUF bytes without blocking.
#include "core/progress_lines.h"

#include "core/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_EVERY_S 1.0
#define END_PATIENCE_S 1.0 // for lines that no later one makes up for

static int sink = -1;

// At most PIPE_BUF bytes: what is ready takes so many at once, but for a socket, which is asked not
// to wait. As write.
static ssize_t write_some(int file, const char *bytes, size_t n)
{
    const size_t most = n < PIPE_BUF ? n : PIPE_BUF;
    const ssize_t sent = send(file, bytes, most, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && errno == ENOTSOCK ? write(file, bytes, most) : sent;
}

long progress_lines_write(int file, const char *bytes, size_t n, double patience)
{
    const double until = clock_seconds() + patience;
    size_t done = 0;
    for (bool waits = true; waits && done < n;) {
        const double left = until - clock_seconds();
        struct pollfd ready = {.fd = file, .events = POLLOUT};
        const int polled = poll(&ready, 1, left > 0 ? (int)(1000 * left) + 1 : 0);
        ssize_t written = 0;
        if (polled > 0) {
            written = (ready.revents & (POLLERR | POLLNVAL)) != 0
                          ? -1
                          : write_some(file, bytes + done, n - done);
            if (written < 0 && ((ready.revents & (POLLERR | POLLNVAL)) != 0 ||
                                (errno != EINTR && errno != EAGAIN))) {
                return -1;
            }
        }
        done += written > 0 ? (size_t)written : 0;
        waits = written > 0 || clock_seconds() < until;
    }
    return (long)done;
}

enum status progress_lines_check(int file)
{
    const int flags = fcntl(file, F_GETFL);
    if (flags < 0) {
        FAIL(ERR_CONFIG,
             "--progress-json %d: no file is open under this number; open one, as in "
             "\"%d>progress.jsonl\" at the end of a shell's command",
             file, file);
    }
    if ((flags & O_ACCMODE) == O_RDONLY) {
        FAIL(ERR_CONFIG, "--progress-json %d: what is open under this number can only be read",
             file);
    }
    struct pollfd ready = {.fd = file, .events = POLLOUT};
    if (poll(&ready, 1, 0) > 0 && (ready.revents & POLLERR) != 0) {
        FAIL(ERR_CONFIG, "--progress-json %d: nobody reads this pipe any more", file);
    }
    return OK;
}

enum status progress_lines_open(int file)
{
    TRY(progress_lines_check(file));
    if (file > STDERR_FILENO) { // programs that we start would keep its reader waiting
        (void)fcntl(file, F_SETFD, FD_CLOEXEC);
    }
    sink = file;
    return OK;
}

void progress_lines_open_path(const char *path)
{
    sink = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
}

static void write_tasks(const struct progress *progress, struct json_writer *w)
{
    json_write_begin(w, '[', "tasks");
    for (int i = 0; i < progress->n_tasks; i++) {
        json_write_begin(w, '{', NULL);
        json_write_string(w, "task", progress->tasks[i].name);
        json_write_double(w, "best", progress->tasks[i].best);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static double round_ms(double seconds)
{
    return round(1e3 * seconds) / 1e3;
}

static void compose(const struct progress *progress, double now, bool last, struct text *out)
{
    struct json_writer w = {.out = out};
    const double seconds = now - progress->started;
    json_write_begin(&w, '{', NULL);
    json_write_string(&w, "stage", progress->stage);
    json_write_string(&w, "unit", progress->unit);
    json_write_int(&w, "done", progress->done);
    if (progress->total > 0) {
        json_write_int(&w, "all", progress->total);
    } else {
        json_write_raw(&w, "all", "null");
    }
    json_write_double(&w, "seconds", round_ms(seconds));
    if (last && progress->done >= progress->total) {
        json_write_int(&w, "seconds_left", 0);
    } else if (!last && progress->done > 0 && progress->total >= progress->done) {
        json_write_double(&w, "seconds_left",
                          round_ms(seconds / (double)progress->done *
                                   (double)(progress->total - progress->done)));
    } else {
        json_write_raw(&w, "seconds_left", "null");
    }
    json_write_bool(&w, "ended", last);
    json_write_string(&w, "note", progress->note);
    if (progress->n_tasks > 0) {
        write_tasks(progress, &w);
    }
    json_write_end(&w, '}');
    text_add(out, "\n");
}

void progress_lines_tell(struct progress *progress, enum progress_moment moment)
{
    const double now = clock_seconds();
    if (sink < 0 || (moment == PROGRESS_GOES_ON && now - progress->told < LINE_EVERY_S)) {
        return;
    }
    struct text line = {0};
    progress->told = now;
    compose(progress, now, moment == PROGRESS_ENDS, &line);
    if (!line.failed) {
        const double patience = moment == PROGRESS_ENDS ? END_PATIENCE_S : 0;
        long done = progress_lines_write(sink, line.bytes, line.length, patience);
        if (done > 0 && (size_t)done < line.length) { // half a line: the rest must follow
            const long more = progress_lines_write(sink, line.bytes + done,
                                                   line.length - (size_t)done, END_PATIENCE_S);
            done = more == (long)line.length - done ? (long)line.length : -1;
        }
        if (done < 0) {
            log_warning("--progress-json: its reader is gone, there will be no more lines");
            sink = -1;
        }
    }
    text_close(&line);
}
