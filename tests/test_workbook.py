"The workbook: chapters with blanks that come with the package, a project of the reader's made from them, and what is judged in it."
import ast, csv, importlib, json, os, re, subprocess, sys
from pathlib import Path
import pytest
from fastfound.checking import verdict
from fastfound.checks import CHECKS, find_check
from fastfound.judging import count, grade, judge, progress, run_test
from fastfound.workbook import blanks, new_workbook, review

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road, workbook

BLANKS = blanks()
PAGES = sorted((ROOT/'fastfound/data/workbook').glob('*.ipynb'))

def cells(path): return json.loads(path.read_text(encoding='utf-8'))['cells']
def source(c): return ''.join(c['source'])
def tags(c): return c['metadata'].get('tags', [])

def write(folder, name, text, above='@todo'):
    "Write `text` into the blank of `name`, as a reader would"
    for path in Path(folder).glob('nbs/*.ipynb'):
        nb = json.loads(path.read_text(encoding='utf-8'))
        for c in nb['cells']:
            if 'blank' not in tags(c): continue
            tree = ast.parse(source(c))
            node = next((o for o in tree.body if getattr(o, 'name', '')==name), None)
            if not node: continue
            lines = source(c).splitlines()
            lines[min([node.lineno, *(d.lineno for d in node.decorator_list)])-1:node.end_lineno] = [above, *text.splitlines()]
            c['source'] = '\n'.join(lines)
            path.write_text(json.dumps(nb), encoding='utf-8')
            return
    raise LookupError(name)

