"The command `fastfound`: its help, what it refuses, its messages and exit statuses, and the checks of options that its programs share."
import inspect, io, json, re, signal, subprocess, sys, time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
import pytest
from commandline import FASTFOUND, inside
from fastfound import __version__, cli, demo, judging, train, workbook
from fastfound.basics import check_options, check_writable

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
COMMANDS = [o for o in cli._COMMANDS if o]
FUNCTIONS = {'demo': demo.run_demo, 'train': train.train_model, 'evaluate': train.evaluate_model, 'predict': train.predict_files,
             'ladder': cli._ladder, 'doctor': cli._doctor, 'new': workbook.new_workbook, 'test': judging.run_test,
             'progress': judging.progress, 'review': workbook.review, 'grade': judging.run_grade}

def test_ranges():
    check_options(epochs=1, bs=64, hidden=100_000, shift=0, seed=2**64-1, lr=1e-30)
    check_options(epochs=None, lr=None)  # the default
    wrong = [('epochs', o) for o in (0, 10**9, 1.5, True)] + [('lr', o) for o in (0, -1., float('inf'), float('nan'))]
    for name,x in (*wrong, ('hidden', 10**12), ('seed', -1), ('seed', 2**64), ('shift', -1)):
        with pytest.raises(ValueError, match=f'got `{name}` '): check_options(**{name: x})

def test_writable(tmp_path):
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())  # nothing is left behind
    (tmp_path/'file').write_text('')
    for o in ('file', 'nowhere', 'file/x'):
        with pytest.raises(ValueError, match="can't write a file in"): check_writable(tmp_path/o)

@pytest.mark.parametrize('command', ['', *COMMANDS])
def test_help(command, tmp_path, monkeypatch):
    "In 80 columns, with no word broken, plain where it is no terminal, and with two examples at its end"
    monkeypatch.setenv('COLUMNS', '80')
    r = inside(*command.split(), '--help', cwd=tmp_path)
    text = cli._COMMANDS[command][1]
    assert r.returncode==0 and r.stderr=='' and max(map(len, r.stdout.splitlines()))<=80
    around = 'usage: options: positional arguments: examples: -h, --help show this help message and exit'
    assert not set(r.stdout.split())-set(f'{text} {text.replace(": ", " ")} {around}'.split())
    heading,*examples = r.stdout.rstrip().splitlines()[-3:]
    assert heading=='examples:' and all(o.startswith(f'  fastfound {command}') for o in examples)

@pytest.mark.parametrize('command', COMMANDS)
def test_examples_are_understood(command):
    for line in cli._COMMANDS[command][1].splitlines()[-2:]:
        who,name,*words = line.split(' > ')[0].split()
        assert name==command and isinstance(cli._parse('', cli._COMMANDS[command][1], words), dict)

@pytest.mark.parametrize('command', COMMANDS)
def test_help_says_what_functions_take(command):
    "Every option is an argument of the function, and its default is the one that the help tells"
    found = inspect.signature(FUNCTIONS[command]).parameters
    for name,text in re.findall(r'^--(\w+).*?: (.*)', cli._COMMANDS[command][1], re.M):
        default = found['klass' if name=='class' else name].default  # a word of Python
        told = re.search(r'\(default: (.*)\)$', text)
        assert told[1]==str(default) if default not in (None, False) else bool(told)==(default is None), name

HEAVY = 'torch', 'numpy', 'matplotlib', 'fastcore', 'tqdm', 'PIL'

def imported(*calls, cwd):
    "The names in HEAVY that the command imports when it is called with these words in a new process, and Matplotlib's pyplot"
    code = f'''
import sys
from fastfound.cli import main
for o in {[o.split() for o in calls]}: main(o)
print([o for o in {(*HEAVY, 'matplotlib.pyplot')} if o in sys.modules])'''
    r = subprocess.run([sys.executable, '-c', code], cwd=cwd, capture_output=True, text=True)
    assert r.returncode==0, r.stderr
    return r.stdout.splitlines()[-1]

def test_nothing_heavy_is_imported_for_help(tmp_path):
    "Nor for the version, a word that is no command, or an option that is refused"
    assert imported('', '--version', 'trian', 'train --epoks 3', *(f'{o} --help' for o in COMMANDS), cwd=tmp_path)=='[]'

def test_pyplot_is_imported_where_something_is_drawn(tmp_path):
    "Not to train, to evaluate, to examine the machine or to multiply matrices"
    work = 'doctor', 'ladder --budget 0.001', 'train --data sample --model linear --epochs 1 --quiet', 'evaluate --data sample'
    assert 'matplotlib' not in imported(*work, cwd=tmp_path)

