"Run notebooks from top to bottom, each alone in a fresh Jupyter kernel; `--save` stores the outputs."
import argparse, os, re, sys, time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]

def notebooks(): return sorted(o for o in (ROOT/'nbs').rglob('*.ipynb') if not any(p[0] in '_.' for p in o.relative_to(ROOT).parts))

def flags(cell):
    "The directives in the `#|` lines that open a code cell"
    if cell.cell_type!='code': return set()
    head = re.match(r'(\s*#\s*\|.*\n?)*', cell.source)[0]
    return {re.sub(r':\s*', ':', o).strip().lower() for o in re.findall(r'\|\s*([\w-]+(?::[ \t]*\w+)?)', head)}

def run(path, skip=('full', 'slow', 'notest', 'eval:false'), save=False, to=None, timeout=1800, km=None, env=None):
    """Run the notebook at `path`, store its outputs in it if `save`, or in the file `to`; what went wrong or an empty string.

    `km` starts the kernel, with the variables `env`.
    """
    import nbformat  # takes seconds, and a run of nbdev_test needs none of it
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    class Client(NotebookClient):
        async def async_execute_cell(self, cell, *args, **kw):
            if flags(cell) & {*skip}: return cell
            return await super().async_execute_cell(cell, *args, **kw)
    nb = nbformat.read(path, as_version=4)
    client = Client(nb, km=km, timeout=timeout, kernel_name='python3', extra_arguments=['--log-level=ERROR'],
                    resources={'metadata': {'path': str(path.parent)}})
    try: client.execute(cleanup_kc=True, **({'env': env} if env else {}))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as e: return f'{path.name}: {e}'
    if to: nbformat.write(nb, to)
    if not save: return ''
    noise = [''.join(o.text) for c in nb.cells for o in c.get('outputs', []) if o.output_type=='stream' and o.name=='stderr']
    if noise: return f'{path.name}: wrote warnings or other lines to stderr, so nothing is stored:\n' + '\n'.join(noise)
    for c in nb.cells:
        if 'outputs' in c: c.outputs = [o for o in c.outputs if 'data' not in o or any(o.data.values())]  # a progress bar that has gone
    spare = path.with_name(f'.{path.name}.part')
    nbformat.write(nb, spare)
    os.replace(spare, path)
    return ''

def timed(path, run, **kw):
    "What went wrong as `run` tells it, and the seconds it took"
    start = time.monotonic()
    try: err = run(path, **kw)
    except RuntimeError as e:
        if 'before replying' not in str(e): raise
        err = run(path, **kw)  # another process took one of the ports that had been chosen for the kernel
    return err, time.monotonic()-start

def run_all(paths, workers=os.cpu_count() or 1, run=run, **kw):
    "Run `paths`, `workers` at a time, print a line for each and, at the end too, what went wrong; how many failed, and their seconds"
    bad,took = [],{}
    with ProcessPoolExecutor(workers) as pool:
        for i,(path,(err,seconds)) in enumerate(zip(paths, pool.map(partial(timed, run=run, **kw), paths)), 1):
            took[path.stem] = seconds
            print(f'{i:3} of {len(paths)}  {path.stem:24}{seconds:6.1f} s' + '  FAILED'*bool(err), flush=True)
            if err: print(err, file=sys.stderr, flush=True)
            if err: bad.append(f'FAILED {path.name}: {err.rstrip().splitlines()[-1]}')
    print(*bad, sep='\n', file=sys.stderr, end='\n'*bool(bad), flush=True)
    return len(bad),took

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('paths', nargs='*', type=Path, help='notebooks; all of them by default')
    parser.add_argument('--save', action='store_true', help='store the outputs in the notebooks')
    parser.add_argument('--skip', default='slow notest', help='cells with one of these flags are not run')
    args = parser.parse_args()
    os.environ['IN_TEST'] = '1'  # no progress bars, no export from inside a notebook
    sys.exit(bool(run_all([o.resolve() for o in args.paths] or notebooks(), save=args.save, skip={*args.skip.split(), 'eval:false'})[0]))
