"The structure of the project: three folders with arrows one way, modules and lines of a size, one road, everything where its name says."
import ast, importlib, re, subprocess, sys
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road
from fastfound import _modidx

MODULES = road.modules()  # from a module to its page
NOTEBOOKS = [o for o in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in o.parts]
NOTEBOOKS = [o.relative_to(ROOT/'nbs').with_suffix('').as_posix() for o in NOTEBOOKS]
SHOWN = {o.rpartition('.')[2] for module in _modidx.d['syms'].values() for o in module}  # names whose place on a page is known
FOLDERS = ('library', 'book', 'programs')

def folder(page): return page.partition('/')[0] if '/' in page else 'book'

def text_of(module): return (ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8')

def imported(tree):
    "Pairs of a module of fastfound and the names taken from it"
    for o in ast.walk(tree):
        if isinstance(o, ast.Import): yield from ((a.name.split('.')[1], []) for a in o.names if a.name.startswith('fastfound.'))
        elif isinstance(o, ast.ImportFrom):
            where = (o.module or '').split('.')
            if o.level==1: yield where[0],[a.name for a in o.names]
            elif where[0]=='fastfound' and len(where)>1: yield where[1],[a.name for a in o.names]

def imports(module): return [(o,names) for o,names in imported(ast.parse(text_of(module))) if o in MODULES]

def test_the_road_has_every_page():
    assert sorted(NOTEBOOKS)==sorted(['index', *road.pages()])

def test_every_module_has_a_page():
    assert {o.stem for o in (ROOT/'fastfound').glob('[!_]*.py')}==set(MODULES)

def test_names_of_pages_are_unique():
    stems = [road.name(o) for o in NOTEBOOKS]
    exports = [m for o in NOTEBOOKS for m in re.findall(r'#\| default_exp (\w+)', (ROOT/f'nbs/{o}.ipynb').read_text(encoding='utf-8'))]
    assert len(set(stems))==len(stems) and len(set(exports))==len(exports)

@pytest.mark.parametrize('module', MODULES)
def test_a_module_is_named_as_its_page(module): assert road.name(MODULES[module])==module

@pytest.mark.parametrize('module', MODULES)
def test_arrows_point_one_way(module):
    "A room of the library imports rooms; a page of the book the library and earlier pages; a program anything"
    page,order = MODULES[module],{o: i for i,o in enumerate(road.book())}
    for other,_ in imports(module):
        target = MODULES[other]
        assert FOLDERS.index(folder(target))<=FOLDERS.index(folder(page)), f'{module} imports {other}'
        if folder(page)==folder(target)=='book': assert order[target]<order[page], f'{module} imports {other}, which comes later'

def test_no_cycles():
    graph = {o: {m for m,_ in imports(o)}-{o} for o in MODULES}
    while graph:
        free = [k for k,v in graph.items() if not v & graph.keys()]
        assert free, f'modules that import each other: {", ".join(graph)}'
        for o in free: del graph[o]

@pytest.mark.parametrize('module', MODULES)
def test_no_module_takes_what_is_not_another_ones_own(module):
    "No name with an underscore, and no third party's name that the other only imported"
    for other,names in imports(module):
        own = importlib.import_module(f'fastfound.{other}')
        wrong = [o for o in names if o.startswith('_') or o!='*' and o not in own.__all__]
        assert not wrong, f'{module} takes {", ".join(wrong)} from {other}'

@pytest.mark.parametrize('page', [o for o in road.pages() if folder(o)!='programs'])
def test_the_cells_of_a_page_use_only_what_came_before(page):
    order = {o: i for i,o in enumerate(road.book())}
    for cell in road.cells(page):
        if cell['cell_type']!='code': continue
        code = '\n'.join('' if re.match(r'\s*[%!]', o) else o for o in road.source(cell).splitlines())
        for other,_ in imported(ast.parse(code)):
            if other in ('all','checks','_modidx') or MODULES[other]==page: continue
            target = MODULES[other]
            assert FOLDERS.index(folder(target))<=FOLDERS.index(folder(page)), f'{page} uses {other}'
            if folder(page)==folder(target)=='book': assert order[target]<order[page], f'{page} uses {other}, which comes later'

@pytest.mark.parametrize('module', MODULES)
def test_modules_are_of_a_size(module):
    assert len(text_of(module).splitlines())<=450

@pytest.mark.parametrize('name', [o.stem for o in sorted((ROOT/'fastfound/checks').glob('*.py'))])
def test_checks_are_of_a_size(name):
    assert len(text_of(f'checks/{name}').splitlines())<=450

def code_of(page):
    "The code cells of a page, without directives, which must stand in one line"
    lines = [o for c in road.cells(page) if c['cell_type']=='code' for o in road.source(c).splitlines()]
    return [o for o in lines if not o.startswith('#|')]

FILES = [o.relative_to(ROOT).as_posix() for folder in ('fastfound', 'fastfound/checks', 'tests', 'tools', 'bench')
         for o in sorted((ROOT/folder).glob('*.py'))]

@pytest.mark.parametrize('name', [*NOTEBOOKS, *(o for o in FILES if o!='fastfound/_modidx.py')])
def test_lines_are_of_a_length(name):
    "At most 140 characters, in the cells of pages and in files"
    lines = (ROOT/name).read_text(encoding='utf-8').splitlines() if name.endswith('.py') else code_of(name)
    assert not (long := [o for o in lines if len(o)>140]), '\n'.join(long)

# where a newcomer looks for a thing, by the name of a file
PLACES = {
    'lr_find': 'schedules', 'fastfound_home': 'files', 'progress_bar': 'display', 'Progress': 'learner', 'Optimizer': 'optimizers',
    'SGD': 'optimizers', 'AdamW': 'optimizers', 'Muon': 'optimizers', 'get_mnist': 'datasets', 'untar_data': 'datasets',
    'DataLoader': 'dataloaders', 'DataLoaders': 'dataloaders', 'default_collate': 'dataloaders', 'default_device': 'basics',
    'set_seed': 'basics', 'test_near': 'basics', 'check_tensor': 'basics', 'median_time': 'basics', 'speedup': 'basics', 'Hooks': 'hooks',
    'Graph': 'graphs', 'gv': 'graphs', 'Learner': 'learner', 'Callback': 'learner', 'Recorder': 'learner', 'accuracy': 'metrics',
    'error_rate': 'metrics', 'AvgMetric': 'metrics', 'Evaluation': 'metrics', 'check_member': 'events',
    'one_cycle': 'schedules', 'Scheduler': 'schedules', 'fit_one_cycle': 'schedules', 'MixedPrecision': 'mixed_precision',
    'atomic_write': 'files', 'resnet_optimizer': 'optimizers', 'Value': 'value', 'Tensor': 'engine',
    'BasicOptim': 'mnist_sgd', 'BasicLearner': 'training_loop'}

@pytest.mark.parametrize('name', PLACES)
def test_things_are_where_their_name_says(name):
    "Defined in that module, and nowhere else"
    defined = {m: [o.name for o in ast.parse(text_of(m)).body if isinstance(o, (ast.FunctionDef, ast.ClassDef))] for m in MODULES}
    assert [m for m,names in defined.items() if name in names]==[PLACES[name]]

@pytest.mark.parametrize('page', road.chapters())
def test_chapters_are_of_a_length(page):
    assert sum(c['cell_type']=='code' and not answers(c) for c in road.cells(page))<=80

def answers(cell):
    "Whether this is a cell for the reader's answer to an exercise, which is left out of the site"
    return 'answer' in cell['metadata'].get('tags', [])

def hidden(cell): return cell['metadata'].get('jupyter', {}).get('source_hidden', False)

def visible(cell):
    "How many lines of code of a cell a reader sees; what is folded on the site is hidden, as a test below says"
    if cell['cell_type']!='code' or hidden(cell) or answers(cell): return 0
    return sum(bool(o.strip()) and not o.startswith('#|') for o in road.source(cell).splitlines())

def length(cells): return sum(len(road.source(c).split()) for c in cells if c['cell_type']=='markdown'),sum(map(visible, cells))

@pytest.mark.parametrize('page', road.chapters())
def test_a_chapter_comes_to_its_point(page):
    "One cell is marked as the point, and it comes soon; what only a library needs comes last"
    cells = road.cells(page)
    point, = [i for i,c in enumerate(cells) if 'point' in c['metadata'].get('tags', [])]
    end = next(i for i,c in enumerate(cells) if re.search(r'^## (Summary|For real use)', road.source(c), re.M))
    most = (3000,400) if page>='03' else (2500,300)
    assert all(a<=b for a,b in zip(length(cells[:point])+length(cells[:end]), (350,30)+most))

def prose(page):
    "The text of the markdown cells of a page"
    return '\n'.join(road.source(c) for c in road.cells(page) if c['cell_type']=='markdown')

@pytest.mark.parametrize('page', road.book())
def test_next_leads_along_the_road(page):
    "The first link under Next: from a chapter to the next one, and from its side roads as well"
    after = prose(page).partition('\n## Next')[2] or prose(page).partition('## Next')[2]
    assert re.search(r'\]\(([\w./]+)\.ipynb', after)[1]==road.following(page)

ASKS = [o for o in road.book() if '## Questions' in prose(o)]

@pytest.mark.parametrize('page', ASKS)
def test_questions_have_one_format(page):
    "A number in bold and the question, then the folded answer. Markdown after `</summary>` needs an empty line, and in it is not rendered"
    part = re.search(r'^## Questions\n\n(.*?)(?=^## |\Z)', prose(page), re.M|re.S)[1].strip()
    answer = r'<details><summary>Answer</summary>\n\n(?:(?!</?details>|\*\*\d+\.\*\*).)+\n\n</details>'
    asked = re.findall(r'\*\*(\d+)\.\*\* [^\n]+\n\n'+answer, part, re.S)
    assert asked==[str(i+1) for i in range(part.count('<details>'))]
    if page in road.chapters(): assert len(asked)==10

@pytest.mark.parametrize('page', road.pages())
def test_folded_text_is_rendered(page):
    "An empty line after every `<summary>`, which holds a word and no markdown, and before every `</details>`"
    text = prose(page)
    name = '(?:Answer|Hint|Second hint|Solution)'
    folded = re.findall(fr'<details><summary>{name}</summary>\n\n(?:(?!</?details>).)+\n\n</details>', text, re.S)
    assert text.count('<details>')==text.count('</details>')==len(folded)

FOLDED = r'^#\| *(code-fold|echo: false|hide$)'

@pytest.mark.parametrize('page', road.book())
def test_what_is_not_the_lesson_is_folded(page):
    "Solutions, imports and drawing, on the site and in Jupyter as well"
    code = [(c,road.source(c)) for c in road.cells(page) if c['cell_type']=='code']
    def imports(text):
        body = ast.parse(text).body
        return body and all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in body)
    aside = [(c,o) for c,o in code if re.search(FOLDED, o, re.M) or o[:1] not in '%!' and imports(o)]
    assert [o for c,o in aside if hidden(c)==answers(c)]==[]
    assert [o for _,o in aside if not re.search(FOLDED+'|^#\\| *export$', o, re.M)]==[]