def in_book(module, name):
    "How the book defines `name`"
    text = (ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8')
    node = [o for o in ast.parse(text).body if getattr(o, 'name', '')==name][-1]
    return ast.get_source_segment(text, node)

IDEAS = {
    '00_datasets': 'parse_idx write_idx mnist_arrays mnist_splits',
    '01_matmul': 'matmul_loops matmul_dot matmul_bcast matmul_einsum broadcast_shape',
    '02_fully_connected': 'relu kaiming lin normalize mse xavier lsuv',
    '03_backprop': 'mse_grad relu_grad lin_grad forward_and_backward Relu Lin cross_entropy CrossEntropy log_softmax softmax',
    '03a_value': 'Value Neuron Layer MLP',
    '03b_engine': 'unbroadcast backward_order backward_pass power',
    '04_mnist_sgd': 'sigmoid mnist_loss basic_sampler BasicLoader BasicOptim',
    '05_training_loop': 'weighted_mean BasicLearner StopIfExploded HandLearner',
    '06_update_rules': 'basic_sgd basic_momentum basic_rmsprop basic_adam basic_adamw basic_cosine basic_one_cycle newton_schulz '
                       'basic_muon',
    '07_resnet': 'basic_conv BasicNorm ResBlock Skip small_resnet',
    '08_overfitting': 'distort dropout Dropout smooth_labels smoothed_loss',
    '09_attention': 'attention_weights attention encode split_heads rms_norm name_model name_loss invent'}

def test_the_ideas_are_blanks_and_the_plumbing_is_given():
    "This is the list; about sixty, at least four a chapter"
    found = {p: ' '.join(o.name for o in BLANKS if o.page==p) for p in workbook.PAGES}
    assert found==IDEAS and len({o.name for o in BLANKS})==len(BLANKS) and 55<=len(BLANKS)<=72
    assert all(len(o.split())>=4 for o in found.values())

def test_each_check_is_of_a_blank_or_of_an_exercise():
    with pytest.raises(LookupError): find_check('none')  # which has looked at all
    assert {o for o in CHECKS if not re.fullmatch(r'\d\d[a-z]?\.\d+', o)}=={o.name for o in BLANKS}

@pytest.mark.parametrize('name', [o.name for o in BLANKS])
def test_each_blank_has_a_check_with_inputs(name): assert len(list(find_check(name).inputs()))>3

@pytest.mark.parametrize('path', PAGES, ids=lambda o: o.stem)
def test_nothing_is_solved(path):
    "No output, no solution, and no body in a blank; each blank is followed by its checks. Links lead to the workbook or the site"
    book = {source(c) for c in road.cells(path.stem) if 'Solution' in source(c) or 'blank' in tags(c)}
    assert len(book)>=4 and book.isdisjoint(map(source, cells(path)))
    assert not any(c.get('outputs') for c in cells(path))
    links = re.findall(r'\]\(([^)#]+)\.ipynb', ''.join(map(source, cells(path))))
    assert set(links)<={o.stem for o in PAGES}
    for c,after in zip(cells(path), cells(path)[1:]):
        if 'blank' not in tags(c): continue
        names = workbook.names(source(c))
        assert names and source(after)=='\n'.join(f'check({o})' for o in names)
        assert source(c).count('@todo')==len(names) and workbook.emptied(source(c), '@todo').count('...')>=len(names)

@pytest.mark.parametrize('path', PAGES, ids=lambda o: o.stem)
def test_the_tests_of_the_book_are_left_out(path):
    "A hidden cell is there for what later ones use, or for the reader's answer; it asserts nothing of the answers above it"
    hidden = [source(c) for c in cells(path)[1:] if source(c).startswith('#| hide')]
    assert len(hidden)<3 and not [o for o in hidden if re.search(r'^(assert|test_\w+\()', o, re.M)]

def test_what_a_hidden_cell_gives_stays():
    "Its tests go, and so does what only they used; a name that is bound again before it is used is not needed"
    def code(*lines): return workbook.code('\n'.join(lines), 'x')
    hide = '#| hide'
    page = [code(hide, 'g = 3', 'for o in [g]: test_eq(o, 3)'), code(hide, 'a = 1', 'assert a'), code(hide, 'b = 2', 'def f(): return g'),
            code(hide, 'torch.set_printoptions()', 'print(1)'), code('a = 4', 'a, f(), [o for o in ()]'), code(hide, 'o = 5')]
    got = [source(c) for c in workbook.needed(page)]
    assert got==[f'{hide}\ng = 3', f'{hide}\nb = 2\ndef f(): return g', f'{hide}\ntorch.set_printoptions()', source(page[4])]

@pytest.fixture(scope='module')
def mylib(tmp_path_factory): return new_workbook('mylib', tmp_path_factory.mktemp('new'))

def run(folder, code):
    env = {**os.environ, 'PYTHONPATH': f'{folder}{os.pathsep}{ROOT}'}
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=folder, env=env)
    assert r.returncode==0, r.stderr
    return r.stdout

def test_an_empty_definition_falls_back(mylib):
    "In a module as in a notebook, where a line says so: the book's stands in"
    out = run(mylib, 'from mylib.matmul import matmul_dot; print(matmul_dot.__module__)')
    assert out=='fastfound.matmul\n'

def test_with_every_blank_left_nothing_is_right(mylib):
    assert count(judge(mylib))==f'0 right, 0 wrong, {len(BLANKS)} not yet'

def test_with_every_cell_importing_from_the_book_nothing_is_right(mylib, tmp_path):
    folder = new_workbook('copied', tmp_path)
    for o in BLANKS: write(folder, o.name, f'def {o.name}(*args, **kw): ...\nfrom fastfound.{o.module} import {o.name}')
    assert count(judge(folder)).startswith('0 right, ')

HOSTILE = {
    'matmul_loops': 'def matmul_loops(a, b):\n    while True: pass',
    'matmul_dot': 'def matmul_dot(a, b):\n    import os; os._exit(0)',
    'matmul_bcast': 'def matmul_bcast(a, b):\n    while True: print("x"*10000)',
    'matmul_einsum': 'def matmul_einsum(a, b):\n    x = [0]*10**7\n    while True: x = x+x',
    'relu': 'def relu(x): raise SystemExit(0)',
    'mse': 'def mse(output, targ):\n    assert output.shape==targ.shape\n    return ((output-targ)**2).mean()'}

