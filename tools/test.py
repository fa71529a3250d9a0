"Run every notebook with nbdev_test, then the tests in tests/ but for the long ones. No network."
import argparse, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path
import pytest
from run_nbs import ROOT, notebooks, run_all

# Tests of arithmetic, whose rounding differs from one processor to the next; the others are about files, processes and words
NUMERICAL = 'matmul einsum kernels fully_connected backprop autograd sgd dataloader optimizers learner interpret diagnostics resnet resnet_by_hand vision augment'.split()
# and pages of files, processes and words, which compute nothing, or only what another page computes; a new page counts as arithmetic
NOT_NUMERICAL = '00a_files 00b_display 00c_download 00d_commands 00e_explorables 04a_workers 05e_distributed 08a_doctor 10_figures'.split()

def full_data():
    "The folder with all of MNIST that the user named or that the cache holds, if any; a named one that is damaged is an error"
    from fastfound.download import MNIST_FILES, fastfound_home, read_verified
    named = os.environ.get('FASTFOUND_DATA')
    folder = Path(named).expanduser().resolve() if named else fastfound_home()
    try: [read_verified(folder, o) for o in MNIST_FILES]
    except (OSError, ValueError):
        if named: raise
        return None
    return folder

def prepare(home):
    "Set the environment for all tests: no network, a cache of their own, our warnings as errors. Returns the flags of the cells to skip"
    mods = ['__main__', *(f'fastfound.{o.stem}' for o in (ROOT/'fastfound').glob('[!_]*.py'))]
    folder = full_data()
    if folder: os.environ['FASTFOUND_DATA'] = str(folder)
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # as many notebooks at a time as there are cores, so more threads would gain nothing
    os.environ.setdefault('OMP_WAIT_POLICY', 'passive')  # threads that wait sleep; they spin otherwise, which on a busy machine takes the core from the one they wait for
    os.environ.update(IN_TEST='1', FASTFOUND_OFFLINE='1', FASTFOUND_HOME=home, PYTHONWARNINGS=','.join(f'error:::{o}' for o in mods))
    print('digits: ' + ('all of MNIST' if folder else 'the bundled sample; cells flagged `full` are skipped (FASTFOUND_DATA names a folder with all of MNIST)'))
    return {'slow', 'notest'} if folder else {'full', 'slow', 'notest'}

def workers():
    "How many notebooks or tests to run at a time: one for each core. Where each has two threads they share the cores, which costs little, since waiting threads sleep"
    return os.cpu_count() or 1

def nbdev_test(nbs, skip):
    "The number of `nbs` that failed in nbdev_test or that it never reached"
    cmd = [shutil.which('nbdev_test', path=Path(sys.executable).parent), '--do_print', '--n_workers', str(workers()), '--flags', '' if 'full' in skip else 'full',
           '--file_re', f"^({'|'.join(re.escape(o.name) for o in nbs)})$"]
    r = subprocess.run(cmd, cwd=ROOT, capture_output=True, text=True)
    print(r.stderr, file=sys.stderr, end='', flush=True)
    done = set(re.findall(r'Completed .*?([^\\/\n]+\.ipynb)', r.stdout))
    failed = set(re.findall(r'^\t(\S+\.ipynb)$', r.stderr, re.M))
    missed = {o.name for o in nbs} - done
    if missed: print(f'nbdev_test ran {len(done)} of {len(nbs)} notebooks, not {", ".join(sorted(missed))}', file=sys.stderr)
    return max(len(failed|missed), int(r.returncode!=0))

class Count:
    "A pytest plugin that counts"
    passed = failed = skipped = left_out = 0
    def pytest_runtest_logreport(self, report):
        if report.failed: self.failed += 1
        elif report.skipped: self.skipped += 1
        elif report.when=='call': self.passed += 1
    def pytest_collectreport(self, report): self.failed += report.failed
    def pytest_testnodedown(self, node): self.left_out = max(self.left_out, getattr(node, 'workeroutput', {}).get('left_out', 0))

def plain_tests(names, marked):
    "Run those tests in tests/test_NAME.py for each of `names`, or in all files, that have the mark"
    count,files = Count(),[str(ROOT/f'tests/test_{o}.py') for o in names] or [str(ROOT/'tests')]
    code = pytest.main(['-q', '-p', 'no:cacheprovider', '-W', 'error', '-m', marked, '-n', str(workers()), '--dist', 'worksteal', '--durations', '5', *files], plugins=[count])
    if code and not count.failed: count.failed = 1
    return count

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--alone', action='store_true', help='instead, run each notebook alone in a fresh Jupyter kernel')
    which.add_argument('--long', action='store_true', help='instead, run the tests marked as long: whole programs, and training on all of MNIST')
    which.add_argument('--browser', action='store_true', help='instead, run the tests in a browser, those of the built site among them: `make docs` comes first')
    which.add_argument('--numerical', action='store_true', help='of the tests, run only those of arithmetic')
    args = parser.parse_args()
    os.chdir(ROOT)
    nbs = [] if args.long or args.browser else [o for o in notebooks() if not (args.numerical and o.stem in NOT_NUMERICAL)]
    if not nbs and not args.long and not args.browser: sys.exit('no notebooks found')
    with tempfile.TemporaryDirectory() as home:
        skip,failed,count = prepare(home),0,Count()
        if nbs:
            failed = run_all(nbs, skip=skip, workers=workers()) if args.alone else nbdev_test(nbs, skip)
            print(f'{"alone in a kernel" if args.alone else "nbdev_test"}: {len(nbs)-failed} notebooks passed, {failed} failed', flush=True)
        if not args.alone: count = plain_tests(NUMERICAL if args.numerical else [], 'browser' if args.browser else 'long' if args.long else 'not long and not browser')
    passed,failed = len(nbs)-failed+count.passed,failed+count.failed
    left_out = '' if args.long or args.browser or not count.left_out else f', {count.left_out} left out (--long and --browser run them)'
    print(f'{passed} passed, {failed} failed' + (f', {count.skipped} skipped' if count.skipped else '') + left_out)
    sys.exit(bool(failed))

if __name__ == '__main__': main()