def test_version(tmp_path):
    r = subprocess.run([*FASTFOUND, '--version'], capture_output=True, text=True)
    assert (r.returncode, r.stdout, r.stderr)==(0, f'fastfound {__version__}\n', '')

def test_no_command(tmp_path):
    "The help, as from git and pip"
    r = inside(cwd=tmp_path)
    assert r.returncode==0 and r.stdout==inside('--help', cwd=tmp_path).stdout
    assert all(f'\n  {o} ' in r.stdout for o in COMMANDS)

@pytest.mark.parametrize('words, message', [
    ('trian', 'fastfound: got trian, wanted train ('), ('xyz', 'fastfound: got xyz, wanted demo, train, evaluate'),
    ('--lr 3 train', 'fastfound: got --lr, wanted demo'), ('train --epoks 3', 'fastfound train: got --epoks, wanted --epochs ('),
    ('train x.png', 'fastfound train: got x.png, wanted --file'), ('train --epoch 3', 'got --epoch, wanted --epochs ('),
    ('evaluate --epochs 3', 'fastfound evaluate: got --epochs, wanted --data'), ('ladder --budget x', "--budget: invalid number: 'x'"),
    ('demo --epochs many', "fastfound demo: --epochs: invalid whole number: 'many' ("),
    ('demo --source web', "--source: invalid choice: 'web'"), ('train --frame perhaps', '--frame: invalid choice'),
    ('demo --seed', 'fastfound demo: --seed: expected one argument ('),
    ('predict', 'fastfound predict: the following arguments are required: FILE (')])
def test_refused(words, message, tmp_path):
    "On one line, with what comes nearest and where to read more"
    r = inside(*words.split(), cwd=tmp_path)
    assert r.returncode==2 and r.stdout=='' and message in r.stderr and r.stderr.endswith(" --help' says more)\n"), r.stderr
    assert r.stderr.count('\n')==1

def raising(monkeypatch, error):
    "Let the command `train` raise `error`"
    def run(words, **options): raise error
    monkeypatch.setitem(cli._COMMANDS, 'train', (run, cli._COMMANDS['train'][1]))

@pytest.mark.parametrize('error, message, status', [
    (ValueError('got 1'), 'got 1', 1), (FileNotFoundError(2, 'No such file', 'x'), "[Errno 2] No such file: 'x'", 1),
    (FloatingPointError('nan'), 'nan', 1), (ImportError('two\n  lines'), 'two lines', 1), (MemoryError(), 'MemoryError', 1),
    (ValueError('got `lr` 0, not `lrs`, with `data`'), 'got --lr 0, not `lrs`, with --data', 1),
    (KeyboardInterrupt(), 'interrupted', 130), (KeyboardInterrupt('go on so'), 'go on so', 130)])
def test_messages(error, message, status, monkeypatch, tmp_path):
    raising(monkeypatch, error)
    r = inside('train', cwd=tmp_path)
    assert (r.returncode, r.stdout, r.stderr)==(status, '', f'fastfound train: {message}\n')

@pytest.mark.parametrize('bug', [TypeError('x'), KeyError('x'), RuntimeError('x')])
def test_bugs_keep_their_traceback(bug, monkeypatch, tmp_path):
    raising(monkeypatch, bug)
    with pytest.raises(type(bug)): inside('train', cwd=tmp_path)

class Terminal(io.StringIO):
    def isatty(self): return True

@pytest.mark.parametrize('env, coloured', [
    ({}, True), ({'NO_COLOR': '1'}, False), ({'NO_COLOR': ''}, True), ({'TERM': 'dumb'}, False), ({'TERM': None}, False)])
def test_colour(env, coloured, monkeypatch):
    "Bold headings and a red name before an error, in a terminal that is not told otherwise"
    monkeypatch.delenv('NO_COLOR', raising=False)
    for k,v in {'TERM': 'xterm', **env}.items():
        if v is None: monkeypatch.delenv(k, raising=False)
        else: monkeypatch.setenv(k, v)
    with redirect_stdout(Terminal()) as out, redirect_stderr(Terminal()) as err:
        cli.main(['predict', '--help'])
        cli.main(['trian'])
    assert ('\033[1mpositional arguments:\033[0m' in out.getvalue())==('\033[1;31mfastfound:\033[0m got' in err.getvalue())==coloured
    assert coloured or '\033' not in out.getvalue()+err.getvalue()

@pytest.mark.skipif(sys.platform=='win32', reason='a shell with pipes')
@pytest.mark.parametrize('words', ['ladder --budget 0.01', '--help'])
def test_broken_pipe(words):
    "`fastfound ladder | head -1` ends quietly"
    r = subprocess.run(f'{sys.executable} -m fastfound {words} | head -1', shell=True, capture_output=True, text=True)
    assert r.stdout.count('\n')==1 and r.stderr==''

