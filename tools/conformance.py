"""Run the test suites that come with our packages against our own pieces, and count what is right, refused in words, and wrong.

    python tools/conformance.py [--save] [SUITE...]

Every file in tests/conformance that has a function `checks` is a suite; it yields a name, an outcome and a detail for each check. The
outcome 'refused' is an error of ours that says what came and what was wanted; whatever else differs from the twin is 'wrong', is printed,
and makes the program end with 1. A run of all suites with `--save` writes the table to fastfound/data/conformance.jsonl, for the page
of figures, with the day and the versions.
"""
import datetime, importlib, sys, time, warnings
from collections import Counter
from pathlib import Path
import numpy as np, torch

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT/'bench'))
import runs

FOLDER,TABLE = ROOT/'tests'/'conformance',ROOT/'fastfound'/'data'/'conformance.jsonl'
OUTCOMES = 'right','refused','wrong'

def suites(folder=FOLDER):
    "The modules in `folder` that have checks, by name"
    sys.path.insert(0, str(folder))
    try: found = {o.stem: importlib.import_module(o.stem) for o in sorted(folder.glob('*.py'))}
    finally: sys.path.remove(str(folder))
    return {k: m for k,m in found.items() if hasattr(m, 'checks')}

def run(name, suite):
    "A row of the table; what is wrong is printed. A suite without checks is wrong, too"
    counts = Counter()
    torch.manual_seed(0)
    np.random.seed(0)
    for check,outcome,detail in suite.checks():
        assert outcome in OUTCOMES, f'{check}: got outcome {outcome!r}, wanted one of {", ".join(OUTCOMES)}'
        counts[outcome] += 1
        if outcome=='wrong': print(f'WRONG {check}\n      {detail}', flush=True)
    if not counts: counts['wrong'] = 1
    return {'suite': name, 'from': suite.__doc__.partition(':')[0], 'checks': counts.total(), **{o: counts[o] for o in OUTCOMES}}

def main(names, folder=FOLDER, table=TABLE):
    "The exit code: 0 if nothing is wrong"
    sys.path.insert(0, str(ROOT))
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    found,save = suites(folder),'--save' in names
    names = [o for o in names if o!='--save']
    if unknown := [o for o in names if o not in found]: sys.exit(f'got {", ".join(unknown)}, wanted some of {", ".join(found)}')
    rows = []
    for name in names or found:
        start = time.perf_counter()
        rows.append(run(name, found[name]))
        print('{suite:12} {checks:6} checks {right:6} right {refused:5} refused in words {wrong:4} wrong'.format(**rows[-1]),
              f'{time.perf_counter()-start:6.1f} s', flush=True)
    if save and not names:
        made = {'date': datetime.date.today().isoformat(), 'machine': runs.machine()}
        runs.save(table, [{**o, **made} for o in rows])
    wrong = sum(o['wrong'] for o in rows)
    print(f"{sum(o['right']+o['refused'] for o in rows)} passed, {wrong} failed")
    return int(wrong>0)

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
