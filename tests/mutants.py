"""What the checks are tried on: the book's solutions with one thing changed, as a reader might get it wrong. Run, it tells what survives.

`python tests/mutants.py NAME ...` prints of each the mutants that pass its check, and those that are wrong but met by no usual mistake.
"""
import ast, copy, importlib, inspect, os, sys, textwrap
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from fastfound.checking import of_the_book, verdict
from fastfound.checks import find_check

OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult,
         ast.Mod: ast.Add,
         ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
         ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And}
METHODS = {'sum': 'mean', 'mean': 'sum', 'max': 'min', 'min': 'max', 'argmax': 'argmin', 'add_': 'sub_', 'sub_': 'add_', 'mul_': 'div_',
           'div_': 'mul_', 'exp': 'log', 'log': 'exp', 'cos': 'sin', 'zeros': 'ones', 'new_zeros': 'new_ones', 'ones': 'zeros'}

def changed(node):
    "Pairs of what is changed in `node`, in a word, and what stands there instead"
    def but(**kw):
        new = copy.copy(node)
        for k,v in kw.items(): setattr(new, k, v)
        return new
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OTHER: yield 'operator',but(op=OTHER[type(node.op)]())
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
        yield 'order',but(left=node.right, right=node.left)
    if isinstance(node, ast.AugAssign): yield 'overwritten',ast.Assign([node.target], node.value)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER: yield 'comparison',but(ops=[OTHER[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.BoolOp): yield 'and, or',but(op=OTHER[type(node.op)]())
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant): yield 'sign',node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int: yield from (('off by one', ast.Constant(node.value+o)) for o in (1,-1))
    if isinstance(node, ast.Constant) and type(node.value) is float: yield from (('factor', ast.Constant(node.value*o)) for o in (2., 0.))
    if isinstance(node, ast.Constant) and type(node.value) is bool: yield 'switch',ast.Constant(not node.value)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield 'condition',but(test=ast.UnaryOp(ast.Not(), node.test))
        if isinstance(node, ast.IfExp): yield from (('condition removed', o) for o in (node.body, node.orelse))
        if isinstance(node, ast.If): yield 'condition removed',but(test=ast.Constant(True))
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            if new := METHODS.get(node.func.attr): yield new,but(func=ast.Attribute(node.func.value, new, node.func.ctx))
            of = node.func.value
            if not isinstance(of, ast.Name) or of.id not in ('torch','math','F','super'): yield 'no call',of
        for i in range(len(node.keywords)): yield 'keyword left out',but(keywords=node.keywords[:i]+node.keywords[i+1:])
        if isinstance(node.func, ast.Name) and node.func.id=='range':
            yield 'ends early',but(args=[*node.args[:-1], ast.BinOp(node.args[-1], ast.Sub(), ast.Constant(1))])
            if len(node.args)==1: yield 'begins late',but(args=[ast.Constant(1), *node.args])
    if isinstance(node, ast.Tuple) and len(node.elts)==2 and isinstance(node.ctx, ast.Load):
        yield 'order in a tuple',but(elts=node.elts[::-1])
    if isinstance(node, ast.Return) and node.value:
        yield 'nothing returned',ast.Return(None)
        yield 'input changed in place',[ast.Assign([ast.Name('_r', ast.Store())], node.value), ast.Expr(ast.Call(ast.Name('_spoil',
            ast.Load()), [ast.Call(ast.Name('locals', ast.Load()), [], [])], [])), ast.Return(ast.Name('_r', ast.Load()))]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and isinstance(node.ctx, ast.Load):
        yield 'axes',but(slice=ast.Tuple(node.slice.elts[::-1], ast.Load()))
        yield 'an axis less',node.value
    written = isinstance(node, ast.Assign) and any(isinstance(o, (ast.Attribute, ast.Subscript)) for o in node.targets)
    if written or isinstance(node, ast.AugAssign) or isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
        yield 'left out',ast.Pass()

class _Replace(ast.NodeTransformer):
    def __init__(self, old, new): self.old,self.new = old,new
    def visit(self, node): return self.new if node is self.old else super().generic_visit(node)

def _places(tree):
    "The nodes that are changed: without annotations, docstrings, and what an error says"
    if isinstance(tree, (ast.Raise, ast.Assert)): return
    yield tree
    for name,value in ast.iter_fields(tree):
        if name in ('annotation', 'returns', 'decorator_list', 'bases'): continue
        for o in value if isinstance(value, list) else [value]:
            if isinstance(o, ast.AST): yield from _places(o)

def _spoil(here):
    "Change the first of the arguments that is a tensor of numbers"
    import torch
    tensor = next((o for o in here.values() if isinstance(o, torch.Tensor) and o.is_floating_point() and o.numel()), None)
    if tensor is None: raise TypeError('there is no tensor to change')
    with torch.no_grad(): tensor.add_(1)

def mutants(name):
    "Pairs of a description and the source of each mutant of the book's definition of `name`"
    text = textwrap.dedent(inspect.getsource(of_the_book(name)))
    tree,found = ast.parse(text),{}
    for node in _places(tree):
        for what,new in changed(node):
            other = ast.unparse(ast.fix_missing_locations(_Replace(node, new).visit(copy.deepcopy(tree, {id(node): node}))))
            line = getattr(node, 'lineno', 0)
            if other!=ast.unparse(tree) and other not in found.values(): found[f'{name}:{line}: {what}: {ast.unparse(node)[:60]}'
                + (f' -> {ast.unparse(new)[:60]}' if isinstance(new, ast.AST) else '')] = other
    return found

def taken(found, most=None):
    "At most `most` of the mutants `found`, evenly spread"
    keys = list(found)
    return keys if not most or len(keys)<=most else [keys[i*len(keys)//most] for i in range(most)]

def judged(name, most=None):
    "From each mutant of `name` to whether its check rejects it, and the usual mistake it is met with"
    import torch
    torch.set_num_threads(1)
    find_check(name)
    found,results = mutants(name),{}
    home = vars(importlib.import_module(of_the_book(name).__module__))
    out,null = os.dup(1),os.open(os.devnull, os.O_WRONLY)  # mutants may print
    for key in taken(found, most):
        here = dict(home, __name__='__main__', _spoil=_spoil)
        os.dup2(null, 1)
        try:
            try: exec(compile(found[key], key, 'exec'), here)
            except Exception: results[key] = True,''  # it cannot even be defined
            else:
                v = verdict(name, here[name], seconds=2)
                results[key] = v.state!='right',v.mistake
        finally:
            sys.stdout.flush()
            os.dup2(out, 1)
    return results

def judge_all(names, most):
    "`judged` for each of `names`, with as many mutants as `most` says for it"
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context('spawn')) as pool:
        return dict(zip(names, pool.map(judged, names, map(most, names))))

if __name__ == '__main__':
    for name in sys.argv[1:]:
        results = judged(name)
        n,named = sum(o for o,_ in results.values()),sum(bool(m) for _,m in results.values())
        print(f'{name}: {n} of {len(results)} rejected, {named} met by name')
        for key,(rejected,mistake) in results.items():
            if not rejected: print('  SURVIVES', key)
            elif not mistake: print('  no name ', key)
