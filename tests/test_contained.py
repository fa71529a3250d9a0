"Answers that hang, leave, explode, write, or change what others need are contained; and what somebody else wrote is noticed."
import os, re, subprocess, sys, textwrap, time
from pathlib import Path
import pytest, torch
from fastfound import checking
from fastfound.checking import difference, verdict
from fastfound.checks.shared import CHANGES
from fastfound.judging import judge
from fastfound.workbook import blanks, new_workbook
from test_workbook import ROOT, in_book, write

pytestmark = pytest.mark.not_numerical

HERE = 'def {name}(*args, **kw):\n    '

# from what an answer does to its text; each is written into a blank, and the one after it holds the book's solution
HOSTILE = {
    'hangs': 'while True: pass',
    'hangs and catches all': 'while True:\n        try:\n            while True: pass\n        except BaseException: pass',
    'explodes': 'x = [0]*10**7\n    while True: x = x+x',
    'prints without end': 'while True: print("x"*10000)',
    'writes files': 'open("left.txt", "w").write("x")\n    '
                    'import pathlib; pathlib.Path(__file__).parent.joinpath("left.py").write_text("x")',
    'fills the disk': 'f = open("big", "wb")\n    while True: f.write(b"x"*10**7)',
    'exits': 'raise SystemExit(0)',
    'leaves at once': 'import os; os._exit(0)',
    'interrupts': 'raise KeyboardInterrupt',
    'raises something base': 'raise BaseException("x")',
    'forks': 'import os; os.fork()\n    return 0',
    'starts a process': 'import subprocess, sys; subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000) # {mark}"])',
    'forks one that stays': 'import os, time\n    if not os.fork(): time.sleep(1000)',
    'starts a thread': 'import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()',
    'calls itself': 'return {name}(*args, **kw)',
    'calls itself for ever': 'import sys; sys.setrecursionlimit(10**9)\n    return {name}(*args, **kw)',
    'closes everything': 'import os; os.closerange(0, 100)',
    'writes nonsense': 'import os\n    for i in range(3, 20):\n        try: os.write(i, b"nonsense\\n")\n        except OSError: pass',
    'changes the dtype': 'import torch; torch.set_default_dtype(torch.float64)\n    return args[0]',
    'changes a function of PyTorch': 'import torch; torch.sum = torch.mean\n    torch.Tensor.sum = torch.Tensor.mean',
    'changes a function of Python': 'import math; math.exp = math.log = lambda x: 1.\n    import builtins; builtins.len = lambda o: 1',
    'changes the folder': 'import os; os.chdir("/")',
    'stops gradients': 'import torch; torch.set_grad_enabled(False)',
    'fools the comparison': 'import fastfound.checking as c; c.difference = lambda *args, **kw: ""',
    'fools the check': 'from fastfound.checks import CHECKS\n    for c in CHECKS.values(): c.want = c.inputs = lambda *args: 0',
    'replaces a module': 'import sys; sys.modules["fastfound.checking"] = sys.modules["torch"] = None'}

@pytest.mark.long
@pytest.mark.skipif(os.name!='posix', reason='Windows has no groups of processes, and no limits of memory')
def test_what_is_hostile_is_contained(tmp_path, monkeypatch):
    "It is wrong, the answer after it is judged as ever, nothing is written into the workbook or here, and nothing lives on"
    for o in ('books','here'): (tmp_path/o).mkdir()
    monkeypatch.chdir(tmp_path/'here')
    folder,mark = new_workbook('wild', tmp_path/'books'),f'mark{os.getpid()}'
    names,todo,wanted = '|'.join(o.name for o in blanks()),dict(HOSTILE),{}
    for o in blanks():
        solution,hostile = in_book(o.module, o.name),'wrong' in [*wanted.values()][-1:]
        alone = set(re.findall(rf'\b(?:{names})\b', solution))<={o.name}  # it needs no other blank
        if alone and hostile: text = solution
        elif todo: text = (HERE+todo.pop(next(iter(todo)))).replace('{name}', o.name).replace('{mark}', mark)
        else: continue
        write(folder, o.name, text)
        wanted[o.name] = 'right' if text==solution else 'wrong'
    assert not todo
    before = {o: o.read_bytes() for o in folder.rglob('*') if o.is_file()}
    found = {o.name: v for o,v in judge(folder, seconds=2).items() if o.name in wanted}
    told = dict(zip([k for k,v in wanted.items() if v=='wrong'], HOSTILE))
    assert {k: v['state'] for k,v in found.items()}==wanted, {told.get(k, k): v for k,v in found.items() if v['state']!=wanted[k]}
    assert {o: o.read_bytes() for o in folder.rglob('*') if o.is_file()}==before and list(Path().iterdir())==[]
    time.sleep(0.5)
    assert mark not in subprocess.run(['ps', 'axww', '-o', 'args'], capture_output=True, text=True).stdout

