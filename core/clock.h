// Time.
#pragma once
#include <stdint.h>

double clock_seconds(void);           // monotonic, since some start
double clock_processor_seconds(void); // that all threads of this process have computed
void clock_sleep(double seconds);