@pytest.mark.long
def test_what_hangs_leaves_or_explodes_is_contained(tmp_path):
    "The others are judged all the same"
    folder = new_workbook('wild', tmp_path)
    for name,text in HOSTILE.items(): write(folder, name, text)
    found = {o.name: v['state'] for o,v in judge(folder, seconds=1).items()}
    assert {k: found[k] for k in HOSTILE}=={**dict.fromkeys(HOSTILE, 'wrong'), 'mse': 'right'}

@pytest.mark.long
def test_reader_who_fills_in_every_blank(tmp_path):
    "Chapter by chapter; then the library of the reader's own, without the lessons of the book, learns to read digits"
    folder = new_workbook('mine', tmp_path)
    for page in workbook.PAGES:
        for o in BLANKS:
            if o.page==page: write(folder, o.name, in_book(o.module, o.name))
        found = judge(folder)
        done = {v['state'] for o,v in found.items() if workbook.PAGES.index(o.page)<=workbook.PAGES.index(page)}
        assert done=={'right'} and count(found).endswith(f" {sum(v['state']=='not yet' for v in found.values())} not yet"), count(found)
    assert progress(folder).endswith('all of it is yours') and run_test(folder)
    plain = {k: v for k,v in os.environ.items() if k!='IN_TEST'}  # in a test nbdev exports nothing
    plain |= {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'FASTFOUND_OFFLINE': '1'}
    def ran(*cmd, **env):
        r = subprocess.run([sys.executable, *cmd], cwd=folder, capture_output=True, text=True, env=plain|env)
        assert r.returncode==0, r.stdout[-3000:]+r.stderr[-3000:]
        return r.stdout
    ran('-c', 'from nbdev.doclinks import nbdev_export; nbdev_export()')
    assert count(judge(folder)) in ran('-m', 'fastfound', 'test')
    # as its owner would, who has the sample
    test = 'from nbdev.test import nbdev_test; nbdev_test(n_workers=2, do_print=True)'
    assert ran('-c', test, FASTFOUND_DATA='').count('Completed')==len(workbook.PAGES)
    plain.pop('PYTHONPATH')
    ran('-m', 'pip', 'wheel', '-q', '--no-build-isolation', '--no-deps', '--no-index', '-w', str(tmp_path/'dist'), '.')
    wheel, = (tmp_path/'dist').iterdir()
    ran('-m', 'pip', 'install', '-q', '--no-deps', '--no-index', '--target', str(tmp_path/'to'), str(wheel))
    modules = [road.name(o) for o in workbook.PAGES]
    found = run(tmp_path/'to', f'''
import importlib
for o in {modules!r}: print(importlib.import_module(f'mine.{{o}}').__file__)''').splitlines()
    assert [Path(o).parent for o in found]==[tmp_path/'to/mine']*len(modules), found
    out = run(folder, f'''
import sys
for o in {[road.name(o) for o in workbook.PAGES]!r}: sys.modules[f'fastfound.{{o}}'] = None  # cannot be imported
import torch
from mine.datasets import get_mnist, mnist_arrays
from mine.backprop import CrossEntropy, Model
from mine.mnist_sgd import BasicOptim
from mine.overfitting import distort
def learned(source, n_epoch):
    torch.manual_seed(42)
    x,y,x_test,y_test = mnist_arrays(get_mnist(source))
    model = Model.from_sizes(784, 200, 10, CrossEntropy())
    opt = BasicOptim(model.parameters(), 0.2)
    for epoch in range(n_epoch):
        opt.lr = 0.2*(1-epoch/n_epoch)
        for i in torch.randperm(len(x)).split(32):
            model(distort(x[i], 0.1), y[i])
            model.backward()
            for p in model.parameters(): p.grad = p.g
            opt.step()
            opt.zero_grad()
    return (model.predict(x_test).argmax(1)==y_test).float().mean().item()
print(learned('sample', 20), learned('full', 5) if {bool(os.getenv('FASTFOUND_DATA'))} else 1.)''')
    sample,full = map(float, out.split()[-2:])
    assert sample>=0.93 and full>=0.97, out

