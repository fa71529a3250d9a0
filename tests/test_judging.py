"What is told of a workbook where a notebook works and its module does not, each cause once; and what of a folder of workbooks."
import csv, json, os, re
import pytest
from fastfound.checks.shared import CHANGES
from fastfound.judging import count, grade, judge, progress, run_grade, run_test
from fastfound.workbook import blanks, new_workbook, review
from test_workbook import in_book, source, write

pytestmark = pytest.mark.not_numerical

TWO,THREE = '02_fully_connected','03_backprop'

def edit(folder, page, change):
    "Let `change` see the list of cells of a notebook"
    path = folder/f'nbs/{page}.ipynb'
    nb = json.loads(path.read_text(encoding='utf-8'))
    nb['cells'] = change(nb['cells']) or nb['cells']
    path.write_text(json.dumps(nb), encoding='utf-8')

def add(folder, page, text, before='def relu('):
    "A new cell with `text`, above the one that has `before`"
    def change(cells):
        i = next(i for i,c in enumerate(cells) if before in source(c))
        cells.insert(i, {'cell_type': 'code', 'metadata': {}, 'outputs': [], 'execution_count': None, 'source': text})
    edit(folder, page, change)

def change(folder, part, to):
    "Put what `to` gives for it in the place of a cell of chapter 2 that has `part`"
    edit(folder, TWO, lambda cells: [c | {'source': to(source(c))} if part in source(c) else c for c in cells])

def states(folder, **kw): return {o.name: v['state'] for o,v in judge(folder, **kw).items() if v['state']!='not yet'}

@pytest.fixture
def folder(tmp_path): return new_workbook('mylib', tmp_path)

@pytest.mark.parametrize('cell,body,told', [
    ('def same_inner(x): return x', 'return same_inner(x).clamp_min(0)',
     f'`same_inner` is in a cell of {TWO} that is not exported: begin that cell with `#| export`'),
    ('import math as m', 'return m.fabs(1)*x.clamp_min(0)',
     f'`m` is imported in a cell of {TWO} that is not exported: import it in a cell that begins with `#| export`'),
    ('', 'return partial(x.clamp_min, 0)()', f'`partial` is imported in a cell of {TWO}'),
    ('', 'return styles', f'`styles` is set in a cell of {TWO} that is not exported: is it the name that you mean?'),
    ('# mine\n#| export\nhalf, two = 1, 2', 'return x.clamp_min(0)*two', f'`two` is in a cell of {TWO} that is not exported'),
    ('#| export\ndef helper(x) return x', 'return helper(x)', f'line 2 of the cell of {TWO} that begins with `def helper(x) return x`'),
    ('', 'return nothing_of_the_kind', 'is it spelt as there')])
def test_a_name_that_only_the_notebook_has(folder, capsys, cell, body, told):
    "Is told with the cell; an import and a cell of the book need another word"
    write(folder, 'relu', f'def relu(x): {body}')
    if cell: add(folder, TWO, cell)
    assert not run_test(folder, '02')
    out = ' '.join(capsys.readouterr().out.split())
    assert told in out and 'NameError' in out and ('is it spelt' in out)==('is it spelt' in told), out

def test_a_name_that_the_notebook_of_another_chapter_has(folder):
    write(folder, 'lin', 'def lin(x, w, b): return added(x@w, b)')
    add(folder, TWO, 'def added(x, b): return x+b', 'def lin(')
    write(folder, 'Lin', in_book('backprop', 'Lin'))
    found = {o.name: v for o,v in judge(folder).items()}
    assert all('begin that cell with' in found[o]['text'] for o in ('lin', 'Lin')), found['Lin']

def test_an_answer_in_a_cell_that_is_not_exported(folder, capsys):
    "Is not yet there, and is told: in the place of the blank, or beside it; but not what came with the book"
    change(folder, 'def kaiming(', lambda text: text.replace('#| exports\n', ''))
    assert run_test(folder, '02') and '#| exports' not in capsys.readouterr().out
    write(folder, 'kaiming', in_book('fully_connected', 'kaiming'))
    add(folder, TWO, in_book('fully_connected', 'relu'))
    assert run_test(folder, '02')
    out = capsys.readouterr().out
    for name in ('kaiming', 'relu'):
        line = f'{name}: written in a cell of {TWO} that does not begin with `#| exports`'
        assert line in out and line in progress(folder)
    assert out.endswith('0 right, 0 wrong, 7 not yet\n') and out.count('written in')==2

