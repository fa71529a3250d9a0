"""A Python as browsers have it, without threads, sockets and other processes, and a hosted one that writes to the current folder alone"""
import os, re, shutil, subprocess, sys
from pathlib import Path
from textwrap import dedent
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]

# what CPython leaves out where it is compiled for browsers; PyTorch's wheel for Linux asks for the last two, so they go after its import
CONFINED = '''
import os, sys
for o in """fcntl grp pwd resource syslog termios tty pty readline curses _curses dbm ssl _ssl lzma _lzma sqlite3 tkinter venv ensurepip
            numba""".split(): sys.modules[o] = None
FORBIDDEN = ('_thread.start_', 'subprocess.', 'os.fork', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.system', 'pty.', 'socket.')
tried = []
def refuse(event, args):
    if event.startswith(FORBIDDEN):
        tried.append(f'{event} {args}')
        raise OSError(138, f'no {event} here') if event.startswith(('socket.','subprocess.')) else RuntimeError(f"can't do {event}")
sys.addaudithook(refuse)
import _posixsubprocess, _thread, threading
def replace(module, name, event): setattr(module, name, lambda *args, **kw: refuse(event, args))  # what not every version reports
replace(_posixsubprocess, 'fork_exec', 'subprocess.fork_exec')
for module in (_thread, threading):
    for o in dir(module):
        if o.lstrip('_').startswith('start_'): replace(module, o, f"_thread.{o.lstrip('_')}")
import torch
for o in [*sys.modules]:
    if o.partition('.')[0]=='multiprocessing': del sys.modules[o]
for o in ('_multiprocessing','_posixshmem'): sys.modules[o] = None
'''

