// Which process writes progress, and whether it can reach the descriptor that was named.
#include "app/progress_option.h"

#include "app/launch.h"
#include "core/progress_lines.h"
#include "transport/collective.h"

#include <unistd.h>

enum status progress_option_open(int file, bool result)
{
    const int rank = collective_launcher_rank();
    if (file == 0) {
        return OK;
    }
    if (result && file == STDOUT_FILENO) {
        FAIL(ERR_CONFIG, "--progress-json 1: with --json or --csv standard output has the result "
                         "and nothing else; choose another number, as in --progress-json 3 "
                         "3>progress.jsonl");
    }
    if (launch_is_rank()) {
        if (rank <= 0) {
            launch_open_progress();
        }
        return OK;
    }
    // What a rank has open under other numbers is its launcher's.
    if (collective_under_launcher() && file > STDERR_FILENO) {
        FAIL(ERR_CONFIG,
             "--progress-json %d: under mpirun or srun only 1 and 2 reach a process; start without "
             "it, which starts mpirun by itself, or use 2",
             file);
    }
    return rank <= 0 ? progress_lines_open(file) : OK;
}