INTERRUPTED = '''
import signal, sys
module = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, *_):
        if name==module: signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
from fastfound.cli import main
sys.exit(main())
'''

@pytest.mark.parametrize('module', ['argparse', 'numpy', 'torch', 'torch.nn', 'fastfound.train'])
def test_ctrl_c_while_importing(module, tmp_path):
    "One line and status 130, wherever it comes, though some modules catch any exception"
    words = 'train', '--data', 'sample'
    r = subprocess.run([sys.executable, '-c', INTERRUPTED, module, *words], cwd=tmp_path, capture_output=True, text=True)
    assert (r.returncode, r.stdout, r.stderr)==(130, '', 'fastfound: interrupted\n') and not list(tmp_path.iterdir())

@pytest.mark.long
@pytest.mark.skipif(sys.platform=='win32', reason='Windows has no SIGINT to send to another process')
@pytest.mark.parametrize('words', ['train --data sample --epochs 1000', 'ladder', 'doctor'])
def test_ctrl_c_at_any_moment(words, tmp_path):
    "From a twentieth of a second after the start on; if all work is done, that of the work"
    for delay in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2, 3):
        code = 'print("up", flush=True); import sys; from fastfound.cli import main; sys.exit(main())'
        call = [sys.executable, '-c', code, *words.split()]
        p = subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert p.stdout.readline()=='up\n'
        time.sleep(delay)
        p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=600)[1]
        told = re.fullmatch(r'fastfound( train)?: interrupted.*\n', err)
        assert p.returncode==130 and told or p.returncode in (0, -signal.SIGINT) and err=='', (delay, err)
        for o in tmp_path.iterdir(): o.unlink()

@pytest.mark.parametrize('handler', [signal.default_int_handler, signal.SIG_IGN])
def test_ctrl_c_means_afterwards_what_it_meant(handler, monkeypatch, tmp_path):
    "And is ignored during the work if it was, as in the background of a script"
    during = []
    def work(words):
        cli._on_ctrl_c()
        during.append(signal.getsignal(signal.SIGINT))
    monkeypatch.setitem(cli._COMMANDS, 'doctor', (work, cli._COMMANDS['doctor'][1]))
    before = signal.signal(signal.SIGINT, handler)
    try:
        inside('doctor', cwd=tmp_path)
        assert during==[handler] and signal.getsignal(signal.SIGINT)==handler
    finally: signal.signal(signal.SIGINT, before)

def test_what_is_told_can_be_copied(monkeypatch, tmp_path):
    "After a training, and after one that was interrupted, with the words that were typed"
    words = 'train', '--data', 'my photos', '--file', "it's.pth", '--lr', '3e-3'
    monkeypatch.setattr(train, 'train_model', lambda *args, **kw: None)
    same = """--file 'it'"'"'s.pth' --data 'my photos'"""
    assert inside(*words, cwd=tmp_path).stdout==f"saved it's.pth; to evaluate it: fastfound evaluate {same}\n"
    assert inside('train', '--quiet', cwd=tmp_path).stdout=='saved model.pth; to evaluate it: fastfound evaluate\n'
    def interrupted(*args, **kw): raise KeyboardInterrupt
    monkeypatch.setattr(train, 'train_model', interrupted)
    again = """fastfound train --data 'my photos' --file 'it'"'"'s.pth' --lr 3e-3"""
    r = inside(*words, cwd=tmp_path)
    assert r.returncode==130 and r.stderr.startswith('fastfound train: interrupted; nothing was saved')
    assert r.stderr.endswith(f' to start again: {again}\n')
    (tmp_path/"it's.pth.checkpoint").write_text('')
    for more in ((), ('--resume',)):
        r = inside(*words, *more, cwd=tmp_path)
        assert r.returncode==130 and r.stderr.endswith(f' to continue after the last complete epoch: {again} --resume\n')

def told(path):
    "The commands that a text names, in backticks or on a line of their own"
    text = path.read_text(encoding='utf-8')
    if path.suffix=='.ipynb': text = '\n'.join(''.join(c['source']) for c in json.loads(text)['cells'])
    return re.findall(r'(?:`|^)fastfound (\w+)|(fastfound_(?:demo\(|train|ladder|doctor))', text, re.M)

PLACES = 'nbs/**/*.ipynb', '.github/**/*.y*ml', 'tests/test_*.py', 'README.md', 'Makefile', '.ci/run'
TEXTS = [o for place in PLACES for o in ROOT.glob(place) if '.ipynb_checkpoints' not in o.parts and o!=Path(__file__)]

def test_texts_name_commands_that_exist():
    wrong = {f'{path.name}: {o or old}' for path in TEXTS for o,old in told(path) if old or o not in COMMANDS}
    assert not wrong
    assert sum(bool(told(o)) for o in TEXTS)>=6
