"The words in the code of the library and of the programs: each public function and method says what it does, takes and returns."
import ast, io, re, sys, tokenize
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road

ROOMS = [m for m,page in road.modules().items() if '/' in page]
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef

def parsed(text):
    "The syntax tree of `text`, and the lines that have a comment"
    return ast.parse(text),{t.start[0] for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type==tokenize.COMMENT}

def parameters(f):
    "Those of a function but for the object or class of a method"
    args = [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs, *filter(None, [f.args.vararg, f.args.kwarg])]
    return [o for o in args if o.arg not in ('self', 'cls')]

def returns(f):
    "Whether a function hands anything out; what stands in a function within it does not count"
    inner = {id(o) for g in ast.walk(f) if isinstance(g, (*FUNCTIONS, ast.Lambda)) and g is not f for o in ast.walk(g)}
    here = [o for o in ast.walk(f) if id(o) not in inner]
    return any(isinstance(o, (ast.Return, ast.Yield)) and o.value is not None or isinstance(o, ast.YieldFrom) for o in here)

def silent(f, comments, inherited=()):
    "What the signature and the docstring of the function `f` do not say"
    doc,lines = ast.get_docstring(f),range(f.lineno, f.body[0].lineno)
    if not f.name.startswith('__') and not inherited:
        if not doc: yield 'what it does'
        elif '\n' in doc: yield 'it in one line'
    yield from (o.arg for o in parameters(f) if o.lineno not in comments.intersection(lines[1:]) and o.arg not in inherited)
    says = f.returns is not None or bool(lines) and lines[-1] in comments
    if returns(f) and not says and not inherited and not f.name.startswith('__'): yield 'what it returns'

def methods(c): return [f for f in c.body if isinstance(f, FUNCTIONS)]

def classes():
    "Each class of the package: the names of its bases, and for each method the parameters that its comments explain"
    found = {}
    for module in road.modules():
        tree,comments = parsed((ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8'))
        for c in tree.body:
            if not isinstance(c, ast.ClassDef): continue
            told = {f.name: [o.arg for o in parameters(f) if o.lineno in comments] for f in methods(c) if ast.get_docstring(f)}
            found[c.name] = [getattr(o, 'id', '') for o in c.bases],{k: ['self', *v] for k,v in told.items()}
    return found

CLASSES = classes()

def inherited(name, method):
    "What the bases of a class say of a method: nothing, or `self` and the parameters that they explain"
    bases = CLASSES.get(name, ([],{}))[0]
    return [p for b in bases if b in CLASSES for p in (*CLASSES[b][1].get(method, ()), *inherited(b, method))]

def exempt(f):
    "Events, whose names say all; what has no name of its own; and setters, of which the property tells"
    setter = any(isinstance(o, ast.Attribute) and o.attr=='setter' for o in f.decorator_list)
    return setter or f.name.startswith(('before_','after_','_')) and f.name!='__init__'

def unsaid(text):
    "From each public function and method in `text` to what it does not say"
    tree,comments = parsed(text)
    found = {f.name: [*silent(f, comments)] for f in tree.body if isinstance(f, FUNCTIONS) and not exempt(f)}
    for c in tree.body:
        if not isinstance(c, ast.ClassDef) or c.name.startswith('_'): continue
        found |= {f'{c.name}.{f.name}': [*silent(f, comments, inherited(c.name, f.name))] for f in methods(c) if not exempt(f)}
    return {k: v for k,v in found.items() if v}

@pytest.mark.parametrize('module', ROOMS)
def test_every_function_says_what_it_does(module): assert unsaid((ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8'))=={}

RAW = r'\*\*|\]\(|\$[^$ ]+\$'

def docstrings(tree):
    "The words of the classes and functions that a page shows, without what stands in backticks"
    shown = [o for o in ast.walk(tree) if isinstance(o, (*FUNCTIONS, ast.ClassDef)) and o.name[0]!='_']
    return [re.sub(r'`[^`]*`', '', ast.get_docstring(o) or '') for o in shown]

@pytest.mark.parametrize('module', ROOMS)
def test_docstrings_stay_as_they_are_on_a_page(module):
    "Which takes them for Markdown"
    tree,_ = parsed((ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8'))
    assert [o for o in docstrings(tree) if re.search(RAW, o)]==[]

def test_what_is_not_said_is_found():
    "In functions, in methods and in constructors"
    text = """
def f(x): return x
def g(
    x, # a number
    *args,
    **kw, # passed on
) -> int:
    "What it does"
    def inner(y): return y
    return inner(x)
def h(
    x, # a number
):     # a number
    "Twice `x`"
    return 2*x
class C:
    def __init__(self, x): self.x = x
    def before_fit(self): return 1
    def m(self):
        "What it does"
        return self.x
    def n(self): pass
    @property
    def p(self) -> int:
        "A number"
        return 1
    @p.setter
    def p(self, v): pass
class SGD(Optimizer):
    def update(self, p, g, state,
        lr, # a rate
        wd=0.,
    ): return p
class _Private:
    def m(self, x): return x
"""
    assert unsaid(text)=={'f': ['what it does', 'x', 'what it returns'], 'g': ['args'], 'C.__init__': ['x'], 'C.m': ['what it returns'],
                          'C.n': ['what it does'], 'SGD.update': ['wd']}
