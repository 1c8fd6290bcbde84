// Time.
#pragma once
#include <stdint.h>

double clock_seconds(void); // monotonic, since some start
void clock_sleep(double seconds);