@pytest.mark.parametrize('text,why', [
    ('', 'it is empty'), ('{"cells": [{"id" 1}]}', "Expecting ':' delimiter"), ('{}', "it has no 'cells'"), ('[]', 'list indices'),
    (b'\xff\xfe\0', 'codec'), ('{"cells": []}', '#| default_exp fully_connected')])
def test_a_notebook_that_is_none(folder, capsys, text, why):
    "Is named, once; the other chapters are judged, with the book's in its place"
    write(folder, 'mse_grad', in_book('backprop', 'mse_grad'))
    (folder/f'nbs/{TWO}.ipynb').write_bytes(text if isinstance(text, bytes) else text.encode())
    assert states(folder)==dict.fromkeys([o.name for o in blanks() if o.page==TWO], 'wrong') | {'mse_grad': 'right'}
    assert not run_test(folder)
    out = capsys.readouterr().out
    assert out.count(f'nbs/{TWO}.ipynb')==1 and why in out, out

def test_a_byte_order_mark_and_a_notebook_that_is_not_there(folder, capsys):
    write(folder, 'mse_grad', in_book('backprop', 'mse_grad'))
    path = folder/f'nbs/{THREE}.ipynb'
    path.write_text(path.read_text(encoding='utf-8'), encoding='utf-8-sig')
    (folder/f'nbs/{TWO}.ipynb').unlink()
    (folder/'nbs/Untitled.ipynb').write_text('')
    assert states(folder)=={'mse_grad': 'right'} and run_test(folder, '03')
    assert 'nbs/Untitled.ipynb cannot be read: it is empty' in capsys.readouterr().out

@pytest.mark.parametrize('page,cell,told', [
    (TWO, '#| export\n1/0', f'the exported code of {TWO} raises ZeroDivisionError: division by zero, in the line `1/0`'),
    (TWO, '#| export\nraise SystemExit(3)', f'the exported code of {TWO} raises SystemExit: 3'),
    (TWO, '#| export\nimport os; os._exit(0)', f'the exported code of {TWO} ends the whole program, or takes too much time or memory'),
    pytest.param(TWO, '#| export\nwhile True: pass', f'the exported code of {TWO} ends the whole program', marks=pytest.mark.long),
    (TWO, '#| export\nfrom mylib.nowhere import x',
     f"the exported code of {TWO} raises ModuleNotFoundError: No module named 'mylib.nowhere'"),
    (TWO, '#| export\nx = (', f'line 2 of the cell of {TWO} that begins with `x = (` is no Python'),
    (TWO, '#| export\nhelped = helper(1)', f'`helper` is in a cell of {TWO} that is not exported: begin that cell'),
    (TWO, '#| export\nlater()', f'a cell of {TWO} uses `later` above the one that sets it'),
    (TWO, '#| export\nimport math, torch\nmath.exp = torch.sum = None', f'the exported code of {TWO} {CHANGES[3:]}'),
    (TWO, '#| export\nimport fastfound.checking as c; c.difference = lambda *a, **k: ""', 'fastfound.checking.difference'),
    (TWO, '#| export\nfrom fastfound.checks import find_check; find_check("relu").inputs = list', 'a check.inputs')])
def test_a_chapter_that_cannot_be_imported(folder, capsys, page, cell, told):
    "Its answers are wrong, and those of chapters that import it, all for one cause that names the notebook; what is not written is not"
    right = {'matmul_dot': 'matmul', 'relu': 'fully_connected', 'lin': 'fully_connected', 'mse_grad': 'backprop'}
    for name,module in right.items(): write(folder, name, in_book(module, name))
    add(folder, page, cell)
    add(folder, page, 'def helper(x): return x')
    add(folder, page, '#| export\ndef later(): pass', 'def lsuv(')
    wanted = dict.fromkeys(right, 'wrong') | {'matmul_dot': 'right'}
    assert states(folder, seconds=1)==wanted
    assert not run_test(folder)
    out = capsys.readouterr().out
    assert out.count(told)==1 and 'relu, lin, mse_grad: ' in out and '/tmp' not in out, out

