// The processes of a program under test, wherever they have got to: a mark in the environment is
// inherited by all.
#pragma once

// How many processes have `mark` in their environment, zombies left out. Each is sent the signal,
// unless that is 0.
int marked_processes(const char *mark, int signal_number);
// Waits until there is none, and fails the test when that does not come about.
void marked_all_gone(const char *mark);
