"Timing that the programs in this folder share: functions called in turns, and a watch for a whole training."
import time

def in_turns(fs, rounds, warm_up=1, at=0.5, clock=time.perf_counter):
    "Seconds that a call of each of `fs` takes: the quantile `at` of `rounds` calls in turns, after `warm_up` calls that don't count"
    took = {k: [] for k in fs}
    for _ in range(warm_up+rounds):
        for k,f in fs.items():
            start = clock()
            f()
            took[k].append(clock()-start)
    return {k: sorted(v[warm_up:])[int(at*rounds)] for k,v in took.items()}

def stopwatch():
    "A function that tells how many CPU seconds and seconds have passed since this call"
    cpu,start = time.process_time(),time.perf_counter()
    return lambda: {'cpu': round(time.process_time()-cpu, 2), 'seconds': round(time.perf_counter()-start, 2)}