def test_the_chapter_at_fault_is_told(folder, capsys):
    "Where one has what another needs no longer, where cells were moved, and where nothing is written yet"
    def taken_out(cells): return [c for c in cells if 'def mse(' not in source(c)]
    edit(folder, TWO, taken_out)
    assert run_test(folder)
    assert f'{TWO} does not define mse, which {THREE} imports\n' in capsys.readouterr().out
    write(folder, 'mse_grad', in_book('backprop', 'mse_grad'))
    add(folder, TWO, in_book('fully_connected', 'mse'))
    assert not run_test(folder, '03')
    out = capsys.readouterr().out
    assert f'mse_grad: {TWO} does not define mse, which {THREE} imports: `mse` is in a cell of {TWO} that is not exported' in out, out

def test_a_cell_above_the_imports(folder, capsys):
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    edit(folder, TWO, lambda cells: sorted(cells, key=lambda c: 'def relu(' not in source(c)))
    assert not run_test(folder)
    assert f'relu: a cell of {TWO} uses `todo` above the one that sets it: move it below' in capsys.readouterr().out

def test_a_slip_in_one_cell_leaves_the_others(folder, capsys):
    "Of two blanks in a cell, the one that is not written is not wrong"
    write(folder, 'dropout', 'def dropout(x, p) return x')
    write(folder, 'distort', 'def distort(x, most=0.2): return x')
    assert states(folder, chapters='8')=={'dropout': 'wrong', 'distort': 'wrong'}
    assert not run_test(folder, '8')
    assert re.search(r'^dropout: line \d+ of the cell of 08_overfitting that begins with', capsys.readouterr().out, re.M)

def test_what_may_be_done_at_import(folder):
    "Settings of plots and random numbers, and functions added to a class of one's own"
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    add(folder, TWO, '#| export\nimport torch\nfrom matplotlib import pyplot as plt\nplt.rcParams["lines.linewidth"] = 3\n'
                     'torch.manual_seed(1)\ntorch.set_printoptions(precision=2)\nclass A(torch.nn.Module): pass\nA.f = lambda self: 1')
    assert states(folder)=={'relu': 'right'}

def test_two_notebooks_of_one_chapter(folder, capsys):
    "The one with the chapter's name counts, wherever the other comes in the alphabet"
    path,names = folder/f'nbs/{TWO}.ipynb',('01_mine', f'{TWO}-Copy1')
    wrong = path.read_text(encoding='utf-8').replace('def relu(', 'def relu(x): return x\\ndef other(')
    for o in names: (path.parent/f'{o}.ipynb').write_text(wrong, encoding='utf-8')
    change(folder, 'def relu(', lambda text: '#| export\n' + in_book('fully_connected', 'relu'))
    assert states(folder)=={'relu': 'right'} and run_test(folder)
    out = capsys.readouterr().out
    assert all(f'nbs/{o}.ipynb exports to fully_connected too: nbs/{TWO}.ipynb counts' in out for o in names), out

def test_chapters(folder):
    write(folder, 'relu', 'def relu(x): return x')
    assert not run_test(folder, '2') and run_test(folder, '01, 3a')
    assert {o.page for o in judge(folder, chapters='3a,01')}=={'01_matmul', '03a_value'}
    with pytest.raises(ValueError, match='got chapter 12, wanted some of 00,01,'): judge(folder, chapters='01,12')

@pytest.fixture
def submitted(tmp_path):
    "Workbooks at several depths, and what is none"
    to = tmp_path/'submitted'
    for o in ('anna', 'hans/benlib_folder', 'x/y/z', '=1+1'):
        (to/o).parent.mkdir(parents=True, exist_ok=True)
        new_workbook('mylib', tmp_path).rename(to/o)
    (to/'ida.zip').write_bytes(b'PK')
    (to/'kim/nbs').mkdir(parents=True)
    (to/'eve').mkdir()
    (to/'eve/settings.ini').write_text('')
    (to/'.DS_Store').write_text('')
    return to