# right answers by other means that are no part of an `OTHERS`, by name: the module of tests and what it calls them
OWN = {'parse_idx': 'datasets.by_struct', 'write_idx': 'datasets.write_by_struct', 'mnist_arrays': 'datasets.by_slices',
       'mnist_splits': 'datasets.splits', 'matmul_loops': 'matmul.by_numbers', 'matmul_dot': 'matmul.by_items',
       'matmul_bcast': 'matmul.columns_at_a_time', 'broadcast_shape': 'matmul.from_the_right', 'kaiming': 'fully_connected.torch_normal',
       'mse': 'fully_connected.dot_mse', 'weighted_mean': 'training_loop.mean_by_sums', 'BasicLearner': 'training_loop.Nested',
       'HandLearner': 'training_loop.OwnHand', 'Neuron': 'value.OwnNeuron', 'Layer': 'value.OwnLayer',
       'MLP': 'value.OwnMLP',
       'matmul_einsum': "def matmul_einsum(a, b):\n    assert a.shape[1]==len(b)\n    return torch.einsum('ab,bc->ac', a, b)",
       'relu': 'def relu(x): return x*(x>0)', 'lin': 'def lin(x, w, b): return torch.addmm(b, x, w)',
       'normalize': 'def normalize(x, mean, std): return x/std - mean/std',
       'xavier': 'def xavier(n_in, n_out): return torch.normal(0., ((n_in+n_out)/2)**-0.5, (n_in,n_out))'}

# those that lack what the page shows further up, or says in the blank itself
SMALLER = 'Value', 'ResBlock'

def another_way(blank):
    "The text of a right answer that is not the book's; the book's where there is no other"
    name,module = blank.name,f'test_checks_{blank.module}'
    others = getattr(importlib.import_module(module), 'OTHERS', {})
    if OWN.get(name, '').startswith('def '): return OWN[name]
    if name=='Value': return in_book('value', name) + '\n    def __neg__(self): return self*-1\n    def __rsub__(self, b): return b + -self'
    if name in others and name not in SMALLER: found = f'importlib.import_module({module!r}).OTHERS[{name!r}][0]'
    elif name in OWN: found = f"importlib.import_module({module!r}).{OWN[name].partition('.')[2]}"
    else: return in_book(blank.module, name)
    if name in ('mnist_arrays','mnist_splits'): return f'''def {name}(data=None, *args, **kw):
    import importlib
    return {found}(data or get_mnist(), *args, **kw)'''
    if name.startswith('matmul_'): return f'''def {name}(a, b):
    import importlib
    if a.shape[1]!=len(b): raise ValueError('inner sizes differ')
    return {found}(a, b)'''
    return f'import importlib\n{name} = {found}\n{name}.__name__ = {name}.__qualname__ = {name!r}'

@pytest.mark.long
def test_no_cell_needs_the_answers_of_the_book(tmp_path):
    "With right answers by other means in the blanks, all pages run to their end"
    folder = new_workbook('another', tmp_path)
    for o in BLANKS: write(folder, o.name, another_way(o), above='')
    env = {k: v for k,v in os.environ.items() if k!='IN_TEST'}  # in a test nbdev exports nothing
    env |= {'PYTHONPATH': f"{ROOT}{os.pathsep}{ROOT/'tests'}", 'OMP_NUM_THREADS': '1', 'FASTFOUND_OFFLINE': '1', 'FASTFOUND_DATA': ''}
    code = ['from nbdev.doclinks import nbdev_export; nbdev_export()',
            'from nbdev.test import nbdev_test; nbdev_test(n_workers=2, do_print=True)']
    r = [subprocess.run([sys.executable, '-c', o], cwd=folder, capture_output=True, text=True, env=env) for o in code]
    assert [o.returncode for o in r]==[0,0] and r[1].stdout.count('Completed')==len(PAGES), '\n'.join(o.stdout+o.stderr for o in r)