def exec_as_readers(text):
    home = {'__name__': '__main__'}
    exec(compile(text, 'cell', 'exec'), home)
    return home

# ways to hand in what somebody else has written; {name} and {module} are the book's
CHEATS = {
    'another name': 'def {name}(*args, **kw): return f(*args, **kw)',
    'inside': 'def {name}(*args, **kw):\n    from fastfound.{module} import {name}\n    return {name}(*args, **kw)',
    'importlib': 'import importlib\ndef {name}(*args, **kw):\n    '
                 'return getattr(importlib.import_module("fastfound.{module}"), "{name}")(*args, **kw)',
    'sys.modules': 'import sys\ndef {name}(*args, **kw): return vars(sys.modules["fastfound.{module}"])["{name}"](*args, **kw)',
    'no wrapper': '{name} = f',
    'partial': 'from functools import partial\n{name} = partial(f)',
    'handed on': 'from fastfound.checking import of_the_book\ndef {name}(*args, **kw): return of_the_book("{name}")(*args, **kw)',
    'exec': 'import fastfound, pathlib\ndef {name}(*args, **kw):\n    '
            'text = pathlib.Path(fastfound.__path__[0], "{module}.py").read_text()\n    '
            'home = {{}}\n    exec(text.replace("from .", "from fastfound."), home)\n    return home["{name}"](*args, **kw)',
    'unseen': 'import sys\ndef {name}(*args, **kw):\n    sys.setprofile(None)\n    return f(*args, **kw)',
    'caught': 'def {name}(*args, **kw):\n    try: return f(*args, **kw)\n    except BaseException: return f(*args, **kw)',
    'thread': 'import threading\ndef {name}(*args, **kw):\n    out = []\n    '
              't = threading.Thread(target=lambda: out.append(f(*args, **kw)))\n    t.start()\n    t.join()\n    return out[0]',
    'the check': 'from fastfound.checks import find_check\ndef {name}(*args, **kw): return find_check("{name}").want(*args, **kw)',
    'its answer': 'from fastfound.checks.spec import CHECKS\ndef {name}(*args, **kw): return CHECKS["{name}"].want(*args, **kw)',
    'frames': 'import sys\ndef {name}(*args, **kw):\n    f = sys._getframe()\n    while "c" not in f.f_locals: f = f.f_back\n    '
              'return f.f_locals["c"].want(*args, **kw)',
    'a copied code': 'import types\nif isinstance(f, type): {name} = type("{name}", (f,), {{}})\n'
                     'else: {name} = types.FunctionType(f.__code__, dict(f.__globals__, __name__="x"), "{name}", f.__defaults__,'
                     ' f.__closure__)'}

@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
@pytest.mark.parametrize('how', CHEATS)
def test_what_somebody_else_wrote_is_not_right(how):
    for o in blanks():
        home = exec_as_readers(f'from fastfound.{o.module} import {o.name} as f\n'+CHEATS[how].format(name=o.name, module=o.module))
        v = verdict(o.name, home[o.name])
        assert v.state!='right', v.text

@pytest.mark.parametrize('text,what', [
    ('torch.set_default_dtype(torch.float64)', 'the default dtype'), ('torch.set_grad_enabled(False)', 'whether there are gradients'),
    ('torch.sum = torch.mean', 'torch.sum'), ('torch.Tensor.mean = torch.Tensor.sum', 'Tensor.mean'), ('math.exp = math.log', 'math.exp'),
    ('import os; os.chdir("/")', 'the folder'), ('import builtins; builtins.abs = len', 'builtins.abs'),
    ('from fastfound.checks import CHECKS; CHECKS["relu"].near = 1e9', 'a check.near')])
