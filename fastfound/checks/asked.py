"What a reader is asked for: methods and defaults, hints, how an answer is handed in; from the book's files, so that nothing is imported."
# mypy: ignore-errors
import ast, inspect, json, re
from functools import cache
from pathlib import Path

def cells_of(name):
    "The cells of the workbook's chapter of the exercise `name`"
    found = [*(Path(__file__).parents[1]/'data/workbook').glob(f"{name.partition('.')[0]}_*.ipynb")]
    return json.loads(found[0].read_text(encoding='utf-8'))['cells'] if found else []

def hints_below(name):
    "The hints that stand below the exercise `name`"
    text = '\n'.join(''.join(o['source']) for o in cells_of(name) if o['cell_type']=='markdown').partition('\n## Exercises')[2]
    part = re.search(rf"^\*\*{name.partition('.')[2]}\.\*\*(.*?)(?=^\*\*\d+\.\*\*|^## |\Z)", text, re.M|re.S)
    return re.findall(r'<summary>(?:H|Second h)int</summary>\n\n(.*?)\n\n</details>', part[1], re.S) if part else ()

def handed_in(name, answer):
    "What is to be handed in for the exercise `name`, as its call of `check` tells, if `answer` has another form"
    sources = (''.join(o['source']) for o in cells_of(name) if o['cell_type']=='code')
    call = next((m for o in sources if (m := re.search(rf"^check\('{re.escape(name)}', (.+)\)$", o, re.M))), None)
    if not call: return ''
    if answer is None: return f'{name}: hand in an answer, `None` came: {call[0]}'
    n = len(getattr(ast.parse(call[1], mode='eval').body, 'elts', '1'))
    fits = n<2 or isinstance(answer, (tuple, list)) and len(answer)==n
    return '' if fits else f'{name}: hand in {n} things: {call[0]}'

@cache
def _definition(name, home):
    "The definition of `name` in the book's module `home`, as a tree; None if there is none"
    if not home: return None
    tree = ast.parse((Path(__file__).parents[1]/f"{home.rpartition('.')[2]}.py").read_text(encoding='utf-8'))
    return next((o for o in tree.body if isinstance(o, (ast.ClassDef, ast.FunctionDef)) and o.name==name), None)

def methods(name, home):
    "The methods with a body of the class called `name` in the book's module `home`"
    node = _definition(name, home)
    def idle(o): return isinstance(o, ast.Pass) or isinstance(o, ast.Expr) and isinstance(o.value, ast.Constant)
    found = node.body if isinstance(node, ast.ClassDef) else []
    return [o.name for o in found if isinstance(o, ast.FunctionDef) and not all(map(idle, o.body))]

def changed_defaults(f, name, home):
    "The parameters of `f` whose default is another one than in the definition of `name` in the book's module `home`"
    node = _definition(name, home)
    if isinstance(node, ast.ClassDef): node = next((o for o in node.body if getattr(o, 'name', '')=='__init__'), None)
    if not isinstance(node, ast.FunctionDef) or not callable(f): return []
    try: own = inspect.signature(f).parameters
    except (TypeError, ValueError): return []
    a,found = node.args,[]
    for o,value in [*zip(reversed(a.posonlyargs+a.args), reversed(a.defaults)), *zip(a.kwonlyargs, a.kw_defaults)]:
        try: wanted = eval(compile(ast.Expression(value), home, 'eval'), {'__builtins__': {}})
        except Exception: continue  # it needs names, or there is none
        plain = o.arg in own and isinstance(own[o.arg].default, (int, float, str, tuple, type, type(None)))
        if plain and own[o.arg].default!=wanted: found.append(o.arg)
    return found
