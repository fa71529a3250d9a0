"Checks of what readers write: every solution of the book is right, an empty one is not yet, and the usual mistakes are told by name."
import ast, importlib, inspect, os, pkgutil, re, subprocess, sys, textwrap
from pathlib import Path
import pytest
from fastfound import checking, checks
from fastfound.checking import is_empty, of_the_book, verdict
from fastfound.checks.spec import CHECKS
from fastfound.workbook import blanks

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road, workbook

for o in pkgutil.iter_modules(checks.__path__): importlib.import_module(f'fastfound.checks.{o.name}')

def as_a_readers(name, *changes):
    "The book's definition of `name`, as if a reader had written it; of pairs in `changes` the first is replaced by the second"
    f = of_the_book(name)
    home = dict(vars(importlib.import_module(f.__module__)), __name__='__main__')
    text = textwrap.dedent(inspect.getsource(f))
    for old,new in changes:
        assert old in text, f'{name}: {old!r} is not in it'
        text = text.replace(old, new)
    exec(compile(text, f.__module__, 'exec'), home)
    return home[name]

def on_page(number, code, answer, home, seconds=2):
    "The verdict on `answer`, an expression, after `code`, as written on a page that has the names of `home`"
    here = {**home, '__name__': '__main__'}
    exec(code, here)
    return verdict(number, eval(answer, here), seconds)

@pytest.mark.parametrize('name', [o for o in CHECKS if o[0].isalpha()])
def test_the_books_solution_is_right(name):
    v = verdict(name, as_a_readers(name))
    assert v, v.text

def is_function(c, mistake): return hasattr(mistake, 'wrong') or c.use.__name__=='call'  # a class's is told in terms of what is compared

@pytest.mark.parametrize('name,text', [(c.name, text) for c in CHECKS.values() for text,o in c.mistakes.items() if is_function(c, o)])
def test_a_usual_mistake_is_told(name, text, monkeypatch):
    "What makes it is wrong, and met by its own sentence"
    c = CHECKS[name]
    def made(*args): return c.mistakes[text](*args)
    wrong = getattr(c.mistakes[text], 'wrong', made)
    monkeypatch.setattr(wrong, '__module__', '__main__')  # as if a reader had written it
    monkeypatch.setattr(c, 'without', ())  # it may use what an exercise does without
    monkeypatch.setattr(checking, 'CHECKS', {})  # and what computes the answers of checks
    v = verdict(name, wrong)
    assert v.state=='wrong' and v.mistake==text, v.text

def test_pages_store_the_numbers_of_inputs_that_are_tried():
    "When a check gets an input more, the pages that show its verdict are made again"
    pages = *road.chapters(),'programs/write_your_own'
    texts = [''.join(o.get('text', '')) for page in pages for c in road.cells(page) for o in c.get('outputs', [])]
    shown = [o for text in texts for o in re.findall(r'^(\S+): right, (\d+) inputs', text, re.M)]
    assert len(shown)>25
    assert [(name,n) for name,n in shown if len(list(CHECKS[name].inputs()))!=int(n)]==[]

# a check that is missing, empty, or takes anything

def gives_nothing(*args, **kw): return next(iter(()), None)
def gives_back(*args, **kw): return [*args, *kw.values(), None][0]
def gives_zero(*args, **kw): return 0
def gives_true(*args, **kw): return True
def raises(*args, **kw): raise ValueError('no')

class Anything:
    "It can be made of anything, called, and has every attribute: itself"
    def __init__(self, *args, **kw): pass
    def __call__(self, *args, **kw): return self
    def __getattr__(self, name): return self

@pytest.mark.parametrize('name', list(CHECKS))
def test_no_check_takes_anything(name):
    "What gives nothing, its first argument, or the same each time is not right, nor is what raises; of a value `0`, `''` or nothing"
    answers = [gives_nothing, gives_back, gives_zero, gives_true, raises, Anything]
    if not name[0].isalpha(): answers += [0, None, '', (), (0,0), ..., (...,...), {}]
    assert [o for o in answers if verdict(name, o, seconds=2).state=='right']==[]
    assert verdict(name, ...).state=='not yet'

def test_a_check_without_inputs_or_without_a_name_is_an_error(monkeypatch):
    monkeypatch.setattr(CHECKS['relu'], 'inputs', lambda: iter(()))
    with pytest.raises(LookupError, match='no input'): verdict('relu', gives_zero)
    monkeypatch.delitem(CHECKS, 'relu')
    with pytest.raises(LookupError, match='no check'): verdict('relu', gives_zero)

# what checks need

