// Processes of this machine, as /proc has them.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// Descendants of `ancestor` whose name is `name`, at most `most` of them into pids. Returns how
// many there are. Zombies do not count.
int processes_below(pid_t ancestor, const char *name, pid_t *pids, int most);
bool process_lives(pid_t pid); // and is no zombie