def test_what_is_changed_for_all_is_told_and_undone(text, what):
    "Even where the answer would be right"
    home = exec_as_readers(f'import math, torch\ndef relu(x):\n    y = x.clamp_min(0)\n    {text}\n    return y')
    v = verdict('relu', home['relu'])
    assert v.state=='wrong' and CHANGES in v.text and what in v.text, v.text
    home = exec_as_readers('import torch\ndef relu(x): return torch.where(x>0, x, 0*x)\ndef lin(x, w, b): return x@w+b')
    assert verdict('relu', home['relu']) and verdict('lin', home['lin'])

def test_a_tensor_of_a_kind_of_its_own_equals_nothing():
    class Same(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return True if 'close' in func.__name__ else super().__torch_function__(func, types, args, kwargs)
    wanted = torch.zeros(2)
    assert difference(torch.ones(2).as_subclass(Same), wanted) and not difference(torch.nn.Parameter(wanted), wanted)

# what runs in the notebook

def python(code, input='', **env):
    env = {k: v for k,v in {**os.environ, 'PYTHONPATH': str(ROOT), 'IN_TEST': '', **env}.items() if v}
    return subprocess.run([sys.executable, '-c', textwrap.dedent(code)], input=input, capture_output=True, text=True, env=env, timeout=120)

NOTEBOOK = '''
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell()
    for cell in ('from fastfound.checking import check', {cell!r}, 'print("goes on", callable(relu))'):
        r = shell.run_cell(cell)
        if not r.success: break'''

@pytest.mark.long
@pytest.mark.parametrize('cell', ['@check\ndef relu(x): {}', 'def relu(x): {}\ncheck(relu)'])
def test_in_a_notebook_a_wrong_answer_prints_and_all_goes_on(cell):
    for body in ('return x', 'raise SystemExit', 'raise ValueError'):
        out = python(NOTEBOOK.format(cell=cell.format(body))).stdout
        assert 'relu: not right yet' in out and 'goes on True' in out, out
    r = python(NOTEBOOK.format(cell=cell.format('return x')), IN_TEST='1')
    assert 'AssertionError' in r.stdout+r.stderr and 'goes on' not in r.stdout


@pytest.fixture(params=['with signals', 'without'])
def timers(request, monkeypatch):
    if request.param=='without': monkeypatch.delattr('signal.setitimer', raising=False)
    elif os.name!='posix': pytest.skip('Windows has no such timer')

def test_a_timer_stops_what_hangs(timers):
    home = exec_as_readers('def relu(x):\n    while True: pass')
    start = time.monotonic()
    assert 'no answer within 0.3 seconds' in verdict('relu', home['relu'], seconds=0.3).text and time.monotonic()-start<5

def test_ctrl_c_comes_through(timers):
    def relu(x): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): verdict('relu', relu)

def test_a_debugger_is_not_stopped(timers):
    "Nor what is followed line by line; but what goes on without end after it is"
    with checking._limited(0.2):
        sys.settrace(lambda *args: None)
        sys._getframe().f_trace = lambda *args: None
        time.sleep(0.7)
        sys.settrace(None)
        sys._getframe().f_trace = None
    with pytest.raises(checking._TooLong), checking._limited(0.2):
        while True: pass

@pytest.mark.long
def test_breakpoint_waits_as_long_as_one_thinks():
    "In the reader's own function, for longer than an answer may take; then the verdict comes"
    code = '''
        from fastfound.checking import verdict
        def relu(x):
            breakpoint()
            return x.clamp_min(0)
        print(verdict('relu', relu, seconds=1).text)'''
    env,said = {**os.environ, 'PYTHONPATH': str(ROOT)},''
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with subprocess.Popen([sys.executable, '-c', textwrap.dedent(code)], env=env, **pipes) as p:
        while '(Pdb)' not in said: said += p.stdout.read(1)
        time.sleep(2.5)
        p.stdin.write('p 6*7\nimport sys; sys.breakpointhook = lambda: None\nc\n')
        p.stdin.close()
        out = p.stdout.read()
    assert '42' in out and 'relu: right' in out, out

@pytest.mark.long
def test_what_pytorch_changes_as_it_loads_a_part_is_no_change():
    out = python('''
        import torch
        from fastfound.checking import verdict
        def relu(x):
            p = torch.nn.Parameter(torch.ones(2))
            p.grad = torch.ones(2)
            torch.optim.SGD([p], 0.1).step()
            return x.clamp_min(0)
        before = torch.manual_seed
        print(verdict('relu', relu).text, torch.manual_seed is not before)''').stdout
    assert out.startswith('relu: right') and out.endswith('True\n'), out