@pytest.mark.parametrize('page', road.book())
def test_each_exercise_has_a_place_for_the_answer(page):
    "Below each exercise of a chapter stands a cell to write in, which ends with its check, and then a solution, which passes it"
    cells = road.cells(page)
    start = next((i for i,c in enumerate(cells) if '## Exercises' in road.source(c)), len(cells))
    numbers = [(i,m[1]) for i,c in enumerate(cells[start:], start) if c['cell_type']=='markdown'
               for m in re.finditer(r'^\*\*(\d+)\.\*\*', road.source(c), re.M)]
    for i,n in numbers:
        if (ROOT/f'fastfound/data/workbook/{page}.ipynb').exists():
            number = f"{page.partition('_')[0]}.{n}"
            i += 1
            assert answers(cells[i]) and '...' in road.source(cells[i]), number
            assert re.match(rf"check\('{re.escape(number)}', ", road.source(cells[i]).splitlines()[-1]), number
            assert f"check('{number}', " in road.source(cells[i+1]), f'{number}: the solution does not pass the check'
        assert 'code-summary: "Solution' in road.source(cells[i+1]), (page, n)

@pytest.mark.parametrize('page', road.pages())
def test_solutions_are_folded_in_jupyter(page):
    "With what they print; of a folded cell a reader sees the first line, which says what it is"
    for cell in road.cells(page):
        if 'code-summary: "Solution' not in road.source(cell): continue
        assert cell['metadata']['jupyter']=={'outputs_hidden': True, 'source_hidden': True}, cell['id']
        assert road.source(cell).startswith('#| code-summary: "Solution'), cell['id']

