"""Results over several seeds that a page carries as data, since all of them would take too long: made here, by the page's own code.

    python bench/seeds.py                       list the cells with such data
    python bench/seeds.py 04_mnist_sgd          make them again, and print the cell
    python bench/seeds.py 04_mnist_sgd --check  only tell how far the results are from the stored ones

Such a cell opens with `#| seeds: f` and assigns a dict of results by seed, where `f(seed)` is a function of the page that returns one
of them: numbers by name. `#| seeds: f nightly` says that one seed takes a minute, so that only the nightly tests make it again.
One thread. `FASTFOUND_DATA` names a folder with all of MNIST.
"""
import argparse, ast, json, os, re
from dataclasses import dataclass
from pathlib import Path
import torch
from execnb.shell import CaptureShell
from fastcore.xtras import working_directory

NBS = Path(__file__).parents[1]/'nbs'

@dataclass
class Stored:
    "A cell with results by seed"
    page: str       # the name of the notebook
    function: str   # that makes one of them
    name: str       # of the dict
    results: dict   # seed to numbers by name
    before: list    # the sources of the code cells above it
    nightly: bool   # whether one seed takes too long for a test of every change

    def code(self):
        "The function as the page defines it, in a shell in which all cells above have run"
        torch.set_num_threads(1)
        shell = CaptureShell(path=NBS)
        for source in self.before:
            with working_directory(NBS): shell.run(source, stdout=True, stderr=True)
            if shell.exc: raise RuntimeError(f'{self.page}: a cell above the stored results failed') from shell.exc
        return shell.user_ns[self.function]

    def text(self, results):
        "The assignment with `results` in place of those of the cell"
        rows = [f'{seed}: ' + '{' + ', '.join(f'{k!r}: {v!r}' for k,v in o.items()) + '}' for seed,o in results.items()]
        return f'{self.name} = {{' + (',\n' + ' '*(len(self.name)+4)).join(rows) + '}'

def stored(path):
    "The cells with results by seed in the notebook at `path`"
    sources = [''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code']
    for i,source in enumerate(sources):
        if m := re.search(r'^#\| *seeds: *(\w+)( nightly)?$', source, re.M):
            assign = next(o for o in ast.parse(source).body if isinstance(o, ast.Assign))
            before = [o for o in sources[:i] if not re.search(r'^#\| *(slow|notest|eval: *false)|^ *%pip', o, re.M)]
            yield Stored(path.stem, m[1], assign.targets[0].id, ast.literal_eval(assign.value), before, bool(m[2]))

def every():
    "All cells with results by seed"
    return [o for path in sorted(NBS.rglob('*.ipynb')) if '.ipynb_checkpoints' not in path.parts for o in stored(path)]

def rounded(results): return {k: round(float(v), 4) for k,v in results.items()}

def differences(got, want):
    "How far each number of a result is from that of another, which must have the same names"
    if got.keys()!=want.keys(): raise ValueError(f'got {list(got)}, wanted {list(want)}')
    return rounded({k: abs(got[k]-want[k]) for k in want})

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('page', nargs='?', help='the name of a notebook')
    parser.add_argument('--check', action='store_true', help='print differences, not the cell')
    args = parser.parse_args()
    os.environ['IN_TEST'] = '1'
    for o in every():
        if not args.page: print(f'{o.page}: {o.name}, seeds {", ".join(map(str, o.results))}')
        if args.page!=o.page: continue
        f = o.code()
        new = {seed: rounded(f(seed)) for seed in o.results}
        if not args.check: print(o.text(new))
        else:
            for seed in new: print(f'{o.name}, seed {seed}: {max(differences(new[seed], o.results[seed]).values()):.4f}')

if __name__=='__main__': main()