def test_no_submission_vanishes(submitted, tmp_path, capsys):
    write(submitted/'anna', 'relu', in_book('fully_connected', 'relu'))
    add(submitted/'hans/benlib_folder', TWO, '#| export\n1/0')
    for name in ('relu', 'lin'): write(submitted/'hans/benlib_folder', name, in_book('fully_connected', name))
    run_grade(submitted, tmp_path, chapters='02')
    out,data = capsys.readouterr().out,(tmp_path/'grades.csv').read_bytes()
    assert '2 entries are no workbooks: ida.zip, kim\n' in out and 'hans/benlib_folder' in out, out
    assert data.startswith('\ufeff'.encode())
    header,*rows = csv.reader(data.decode('utf-8-sig').splitlines())
    assert header[:4]==['workbook', 'right', 'wrong', 'not yet'] and header[-1]=='error' and len(header)==4+7+1
    assert [o[:4] for o in rows]==[["'=1+1", '0', '0', '7'], ['anna', '1', '0', '6'], ['eve', '0', '0', '0'],
                                   ['hans/benlib_folder', '0', '2', '5'], ['x/y/z', '0', '0', '7']]
    assert [bool(o[-1]) for o in rows]==[o[0]=='eve' for o in rows] and {len(o) for o in rows}=={len(header)} and not any(rows[2][4:-1])
    page = (tmp_path/'grades.html').read_text(encoding='utf-8')
    assert page.count('<h2')==5 and page.index('<table>')<page.index('<h2') and '2 entries are no workbooks: ida.zip, kim' in page
    assert all(f'<a href="#w{i}">' in page and f'id="w{i}"' in page for i in range(1, 6))
    assert 'Right: relu' in page and page.count('ZeroDivisionError')==1 and 'relu, lin: the exported code' in page

@pytest.mark.parametrize('to,match', [('anna', 'which is one workbook: `fastfound test --folder .*anna` judges it'),
                                      ('kim', 'wanted a folder that holds folders of workbooks; it has nbs'), ('kim/nbs', 'it is empty'),
                                      ('ida.zip', 'wanted a folder that holds')])
def test_what_cannot_be_graded(submitted, to, match):
    with pytest.raises((OSError, ValueError), match=match): grade(submitted/to, submitted)

def test_where_grades_cannot_be_written(submitted):
    with pytest.raises(NotADirectoryError, match='ida.zip for `to`, which is a file: wanted a folder'):
        grade(submitted, submitted/'ida.zip')

@pytest.mark.parametrize('name,why', [
    ('1lib', 'begins with a digit'), ('class', 'is a word of Python'), ('torch', 'is an installed package'), ('', 'is empty'),
    ('fastfound', 'is an installed package'), ('json', 'is a module of Python'), ('nbs', 'is what a project calls something else'),
    ('tests', 'is what a project'), ('setup', 'is what a project'), ('My', 'has a capital letter'), ('a-b', 'has other characters')])
def test_why_a_name_will_not_do(name, why, tmp_path):
    (tmp_path/'tests').mkdir()
    with pytest.raises(ValueError, match=f'new: got {name!r}, which {why}.*: wanted a name such as mylib'): new_workbook(name, tmp_path)

def test_a_workbook_with_the_name_of_a_package(folder):
    "Cannot be judged, since it would be imported in its place; one whose own package is installed can"
    path = folder/'settings.ini'
    path.write_text(path.read_text(encoding='utf-8').replace('lib_path = mylib', 'lib_path = torch'), encoding='utf-8')
    with pytest.raises(ValueError, match='its lib_path is torch, which is an installed package'): judge(folder)

def test_a_workbook_whose_package_is_installed(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    assert count(judge(folder, chapters='01')).startswith('0 right, 0 wrong')

def test_review_says_how_many_are_due_and_what_an_edition_for_a_class_lacks(tmp_path, capsys):
    folder = new_workbook('mylib', tmp_path)
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    assert review(folder, ask=lambda text: 'y', now=100)==10
    assert re.findall(r'^(\d+ of \d+): ', capsys.readouterr().out, re.M)==[f'{i} of 10' for i in range(1, 11)]
    folder = new_workbook('school', tmp_path, klass=True)
    write(folder, 'relu', in_book('fully_connected', 'relu'))
    assert review(folder, ask=None)==0 and 'the edition for a class, which comes without answers' in capsys.readouterr().out