@pytest.mark.parametrize('path', PAGES, ids=lambda o: o.stem)
def test_no_page_defines_anew_what_checks(path):
    "Cells further down call these"
    trees = [ast.parse(re.sub(r'^[%!].*', '', source(c), flags=re.M)) for c in cells(path) if c['cell_type']=='code']
    assert not {o.name for t in trees for o in t.body if isinstance(o, ast.FunctionDef)} & {'check', 'hint', 'todo'}

def test_what_comes_next_is_said(tmp_path, monkeypatch, capsys):
    "In three lines of commands, and in a README with all that there is to write; a command of the package is one that exists"
    from fastfound import cli
    monkeypatch.chdir(tmp_path)
    assert cli.main(['new', 'mylib'])==0
    said,readme = capsys.readouterr().out,(tmp_path/'mylib/README.md').read_text(encoding='utf-8')
    assert [re.match(r'  (\S+( \S+)*)', o)[1] for o in said.splitlines()[1:]]==['cd mylib', 'jupyter lab nbs', 'fastfound progress']
    commands = re.findall(r'^\| `([^`]+)`', readme, re.M)
    assert set(re.findall(r'fastfound (\w+)', '\n'.join(commands)))=={'test', 'progress', 'review'}<=set(cli._COMMANDS)
    assert {'jupyter lab nbs', 'nbdev_export'}<={*commands} and "'." not in readme and '{' not in readme
    assert all(f'`{o.page}`' in readme and f'`{o.name}`' in readme for o in BLANKS)
    assert sum(o.startswith('- `') for o in readme.splitlines())==len(PAGES)

def test_blanks_and_letters_in_the_path(tmp_path):
    "And another name of the folder than of the library: answers are judged, the package is exported and imported"
    folder = new_workbook('mylib', tmp_path).rename(tmp_path/"Übungen & Ann's 数学")
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    assert count(judge(folder)).startswith('1 right, 0 wrong')
    env = {k: v for k,v in os.environ.items() if k!='IN_TEST'}
    export = 'from nbdev.doclinks import nbdev_export; nbdev_export()'
    r = subprocess.run([sys.executable, '-c', export], cwd=folder/'nbs', capture_output=True, text=True, env=env)
    assert r.returncode==0, r.stderr
    assert run(folder, 'from mylib.fully_connected import relu; print(relu.__module__)').endswith('mylib.fully_connected\n')

def test_a_workbook_is_found_from_within(tmp_path):
    "From its folders; not from elsewhere, and not in the book itself"
    folder = new_workbook('mylib', tmp_path)
    assert progress(folder/'nbs')==progress(folder) and run_test(folder/'mylib')
    for o in (tmp_path, ROOT, ROOT/'nbs', tmp_path/'nowhere'):
        with pytest.raises(FileNotFoundError, match='wanted the folder of a workbook, or one in it'): progress(o)

def test_progress_goes_on_where_the_reader_is(tmp_path):
    "It begins with chapter 1; what is wrong comes first, then what is left of a chapter that is begun"
    folder = new_workbook('mylib', tmp_path)
    def following(): return re.search(r'next: (?:mend )?(\w+) in nbs/(\w+)', progress(folder)).groups()
    assert following()==('matmul_loops', '01_matmul')
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    assert following()==('kaiming', '02_fully_connected')
    write(folder, 'mse', 'def mse(output, targ): return 0')
    assert following()==('mse', '02_fully_connected')

