"Option checks and error messages that all commands share."
import subprocess, sys
import pytest
from fastfound.cli import check_options, check_writable, exit_with_message, parse_args

pytestmark = pytest.mark.not_numerical

def test_ranges():
    check_options(epochs=1, bs=64, hidden=100_000, shift=0, seed=2**64-1, lr=1e-30)
    for name,x in (('epochs', 0), ('epochs', 10**9), ('epochs', 1.5), ('epochs', True), ('hidden', 10**12), ('seed', -1), ('seed', 2**64), ('shift', -1), ('lr', 0), ('lr', -1.), ('lr', float('inf')), ('lr', float('nan'))):
        with pytest.raises(ValueError, match=f'got --{name} '): check_options(**{name: x})

def test_writable(tmp_path):
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())  # nothing is left behind
    (tmp_path/'file').write_text('')
    for o in ('file', 'nowhere', 'file/x'):
        with pytest.raises(ValueError, match="can't write a file in"): check_writable(tmp_path/o)

@pytest.mark.parametrize('error, message, status', [
    (ValueError('got 1'), 'cmd: got 1\n', 1), (FileNotFoundError(2, 'No such file', 'x'), "cmd: [Errno 2] No such file: 'x'\n", 1), (FloatingPointError('nan'), 'cmd: nan\n', 1),
    (MemoryError(), 'cmd: MemoryError\n', 1), (KeyboardInterrupt(), 'cmd: interrupted\n', 130), (KeyboardInterrupt('go on so'), 'cmd: go on so\n', 130)])
def test_messages(error, message, status, capsys):
    with pytest.raises(SystemExit) as e:
        with exit_with_message('cmd'): raise error
    assert e.value.code==status and capsys.readouterr().err==message

def test_bugs_keep_their_traceback():
    for bug in (TypeError('x'), KeyError('x'), RuntimeError('x')):
        with pytest.raises(type(bug)):
            with exit_with_message('cmd'): raise bug

PROGRAM = '''
from fastfound.cli import command
@command
def shout(
    word:str,         # what to say
    n:int=1,          # how often
    quiet:bool=False, # not at all
):
    "Say it"
    if n<1: raise ValueError(f'got --n {n}')
    for _ in range(n): print(word)
    return 'done'
'''

def shout(tmp_path, *args, after='shout()', **kw):
    (tmp_path/'shout.py').write_text(f'{PROGRAM}\n{after}\n')
    return subprocess.run([sys.executable, 'shout.py', *args], cwd=tmp_path, capture_output=True, text=True, **kw)

def test_command(tmp_path):
    "In a script that is run, the command line is read; with arguments it is a function like any other"
    assert shout(tmp_path, '--n', '2', 'hi').stdout=='hi\nhi\n'
    r = shout(tmp_path, 'hi', '--n', '0')
    assert (r.returncode, r.stdout, r.stderr)==(1, '', 'shout: got --n 0\n')
    r = shout(tmp_path)
    assert r.returncode==0 and r.stdout.startswith('usage: shout') and 'how often' in r.stdout
    r = shout(tmp_path, 'hi', '--n', 'many')
    assert r.returncode==2 and "invalid int value: 'many'" in r.stderr
    assert shout(tmp_path, after='print(shout("hi"))').stdout=='hi\ndone\n'
    assert 'Traceback' in shout(tmp_path, after='shout("hi", n=0)').stderr  # from Python, the exception itself

@pytest.mark.skipif(sys.platform=='win32', reason='a shell with pipes')
def test_broken_pipe(tmp_path):
    "`command | head -1` ends quietly"
    (tmp_path/'shout.py').write_text(f'{PROGRAM}\nshout()\n')
    r = subprocess.run(f'{sys.executable} shout.py --n 200000 hi | head -1', shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (r.stdout, r.stderr)==('hi\n', '')
