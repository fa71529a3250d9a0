"""How long a verdict takes, with PyTorch loaded: of each solution of the book, and of mutants of them. CPU seconds, on one thread.

    python bench/verdicts.py               # median, 95th percentile and the slowest
    python bench/verdicts.py grade 30      # so many workbooks, filled in at random: seconds of `grade`, two at a time
"""
import importlib, os, random, sys, tempfile, time
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT/'tests')]

HOSTILE = ['while True: pass', 'import os; os._exit(0)', 'raise SystemExit', 'return args[0]', 'import torch; torch.sum = torch.mean']

def verdicts(n=200):
    "CPU seconds of a verdict, by what is judged: all solutions, and `n` mutants"
    import torch
    from fastfound.checking import of_the_book, verdict
    from fastfound.workbook import blanks
    from mutants import _spoil, mutants
    from test_checks import as_a_readers
    torch.set_num_threads(1)
    verdict('relu', as_a_readers('relu'))  # the checks are loaded by the first
    took = {}
    def timed(key, name, f):
        start = time.process_time()
        with redirect_stdout(None): v = verdict(name, f)
        took[key] = time.process_time()-start
        return v
    for o in blanks(): timed(o.name, o.name, as_a_readers(o.name))
    found = [(o.name, k, text) for o in blanks() for k,text in mutants(o.name).items()]
    for name,key,text in random.Random(0).sample(found, n):
        here = dict(vars(importlib.import_module(of_the_book(name).__module__)), __name__='__main__', _spoil=_spoil)
        exec(compile(text, key, 'exec'), here)
        timed(key, name, here[name])
    return took

def workbooks(folder, n):
    "Make `n` workbooks in which blanks are filled in at random: half with solutions, others with mutants, a few with what is hostile"
    from fastfound.workbook import blanks, new_workbook
    from mutants import mutants
    from test_workbook import in_book, write
    for i in range(n):
        choose,book = random.Random(i),new_workbook(f'reader{i}', folder)
        for o in blanks():
            at = choose.random()
            if at<0.5: write(book, o.name, in_book(o.module, o.name))
            elif at<0.8: write(book, o.name, choose.choice([k for k in mutants(o.name).values() if '_spoil' not in k]))
            elif at<0.82: write(book, o.name, f'def {o.name}(*args, **kw):\n    {choose.choice(HOSTILE)}')

if __name__ == '__main__':
    if sys.argv[1:2]==['grade']:
        from fastfound.judging import count, grade
        to = Path(sys.argv[3] if len(sys.argv)>3 else tempfile.mkdtemp())
        (to/'all').mkdir(parents=True)
        workbooks(to/'all', int(sys.argv[2]))
        start,before = time.perf_counter(),os.times()
        results = grade(to/'all', to, workers=2)
        after = os.times()
        cpu = sum(after[i]-before[i] for i in range(4))
        print(*(f'{k:<12} {v if isinstance(v, str) else count(v)}' for k,v in results.items()), sep='\n')
        print(f'{len(results)} workbooks: {time.perf_counter()-start:.0f} seconds with two at a time, {cpu:.0f} CPU seconds; see {to}')
    else:
        took = verdicts()
        times = sorted(took.values())
        print(f'{len(times)} verdicts: median {times[len(times)//2]:.3f} s, 95th percentile {times[int(0.95*len(times))]:.2f} s')
        for k in sorted(took, key=took.get)[:-6:-1]: print(f'  {took[k]:.2f} s  {k[:100]}')