def run(code, cwd, *before, **env):
    "What `code` prints in a process of its own in `cwd`; its errors fail the test"
    outside = {k: v for k,v in os.environ.items() if not k.startswith(('FASTFOUND_','IN_TEST','XDG_'))}
    env = {**outside, 'PYTHONPATH': str(ROOT), 'HOME': str(cwd), 'OMP_NUM_THREADS': '1', **env}
    cmd = [*before, sys.executable, '-u', '-W', 'error:::fastfound', '-c', dedent(code)]
    r = subprocess.run(cmd, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    assert r.returncode==0, r.stdout
    return r.stdout

def ten_lines():
    "The code of the README"
    return '\n'.join(re.findall(r'^```python\n(.*?)^```', (ROOT/'README.md').read_text(encoding='utf-8'), re.M|re.S))

def fonts():
    "A folder in which Matplotlib has its list of fonts, which it would make with threads and processes"
    import matplotlib.font_manager
    return matplotlib.get_cachedir()

@pytest.fixture(scope='module')
def confined(tmp_path_factory):
    "What each part of a day's work prints in a confined Python, by the name of the part"
    day = """
    part('import')
    from fastfound.all import *
    import importlib, pkgutil, fastfound
    for o in pkgutil.iter_modules(fastfound.__path__):
        if o.name!='__main__': importlib.import_module(f'fastfound.{o.name}')
    print('fastfound.web' in sys.modules)
    part('train')
    exec(ten_lines)
    print(learn.recorder['accuracy'][-1])
    part('load')
    learn.save('model')
    before = learn.validate()
    nn.init.zeros_(learn.model[0].weight)
    learn.load('model')
    print(learn.validate()==before)
    part('bars')
    sys.stderr.isatty = lambda: True
    learn.fit(1)
    part('items')
    pairs = [(x, y) for x,y in zip(x_valid[:40], y_valid)]
    print(len(list(DataLoader(pairs, 16))))
    part('draw')
    from fastfound.web import draw_digit
    print(draw_digit()._repr_html_())
    part('demo')
    from fastfound.cli import main
    print(main('demo --model by_hand --epochs 1 --quiet --source sample'.split()), os.path.exists('fastfound_demo/digits.png'))
    part('doctor')
    print(main(['doctor']))
    part('tried')
    print(tried)
    part('threads')
    print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1)
    part('workers')
    try: list(DataLoader(pairs, 16, num_workers=2))
    except RuntimeError as e: print(e)
    part('mnist')
    print(get_mnist())  # all of it, if it can be had
    part('pictures')
    from PIL import Image
    from fastfound.vision import ImageDataLoaders
    for i,x in enumerate(x_valid[:40].view(-1,28,28)):
        os.makedirs(f'pictures/{i%2}', exist_ok=True)
        Image.fromarray((x*255).byte().numpy()).save(f'pictures/{i%2}/{i}.png')
    print(*ImageDataLoaders.from_folder('pictures', bs=8).one_batch()[0].shape)
    """
    head = f'{CONFINED}def part(name): print(f"\\n# {{name}}")\nten_lines = {ten_lines()!r}\n'
    out = run(head + dedent(day), tmp_path_factory.mktemp('confined'), MPLCONFIGDIR=fonts())
    return {name: text.strip() for name,text in re.findall(r'^# (\w+)\n(.*?)(?=^# |\Z)', out, re.M|re.S)}

def test_imports_and_trains(confined):
    assert confined['import']=='True' and float(confined['train'].split()[-1])>=0.85

def test_day(confined):
    "Saved and loaded, with progress bars, item by item, drawn, and by the programs"
    assert confined['load']=='True' and '105 [' in confined['bars'] and confined['items']=='3'
    assert 'ff-' in confined['draw'] and '<script' in confined['draw']
    assert confined['demo'].endswith('0 True') and confined['doctor'].endswith('\n0')

def test_asks_for_nothing(confined):
    "In all of that nobody even tried to start a thread or a process or to open a socket, in C neither"
    assert confined['tried']=='[]' and confined['threads']=='1'

def test_says_what_it_lacks(confined):
    "Workers are refused, a download is replaced, and what threads would do faster is done without them"
    assert confined['workers'].startswith('DataLoader: got num_workers=2, wanted 0 where no process can be started')
    assert '\nMnist(sample' in confined['mnist'] and confined['pictures'].endswith('8 3 28 28')

@pytest.fixture
def hosted(tmp_path):
    "A function that runs code in a folder `work` that it may write to; `home` and the package it may only read, and `locked` not even that"
    if os.name=='nt': pytest.skip('folders have no such permissions on Windows')
    root = os.geteuid()==0
    if root and not shutil.which('setpriv'): pytest.skip('root may write anywhere')
    caps = '-dac_override,-dac_read_search'
    before = ['setpriv', f'--bounding-set={caps}', f'--inh-caps={caps}']*root
    shutil.copytree(ROOT/'fastfound', tmp_path/'site/fastfound', ignore=shutil.ignore_patterns('__pycache__'))
    for o in ('home','locked','work'): (tmp_path/o).mkdir()
    closed = [o for name in ('home','locked','site') for o in (tmp_path/name, *(tmp_path/name).rglob('*')) if o.is_dir()]
    for o in closed: o.chmod(0o000 if o.name=='locked' else 0o555)
    env = {'HOME': str(tmp_path/'home'), 'PYTHONPATH': str(tmp_path/'site'), 'FASTFOUND_OFFLINE': '1'}
    yield lambda code: run(code, tmp_path/'work', *before, **env)
    for o in closed: o.chmod(0o755)

def test_current_folder_alone(hosted, tmp_path):
    "Import, train, show and save; what belongs into the home folder is kept here, or says how to put it elsewhere"
    out = hosted(f"""
        import matplotlib, os
        matplotlib.use('agg')
        exec({ten_lines()!r})
        print('accuracy', learn.recorder['accuracy'][-1])
        dls.show_batch()
        matplotlib.pyplot.savefig('batch.png')
        learn.save('model')
        from fastfound.web import draw_digit
        draw_digit().save('digit.html')
        from fastfound.cli import main
        main('demo --model by_hand --epochs 1 --quiet'.split())
        for o in ('home','locked'):
            os.environ['HOME'] = f'{tmp_path}/{{o}}'
            print('digits', o, get_mnist())
            print('kept', untar_data(URLs.MNIST_SAMPLE, 'sample'))
            os.environ['FASTFOUND_HOME'] = f'{tmp_path}/{{o}}/digits'
            try: untar_data(URLs.MNIST_SAMPLE, 'sample')
            except PermissionError as e: print('closed', e)
            del os.environ['FASTFOUND_HOME']
        os.environ['FASTFOUND_HOME'] = 'here'
        print(untar_data(URLs.MNIST_SAMPLE, 'sample'))
        """)
    assert float(re.search('^accuracy (.*)', out, re.M)[1])>=0.85
    made = ['batch.png', 'digit.html', 'fastfound_demo', 'fastfound_home', 'here', 'model.pth']
    assert sorted(o.name for o in (tmp_path/'work').iterdir())==made, out
    assert len(re.findall('^kept .*/work/fastfound_home/', out, re.M))==2, out
    assert len(re.findall('^digits (?:home|locked) Mnist.sample', out, re.M))==2, out
    assert len(re.findall("^closed .*denied; FASTFOUND_HOME sets another folder for what is made: '.*/(?:home|locked)/", out, re.M))==2, out
