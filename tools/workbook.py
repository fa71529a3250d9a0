"""Write the chapters as a workbook to fastfound/data/workbook: without outputs and solutions, blanks where a cell has the tag `blank`.

A blank keeps the signature and the docstring; a cell with its check follows. `--check` only tells whether the files are in step.
"""
import ast, dis, json, re, sys
import road

PAGES = [*road.chapters(), '03a_value', '03b_engine']
TO = road.ROOT/'fastfound/data/workbook'
LIB = 'mylib'  # stands for the name of the reader's library

def emptied(source, todo='@todo'):
    "The definitions in `source` without bodies but for their docstrings, with `todo` above each; one whose name begins with `_` stays"
    lines,tree = source.split('\n'),ast.parse(source)
    def body(node):
        "The first and the last line of the body of a function, without its docstring"
        first = node.body[bool(ast.get_docstring(node, clean=False))] if len(node.body)>bool(ast.get_docstring(node)) else None
        return first and (first.lineno,node.end_lineno,first.col_offset)
    found = []
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
        functions = [node] if isinstance(node, ast.FunctionDef) else [o for o in node.body if isinstance(o, ast.FunctionDef)]
        found += [('body', body(o)) for o in functions if body(o)] + [('todo', node)]
    def top(node): return min([node.lineno, *(o.lineno for o in node.decorator_list)])
    for what,*o in sorted(found, key=lambda o: -(o[1][0] if o[0]=='body' else top(o[1]))):
        if what=='todo': lines.insert(top(o[0])-1, todo)
        else:
            (first,last,indent), = o
            lines[first-1:last] = [lines[first-1][:indent] + '...']  # after a signature on the same line, too
    return '\n'.join(lines)

def names(source):
    "The public functions and classes that `source` defines"
    return [o.name for o in ast.parse(source).body if isinstance(o, (ast.FunctionDef, ast.ClassDef)) and not o.name.startswith('_')]

def parsed(source): return ast.parse(re.sub(r'^[%!].*', '', source, flags=re.M))

def flow(source):
    "The names that a cell needs from those before it, and those that it binds"
    needs,binds = set(),set()
    def walk(code, own):
        for o in dis.get_instructions(code):
            if o.opname=='STORE_NAME': own.add(o.argval)
            elif re.match('LOAD_(NAME|GLOBAL|FROM_DICT_OR_GLOBALS)', o.opname): needs.update({o.argval}-own-binds)
            elif hasattr(o.argval, 'co_code'): walk(o.argval, set())
    walk(compile(parsed(source), '', 'exec'), binds)
    return needs,binds

def tests(node):
    "Whether a statement only asserts, tests or prints"
    if isinstance(node, (ast.For, ast.If, ast.With)): return all(map(tests, node.body+getattr(node, 'orelse', [])))
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func)
    return isinstance(node, ast.Assert) or called and (called.startswith('test_') or called=='print')

def without_tests(source):
    lines = source.split('\n')
    for o in reversed(parsed(source).body):
        if tests(o): del lines[o.lineno-1:o.end_lineno]
    return '\n'.join(lines)

def settles(source):
    "Whether a cell sets what is printed or drawn, or is exported"
    return bool(re.search(r'^#\|\s*(export|default_exp)|^torch\.set_printoptions|^plt\.rcParams', source, re.M))

def needed(cells):
    "The cells of a workbook without the book's own tests: hidden ones whose names no later cell uses"
    kept,names = [],set()
    for cell in reversed(cells):
        source = road.source(cell)
        if cell['cell_type']=='code':
            hidden = source.startswith('#| hide')
            if hidden: source = without_tests(source)
            needs,binds = flow(source)
            if hidden and not settles(source) and not binds & names: continue
            names = names-binds | needs
            cell = {**cell, 'source': source.splitlines(keepends=True)}
        kept.append(cell)
    return kept[::-1]

def code(source, id, **metadata):
    lines = source.splitlines(keepends=True)
    return {'cell_type': 'code', 'execution_count': None, 'id': id, 'metadata': metadata, 'outputs': [], 'source': lines}

FIRST = f'''#| hide
import sys
if '..' not in sys.path: sys.path.insert(0, '..')  # where {LIB} is
from fastfound.checking import check, hint, todo'''

NOTE = ("What runs here is yours, as far as you have written it. Where the text tells of times, of random numbers or of what stands in a "
        "function, it tells of the book's code; yours may differ and be right.")

def workbook_page(page):
    "The notebook of a chapter as a workbook"
    nb,cells = json.loads(road.path(page).read_text(encoding='utf-8')),[]
    modules = {road.name(o) for o in PAGES}
    for cell in nb['cells'][1:]:
        source,tags = road.source(cell),cell['metadata'].get('tags', [])
        if cell['cell_type']!='code':
            cells.append({**cell, 'metadata': {}, 'source': road.to_site(source, PAGES).splitlines(keepends=True)})
            continue
        if 'code-summary: "Solution' in source: continue
        if 'answer' in tags: source = source.replace('#| hide\n', '', 1)
        def ours(m): return f'from {LIB if m[1] in modules else "fastfound"}.{m[1]} import'
        source = re.sub(r'^from fastfound\.(\w+) import', ours, source, flags=re.M)
        if 'blank' not in tags: cells.append(code(source, cell['id'], **{k: v for k,v in cell['metadata'].items() if k=='jupyter'}))
        else:
            head = re.match(r'(?:#\|.*\n)*', source)[0]
            cells.append(code(head + emptied(source[len(head):]), cell['id'], tags=['blank']))
            cells.append(code('\n'.join(f'check({o})' for o in names(source)), cell['id'][::-1]))
    default = next(i for i,c in enumerate(cells) if road.source(c).startswith('#| default_exp'))
    cells.insert(default+1, code('#| export\nfrom fastfound.checking import todo', 'ffffffff', jupyter={'source_hidden': True}))
    title = next(i for i,c in enumerate(cells) if road.source(c).startswith('# '))
    cells.insert(title+1, {'cell_type': 'markdown', 'id': 'fffffffe', 'metadata': {}, 'source': [NOTE]})
    return {**nb, 'cells': [code(FIRST, 'f1257ce2', jupyter={'source_hidden': True}), *needed(cells)]}

def main(check):
    stale = []
    for page in PAGES:
        to = TO/f'{page}.ipynb'
        nb = workbook_page(page)
        if to.exists() and to.read_text(encoding='utf-8')==road.text_of(nb): continue
        stale.append(page)
        if check: continue
        to.parent.mkdir(exist_ok=True)
        road.write(to, nb)
    if check and stale: sys.exit(f"out of step with tools/workbook.py: {', '.join(stale)}; run `make export`")

if __name__ == '__main__': main('--check' in sys.argv[1:])
