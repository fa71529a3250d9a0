"Run everything that can fail: each notebook with nbdev_test, each alone in a fresh Jupyter kernel, and the tests in tests/. No network."
import os, re, shutil, subprocess, sys, tempfile
from pathlib import Path
import pytest
from run_nbs import ROOT, notebooks, run_all

def full_data():
    "The folder with all of MNIST that the user named or that the cache holds, if any; a named one that is damaged is an error"
    from fastfound.download import fastfound_home, MNIST_FILES, read_verified
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
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # notebooks run two at a time: threads of both on two cores would wait for each other
    os.environ.update(IN_TEST='1', FASTFOUND_OFFLINE='1', FASTFOUND_HOME=home, PYTHONWARNINGS=','.join(f'error:::{o}' for o in mods))
    print('digits: ' + ('all of MNIST' if folder else 'the bundled sample; cells flagged `full` are skipped (FASTFOUND_DATA names a folder with all of MNIST)'))
    return {'slow', 'notest'} if folder else {'full', 'slow', 'notest'}

def nbdev_test(nbs, skip):
    "The number of `nbs` that failed in nbdev_test or that it never reached"
    cmd = [shutil.which('nbdev_test', path=Path(sys.executable).parent), '--do_print', '--flags', '' if 'full' in skip else 'full']
    r = subprocess.run(cmd, cwd=ROOT, capture_output=True, text=True)
    print(r.stderr, file=sys.stderr, end='', flush=True)
    done = set(re.findall(r'Completed .*?([^\\/\n]+\.ipynb)', r.stdout))
    failed = set(re.findall(r'^\t(\S+\.ipynb)$', r.stderr, re.M))
    missed = {o.name for o in nbs} - done
    if missed: print(f'nbdev_test ran {len(done)} of {len(nbs)} notebooks, not {", ".join(sorted(missed))}', file=sys.stderr)
    return max(len(failed|missed), int(r.returncode!=0))

class Count:
    "A pytest plugin that counts"
    passed = failed = skipped = 0
    def pytest_runtest_logreport(self, report):
        if report.failed: self.failed += 1
        elif report.skipped: self.skipped += 1
        elif report.when=='call': self.passed += 1
    def pytest_collectreport(self, report): self.failed += report.failed

def plain_tests():
    count = Count()
    code = pytest.main(['-q', '-p', 'no:cacheprovider', '-W', 'error', str(ROOT/'tests')], plugins=[count])
    if code and not count.failed: count.failed = 1
    return count

def main():
    os.chdir(ROOT)
    nbs = notebooks()
    if not nbs: sys.exit('no notebooks found')
    with tempfile.TemporaryDirectory() as home:
        skip = prepare(home)
        by_nbdev = nbdev_test(nbs, skip)
        print(f'nbdev_test: {len(nbs)-by_nbdev} notebooks passed, {by_nbdev} failed', flush=True)
        alone = run_all(nbs, skip=skip)
        print(f'alone in a kernel: {len(nbs)-alone} notebooks passed, {alone} failed', flush=True)
        tests = plain_tests()
    failed = by_nbdev + alone + tests.failed
    print(f'{2*len(nbs)-by_nbdev-alone+tests.passed} passed, {failed} failed' + (f', {tests.skipped} skipped' if tests.skipped else ''))
    sys.exit(bool(failed))

if __name__ == '__main__': main()