PAGES = sorted(workbook.PAGES)
LESSONS = [road.name(o) for o in PAGES]
FILES = sorted(Path(checks.__file__).parent.glob('*.py'))

@pytest.mark.parametrize('path', FILES, ids=lambda o: o.stem)
def test_a_check_imports_neither_lessons_nor_what_a_reader_wrote(path):
    "Nothing of the package but other checks and the library's Learner and optimizers"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = [a.name for o in ast.walk(tree) if isinstance(o, ast.Import) for a in o.names]
    names += ['.'*o.level+(o.module or '') for o in ast.walk(tree) if isinstance(o, ast.ImportFrom)]
    known = {'torch', 'numpy', 'PIL', *sys.stdlib_module_names}
    assert [o for o in names if o.split('.')[0] not in known and not re.fullmatch(r'\.\w+', o)]==[], names
    calls = [o for o in ast.walk(tree) if isinstance(o, ast.Call) and path.stem!='__init__']
    assert not [o for o in calls if isinstance(o.func, ast.Name) and o.func.id in ('exec','__import__')]
    made = [ast.unparse(o.args[0]) for o in calls if ast.unparse(o.func).endswith('import_module')]
    assert set(made)<={"'fastfound.learner'", "'fastfound.optimizers'"}, made  # the library's, which are no lessons

def run(code):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (ROOT, ROOT/'tests')))}
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env)
    assert r.returncode==0, r.stderr
    return r.stdout

@pytest.mark.long
def test_as_they_run_checks_load_no_lesson():
    out = run('''
import sys
from itertools import islice
from fastfound.checks import find_check
from fastfound.checks.spec import CHECKS
find_check('relu')
for c in CHECKS.values():
    for args in islice(c.inputs(), 4): c.want(*args)
print(*(o for o in sys.modules if o.startswith('fastfound.')))''')
    assert not {f'fastfound.{o}' for o in LESSONS} & set(out.split()), out

@pytest.mark.long
@pytest.mark.parametrize('page', PAGES)
def test_checks_of_a_chapter_need_only_earlier_chapters(page):
    "The book's solutions are right where no later chapter can be imported"
    later = LESSONS[PAGES.index(page)+1:]
    names = [o.name for o in blanks() if o.page==page]
    run(f'''
import sys
for o in {later!r}: sys.modules[f'fastfound.{{o}}'] = None  # cannot be imported
from fastfound.checking import verdict
from test_checks import as_a_readers
for o in {names!r}:
    v = verdict(o, as_a_readers(o))
    assert v, v.text''')

# what is not yet written

def test_pass_is_an_answer_where_nothing_is_to_be_done():
    "A class is not yet while a method says nothing that does something in the book; an error of the reader's own may be empty"
    def made(text): return exec_text('class Skip:\n    def __init__(self, *layers): self.layers = layers\n'+text)
    assert is_empty(made('    def forward(self, x): ...'))
    assert not is_empty(made('    def forward(self, x): return x\n    def extra(self): pass'))
    assert is_empty(made('    def forward(self, x):\n        "text"\n        pass'))

    class Exploded(Exception): "The loss is too large"
    class Quiet:
        def before(self): pass
        def after(self): return 1
    class Later:
        def before(self): ...
    class Nothing(dict): ...
    assert not is_empty(Exploded) and not is_empty(Quiet) and is_empty(Later) and is_empty(Nothing)

@pytest.mark.parametrize('o', [o for o in blanks() if o.name[0].isupper()], ids=lambda o: o.name)
def test_a_class_is_not_yet_until_each_of_its_methods_is_written(o):
    "And is not empty with all of them, whatever else is in it"
    source = textwrap.dedent(inspect.getsource(of_the_book(o.name)))
    tree = ast.parse(source)
    found = [i for i,f in enumerate(tree.body[0].body) if isinstance(f, ast.FunctionDef)]
    assert found and not is_empty(defined(tree, o))
    written = 0
    for i in found:
        text = workbook.emptied(ast.unparse(ast.Module([ast.ClassDef(o.name, [], [], [tree.body[0].body[i]], [])], [])), '')
        other = ast.parse(source)
        other.body[0].body[i] = ast.parse(text).body[0].body[0]
        written += is_empty(defined(other, o))
    assert written==len(found), (written, len(found))

def defined(tree, o):
    home = dict(vars(importlib.import_module(f'fastfound.{o.module}')), __name__=f'mine.{o.module}')
    exec(compile(ast.fix_missing_locations(tree), 'cell', 'exec'), home)
    return home[o.name]

def exec_text(text):
    home = {'__name__': '__main__'}
    exec(text, home)
    return home['Skip']
