"The structure of the project: modules of a size that import only from those before them, and chapters of a length."
import ast, importlib, json, re, subprocess, sys
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
PAGES = {m[1]: (path, text) for path in sorted((ROOT/'nbs').glob('[0-9]*.ipynb')) for text in [path.read_text(encoding='utf-8')] if (m := re.search(r'#\| default_exp (\w+)', text))}  # pages with a module

def place(module):
    "Where a module stands in the order of the book: the side roads of chapter 0 hold what every chapter uses, so they come first"
    name = PAGES[module][0].stem
    return (0, name) if re.match(r'00[a-z]', name) else (1, name)

def imports(module):
    "The modules of fastfound that a module imports"
    tree = ast.parse((ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8'))
    found = {o.module for o in ast.walk(tree) if isinstance(o, ast.ImportFrom) and o.level==1} | {a.name.split('.')[1] for o in ast.walk(tree) if isinstance(o, ast.Import) for a in o.names if a.name.startswith('fastfound.')}
    return found | {o.module.split('.')[1] for o in ast.walk(tree) if isinstance(o, ast.ImportFrom) and (o.module or '').startswith('fastfound.')}

def test_every_module_has_a_page():
    assert {o.stem for o in (ROOT/'fastfound').glob('[!_]*.py')}==set(PAGES)

@pytest.mark.parametrize('module', PAGES)
def test_arrows_point_backwards(module):
    late = [o for o in imports(module) if place(o)>=place(module)]
    assert not late, f'{module} imports {late}, which come later'

@pytest.mark.parametrize('module', PAGES)
def test_a_page_uses_only_what_came_before(module):
    "The lesson cells of a page, too, import nothing from later pages; the last page of a chapter 0 side road may be used everywhere"
    used = set(re.findall(r'"\s*from fastfound\.(\w+) import', PAGES[module][1])) - {'all'}
    late = [o for o in used if place(o)>place(module)]
    assert not late, f'{PAGES[module][0].name} imports {late}, which come later'

@pytest.mark.parametrize('module', PAGES)
def test_modules_are_of_a_size(module):
    assert len((ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8').splitlines())<=450

@pytest.mark.parametrize('module', [k for k,(path,_) in PAGES.items() if re.match(r'\d\d_', path.name)])
def test_chapters_are_of_a_length(module):
    assert sum(c['cell_type']=='code' for c in json.loads(PAGES[module][1])['cells'])<=80

def prose(path):
    "The text of the markdown cells of a page"
    return '\n'.join(''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type']=='markdown')

ASKS = sorted(path for path in (ROOT/'nbs').glob('0*.ipynb') if '## Questions' in path.read_text(encoding='utf-8'))

@pytest.mark.parametrize('path', ASKS, ids=lambda o: o.stem)
def test_questions_have_one_format(path):
    "A number in bold and the question, then the folded answer. Markdown after `</summary>` needs an empty line, in Jupyter, on GitHub and on the site, and in it is not rendered"
    part = re.search(r'^## Questions\n\n(.*?)(?=^## |\Z)', prose(path), re.M|re.S)[1].strip()
    asked = re.findall(r'\*\*(\d+)\.\*\* [^\n]+\n\n<details><summary>Answer</summary>\n\n(?:(?!</?details>|\*\*\d+\.\*\*).)+\n\n</details>', part, re.S)
    assert asked==[str(i+1) for i in range(part.count('<details>'))]
    if re.match(r'\d\d_', path.name): assert len(asked)==10

@pytest.mark.parametrize('path', sorted((ROOT/'nbs').glob('[0-9]*.ipynb')), ids=lambda o: o.stem)
def test_folded_text_is_rendered(path):
    "An empty line after every `<summary>`, which holds a word and no markdown, and before every `</details>`"
    text = prose(path)
    assert text.count('<details>')==text.count('</details>')==len(re.findall(r'<details><summary>(?:Answer|Hint|Solution)</summary>\n\n(?:(?!</?details>).)+\n\n</details>', text, re.S))

def test_one_import_has_every_name():
    "Everything that any page exports, and the same object"
    everything = importlib.import_module('fastfound.all')
    for module in PAGES.keys()-{'all'}:
        m = importlib.import_module(f'fastfound.{module}')
        for name in m.__all__: assert getattr(everything, name) is getattr(m, name) and name in everything.__all__, (module, name)

def test_each_module_can_be_imported_first():
    "In any order: nothing depends on what was imported before. What only some need is not imported with any of them"
    code = 'import sys, importlib\nfor m in sys.argv[1:]:\n    for k in [k for k in sys.modules if k.startswith("fastfound")]: del sys.modules[k]\n    importlib.import_module(f"fastfound.{m}")\nprint([o for o in ("pandas", "matplotlib.pyplot", "sympy", "numba", "triton", "IPython", "torchvision") if o in sys.modules])'
    r = subprocess.run([sys.executable, '-c', code, *PAGES], capture_output=True, text=True)
    assert r.returncode==0 and r.stdout=='[]\n', r.stdout+r.stderr

@pytest.mark.parametrize('module', PAGES)
def test_cells_of_imports_hold_nothing_else(module):
    "The site runs such cells by themselves, so what stands beside an import, wherever that is in the cell, would run without the cells before it"
    for cell in json.loads(PAGES[module][1])['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type']!='code' or re.search(r'^#\| *(exports?|eval: false)|^\s*[%!]|nbdev_export\(', source, re.M): continue
        kinds = {type(o) for o in ast.walk(ast.parse(source))}
        assert not (kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.Expr, ast.Assign}), source