def test_the_picture_of_a_notebook_is_of_today():
    "What the picture on the page for readers shows, as its cell has it in words, is what the check says"
    cell, = [c for c in road.cells('programs/write_your_own') if c['id']=='5c3ee000']
    data = cell['outputs'][0]['data']
    code,said = ''.join(data['text/plain']).split('\n\n')
    blank = next(c for c in cells(ROOT/'fastfound/data/workbook/01_matmul.ipynb') if 'blank' in tags(c))
    space = {'todo': lambda f: f}
    exec(code, space)
    assert code.startswith(source(blank).removesuffix('...').rstrip())
    assert verdict('matmul_loops', space['matmul_loops']).text==said.rstrip()
    assert len(data['image/png'])*3/4<120_000 and '13 was wanted' in source(cell)

def test_nothing_is_overwritten(mylib):
    before = {o: o.read_bytes() for o in mylib.rglob('*') if o.is_file()}
    with pytest.raises(FileExistsError, match='nothing in it was changed'): new_workbook('mylib', mylib.parent)
    assert {o: o.read_bytes() for o in mylib.rglob('*') if o.is_file()}==before
    assert [o.name for o in mylib.parent.iterdir()]==['mylib']

@pytest.mark.parametrize('name', ['My', 'größe', '1a', 'a-b', 'class', 'torch', 'numpy', ''])
def test_names_that_will_not_do(name, tmp_path):
    with pytest.raises((ValueError, FileExistsError), match='wanted'): new_workbook(name, tmp_path)
    assert list(tmp_path.iterdir())==[]

def test_for_a_class_hints_and_answers_are_gone(tmp_path):
    folder = new_workbook('school', tmp_path, klass=True)
    text = ''.join(o.read_text(encoding='utf-8') for o in folder.glob('nbs/*.ipynb'))
    assert '<details>' not in text and '## Exercises' in text and 'mylib' not in text

def test_grades(tmp_path, mylib):
    "A row and a part of the page for each workbook; one that cannot be read does not keep the others"
    (tmp_path/'all').mkdir()
    for name in ('ann','bob'): new_workbook(name, tmp_path/'all')
    write(tmp_path/'all/ann', 'relu', in_book('fully_connected', 'relu'))
    write(tmp_path/'all/bob', 'relu', 'def relu(x): return x')
    (tmp_path/'all/eve').mkdir()
    (tmp_path/'all/eve/settings.ini').write_text('')
    got = grade(tmp_path/'all', tmp_path)
    assert [o for o,r in got.items() if isinstance(r, str)]==['eve'], got
    rows = {o['workbook']: o for o in csv.DictReader((tmp_path/'grades.csv').read_text(encoding='utf-8-sig').splitlines())}
    page = (tmp_path/'grades.html').read_text(encoding='utf-8')
    assert rows['ann']['relu']=='right' and rows['bob']['relu']=='wrong' and rows['ann']['right']=='1' and 'eve' in rows, rows
    assert 'relu: not right yet' in page and page.count('<h2 ')==3

def test_review(tmp_path, capsys):
    "Questions come from what was begun; those known come back later, those missed the next day"
    folder = new_workbook('asked', tmp_path)
    assert review(folder, ask=None)==0 and 'no questions yet' in capsys.readouterr().out
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    page = folder/'nbs/02_fully_connected.ipynb'  # an editor that keeps no tags
    page.write_text(page.read_text(encoding='utf-8').replace('"blank"', ''), encoding='utf-8')
    def gone(text): raise EOFError
    assert review(folder, ask=gone, now=100)==0 and not (folder/'review.json').exists()
    known = iter(['', 'y']*3 + ['', 'n']*7)
    assert review(folder, ask=lambda text: next(known), now=100)==10
    assert review(folder, ask=None, now=100)==0
    assert review(folder, ask=lambda text: 'y', now=101)==7
    assert [review(folder, ask=lambda text: 'y', now=o) for o in (102,103,104)]==[0,3,7]