@pytest.mark.parametrize('page', road.book())
def test_hints_are_at_hand(page):
    "Where there are checks, `hint` is imported with `check`, and the sentence above the exercises tells of it"
    text,number = '\n'.join(map(road.source, road.cells(page))),page.partition('_')[0]
    if "check('" not in text: return
    assert 'from fastfound.checking import check, hint\n' in text
    assert f"`hint('{number}.1')` " in text.partition('## Exercises')[2].partition('**1.**')[0]

@pytest.mark.parametrize('page', road.pages())
def test_links_hold_no_name_alone(page):
    "The site makes a link of each name of the package in backticks, and a link in a link is none"
    names = {o.strip('`') for o in re.findall(r'\[(`[\w.]+`)\]\(', prose(page))}
    assert names.isdisjoint(SHOWN)

def test_each_module_can_be_imported_first():
    "In any order: nothing depends on what was imported before. What only some need is not imported with any of them"
    code = '''
import sys, importlib
for m in sys.argv[1:]:
    for k in [k for k in sys.modules if k.startswith("fastfound")]: del sys.modules[k]
    importlib.import_module(f"fastfound.{m}")
print([o for o in ("pandas", "matplotlib.pyplot", "sympy", "numba", "triton", "IPython", "torchvision") if o in sys.modules])'''
    r = subprocess.run([sys.executable, '-c', code, *MODULES], capture_output=True, text=True)
    assert r.returncode==0 and r.stdout=='[]\n', r.stdout+r.stderr

@pytest.mark.parametrize('page', road.pages())
def test_cells_of_imports_hold_nothing_else(page):
    "The site runs such cells by themselves, so what stands beside an import would run without the cells before it"
    for cell in road.cells(page):
        source = road.source(cell)
        if cell['cell_type']!='code' or re.search(r'^#\| *(exports?|eval: false)|^\s*[%!]', source, re.M): continue
        kinds = {type(o) for o in ast.walk(ast.parse(source))}
        assert not (kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.Expr, ast.Assign}), source
