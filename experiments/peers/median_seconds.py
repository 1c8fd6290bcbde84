"""How the peers are timed; as `dikdik bench` times itself."""
import statistics
import time


def median_seconds(call, window_s, finish=lambda: None):
    """Median time of a call over about window_s seconds, after calls that warm up caches and compilers. finish waits for
    what a call has only begun."""
    for _ in range(3):
        call()
    finish()
    times, end = [], time.perf_counter() + window_s
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        finish()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
