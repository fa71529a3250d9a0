"Run every notebook with nbdev_test, then the tests in tests/ but for those that take long. No network."
import argparse, os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path
import pytest
from elsewhere import make_environment, run_elsewhere
from run_nbs import ROOT, notebooks, run_all

def full_data():
    "The folder with all of MNIST that the user named or that the cache holds, if any; a named one that is damaged is an error"
    from fastfound.datasets import MNIST_FILES
    from fastfound.files import fastfound_home, read_verified
    named = os.environ.get('FASTFOUND_DATA')
    folder = Path(named).expanduser().resolve() if named else fastfound_home()
    try: [read_verified(folder, *o) for o in MNIST_FILES.items()]
    except (OSError, ValueError):
        if named: raise
        return None
    return folder

def prepare(home):
    "Set the environment for all tests: no network, a cache of their own, our warnings as errors. Returns the flags of the cells to skip"
    mods = ['__main__', *(f'fastfound.{o.stem}' for o in (ROOT/'fastfound').glob('[!_]*.py'))]
    folder = full_data()
    if folder: os.environ['FASTFOUND_DATA'] = str(folder)
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # as many notebooks at a time as there are cores: more threads would gain nothing
    # threads that wait sleep; they spin otherwise, which on a busy machine takes the core from the one they wait for
    os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
    os.environ.update(IN_TEST='1', FASTFOUND_OFFLINE='1', FASTFOUND_HOME=home, PYTHONWARNINGS=','.join(f'error:::{o}' for o in mods))
    sample = 'the bundled sample; here cells flagged `full` run with --alone only (FASTFOUND_DATA names a folder with all of MNIST)'
    print(f"digits: {'all of MNIST' if folder else sample}", flush=True)
    return {'slow', 'notest'} if folder else {'full', 'slow', 'notest'}

def workers():
    "How many notebooks or tests to run at a time: one for each core. Two threads each would cost little, since waiting threads sleep"
    return os.cpu_count() or 1

def nbdev_test(nbs, skip):
    "Run `nbs` with nbdev_test and print a line for each as it ends; how many failed or were never reached, and the seconds of each"
    cmd = [shutil.which('nbdev_test', path=Path(sys.executable).parent), '--do_print', '--n_workers', str(workers()),
           '--flags', '' if 'full' in skip else 'full', '--file_re', f"^({'|'.join(re.escape(o.name) for o in nbs)})$"]
    began,took = {},{}
    with tempfile.TemporaryFile('w+', encoding='utf-8') as errors:
        env = {**os.environ, 'PYTHONUNBUFFERED': '1'}
        with subprocess.Popen(cmd, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=env) as p:
            for line in p.stdout:
                # two notebooks may share a line, since they run at the same time
                for what,name in re.findall(r'(Starting|Completed) .*?([^\\/]+?)\.ipynb', line):
                    if what=='Starting': began[name] = time.monotonic()
                    else:
                        took[name] = time.monotonic()-began[name]
                        print(f'{len(took):3} of {len(nbs)}  {name:24}{took[name]:6.1f} s', flush=True)
        errors.seek(0)
        told = errors.read()
    print(told, file=sys.stderr, end='', flush=True)
    failed = set(re.findall(r'^\t(\S+)\.ipynb$', told, re.M))
    missed = {o.stem for o in nbs} - took.keys()
    if missed: print(f'nbdev_test ran {len(took)} of {len(nbs)} notebooks, not {", ".join(sorted(missed))}', file=sys.stderr)
    return max(len(failed|missed), int(p.returncode!=0)),took

def run_alone(nbs, skip, python=None):
    """Run each of `nbs` alone in an empty folder, with `python` or in a new environment with the wheel; as `nbdev_test` returns.

    Each runs as where there is no network, with every cell and on the sample. Where a copy of all of MNIST is here, what checks more
    with it runs once more, as where a network brings it.
    """
    if not python:
        with tempfile.TemporaryDirectory() as d: return run_alone(nbs, skip, make_environment(d))
    failed,took = run_all(nbs, run=run_elsewhere, python=python, skip=())
    more = [o for o in nbs if re.search(r"#\| full|==50_000|=='full'", o.read_text(encoding='utf-8'))]
    if 'full' in skip or not more: return failed,took
    print('with all of MNIST:', flush=True)
    again,seconds = run_all(more, run=run_elsewhere, python=python, skip=('slow', 'notest'), digits=os.environ['FASTFOUND_DATA'])
    return failed+again,took | {f'{k}, all of MNIST': v for k,v in seconds.items()}

class Count:
    "A pytest plugin that counts, and adds up the seconds of each test"
    passed = failed = skipped = left_out = 0
    def __init__(self): self.took = {}
    def pytest_runtest_logreport(self, report):
        if report.failed: self.failed += 1
        elif report.skipped: self.skipped += 1
        elif report.when=='call': self.passed += 1
        name = report.nodeid.removeprefix('tests/')
        self.took[name] = self.took.get(name, 0)+report.duration
    def pytest_collectreport(self, report): self.failed += report.failed
    def pytest_testnodedown(self, node): self.left_out = max(self.left_out, getattr(node, 'workeroutput', {}).get('left_out', 0))

def plain_tests(files, marked, words=(), may_be_none=False):
    "Run the tests in `files` with the mark, if there are `words` those whose name holds one; none is a failure unless there `may_be_none`"
    count = Count()
    some = ['-k', ' or '.join(words)] if words else []
    at_a_time = 1 if marked=='elsewhere' else workers()  # one environment for all
    how = ['-q', '-p', 'no:cacheprovider', '-W', 'error', '-n', str(at_a_time), '--dist', 'worksteal']
    code = pytest.main([*how, '-m', marked, *some, *map(str, files)], plugins=[count])
    if code and not count.failed and not (may_be_none and code==pytest.ExitCode.NO_TESTS_COLLECTED): count.failed = 1
    return count

def chosen(words):
    "The pages, test files and words for `pytest -k` that `words` name; to a page belong the tests whose name begins with its own"
    nbs,files,rest = [],[],[]
    pages_by_name = {re.sub(r'^\d+[a-z]?_', '', o.stem): o for o in notebooks()}
    for word in words:
        name = re.sub(r'^(\d+[a-z]?_|test_)', '', Path(word).stem)
        pages = [] if Path(word).stem.startswith('test_') or name not in pages_by_name else [pages_by_name[name]]
        tests = [o for o in sorted(ROOT.glob(f'tests/test_{name}*.py')) if o.stem==f'test_{name}' or
                 o.stem.startswith(f'test_{name}_') and o.stem.removeprefix('test_') not in pages_by_name]
        if not pages and not tests: rest.append(word)
        nbs,files = nbs+pages,files+tests
    return nbs,files,rest

MARKS = {None: 'not long and not nightly and not browser and not elsewhere',
         'numerical': 'not not_numerical and not long and not nightly and not browser and not elsewhere',
         'long': 'long and not browser', 'nightly': 'nightly', 'browser': 'browser', 'elsewhere': 'elsewhere'}

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('words', nargs='*', metavar='WORD', help='a page, such as 05_training_loop, which runs it and its tests; '
                        'a file of tests, such as test_house; or a word in the names of tests')
    which = parser.add_mutually_exclusive_group()
    for name,text in (('alone', 'each notebook, alone in an empty folder and in an environment with the wheel and a Jupyter kernel'),
                      ('numerical', 'the tests of arithmetic, which other processors round differently'),
                      ('long', 'the tests marked as long: whole programs, and training on all of MNIST'),
                      ('nightly', 'the tests that need minutes: every stored result made again'),
                      ('browser', 'the tests in a browser, those of the built site among them: `make docs` comes first'),
                      ('elsewhere', 'the tests in an environment like a host of notebooks has it, which the package registry must fill')):
        which.add_argument(f'--{name}', action='store_const', const=name, dest='only', help=f'instead, run {text}')
    parser.add_argument('--python', help='with --alone, the Python of such an environment; a new one is made by default')
    args = parser.parse_args()
    os.chdir(ROOT)
    nbs,files,words = chosen(args.words) if args.words else (notebooks(), [ROOT/'tests'], [])
    if args.only not in (None, 'alone'): nbs = []
    if not args.words and not nbs and args.only in (None, 'alone'): sys.exit('no notebooks found')
    with tempfile.TemporaryDirectory() as home:
        skip,failed,runs,counts,took = prepare(home),0,0,[],{}
        if nbs:
            failed,took = run_alone(nbs, skip, args.python) if args.only=='alone' else nbdev_test(nbs, skip)
            runs = max(len(nbs), len(took))
            print(f"{'alone' if args.only=='alone' else 'nbdev_test'}: {runs-failed} notebooks passed, {failed} failed", flush=True)
        if args.only!='alone':
            if files: counts.append(plain_tests(files, MARKS[args.only], may_be_none=bool(args.words)))
            if words: counts.append(plain_tests([ROOT/'tests'], MARKS[args.only], words, may_be_none=True))
    for o in counts: took |= o.took
    slowest = sorted(took.items(), key=lambda o: -o[1])[:5]
    if slowest: print('slowest:', *(f'{seconds:6.1f} s  {name}' for name,seconds in slowest), sep='\n')
    passed = runs-failed+sum(o.passed for o in counts)
    failed,skipped = failed+sum(o.failed for o in counts),sum(o.skipped for o in counts)
    left_out = max((o.left_out for o in counts), default=0)
    told = left_out and args.only is None and not words
    hint = f', {left_out} left out (--long, --nightly, --browser and --elsewhere run them)' if told else ''
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else '') + hint)
    if not passed+failed+skipped: sys.exit(f'no page and no such test is called {" or ".join(args.words)}')
    sys.exit(bool(failed))

if __name__ == '__main__': main()
