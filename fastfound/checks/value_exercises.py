"Page 3a: the exercises. Formulas of Values, which come from where the answer is defined, and the gradients that PyTorch finds."
# mypy: ignore-errors
import inspect, itertools, math
import torch
from .spec import check, exercise, made
from .value import number

class Value:
    "What formulas are made of where an answer does not come with a Value of its own"
    created = itertools.count()
    def __init__(self, data, op='', inputs=(), backward_fns=()):
        self.data,self.grad,self.index,self.op,self.inputs,self.backward_fns = data,0.,next(Value.created),op,inputs,backward_fns
    def __add__(a, b):
        b = b if isinstance(b, Value) else Value(b)
        return Value(a.data+b.data, '+', (a,b), (lambda g: g, lambda g: g))
    def __mul__(a, b):
        b = b if isinstance(b, Value) else Value(b)
        return Value(a.data*b.data, '×', (a,b), (lambda g: g*b.data, lambda g: g*a.data))
    def __pow__(a, n): return Value(a.data**n, '^', (a,), (lambda g: g*n*a.data**(n-1),))
    def __truediv__(a, b): return a*b**-1
    def __sub__(a, b): return a + b*-1
    def tanh(a): return Value(math.tanh(a.data), 'tanh', (a,), (lambda g: g*(1-math.tanh(a.data)**2),))
    def exp(a): return Value(math.exp(a.data), 'exp', (a,), (lambda g: g*math.exp(a.data),))
    __radd__,__rmul__ = __add__,__mul__
    def backward(self):
        self.grad = 1.
        for o in sorted(nodes(self), key=lambda o: -o.index):
            for inp,fn in zip(o.inputs, o.backward_fns): inp.grad += fn(o.grad)

def nodes(v):
    "All Values from which `v` was computed, and itself"
    found,waiting = {id(v): v},[v]
    while waiting:
        for o in getattr(waiting.pop(), 'inputs', ()):
            if id(o) not in found:
                found[id(o)] = o
                waiting.append(o)
    return list(found.values())

def value_of(f):
    "The class called Value where `f` is defined"
    found = getattr(inspect.unwrap(f), '__globals__', {}).get('Value')
    return found if inspect.isclass(found) else Value

# 1: a derivative

near_7 = dict(near=1e-4, mistakes={  # a central difference comes as near
    'this is the value of the formula at 2; the derivative says how fast it changes there': lambda: 10.,
    'the term 3x is forgotten; its derivative is 3': lambda: 4.,
    'the derivative of x² is 2x, which is 4 at 2': lambda: 5.,
    'this is the derivative at 0; take it at 2': lambda: 3.})
exercise('03a.1', **near_7)(lambda: 7.)

# 2: division

FORMULAS = [('divide(a, b)', 3., 4.), ('divide(a, b) * b', 3., 4.), ('divide(a, a)', 3., 1.), ('divide(a, b) * 3', -2., 0.5),
            ('divide(a*b, b)', 5., 2.), ('divide(divide(a, b), b)', 1., 2.), ('divide(a, b) + divide(b, a)', 2., 8.),
            ('divide(a, b)', 0., -3.)]

def formulas(): yield from FORMULAS

def evaluated(formula, a, b, **functions):
    result = eval(formula, {}, functions | {'a': a, 'b': b})
    result.backward()
    return result

def use_divide(f, formula, a, b):
    "The result and the gradients of a formula with a division"
    kind = value_of(f)
    a,b = kind(a),kind(b)
    told = {'the result': number(evaluated(formula, a, b, divide=f).data), 'the gradient of a': number(a.grad),
            'the gradient of b': number(b.grad)}
    one = f(a, b)
    own = not getattr(one, 'inputs', ()) or {id(o) for o in one.inputs}<={id(a), id(b)}
    return told | {'a single operation on a and b': own}

def division(result=lambda a, b: a/b, to_a=lambda g, a, b: g/b, to_b=lambda g, a, b: -g*a/b**2):
    def wrong(a, b): return Value(result(a.data, b.data), '÷', (a,b),
                                  (lambda g: to_a(g, a.data, b.data), lambda g: to_b(g, a.data, b.data)))
    return made(use_divide, wrong)

@check('03a.2', '03a', formulas, use=use_divide, names=('formula', 'a', 'b'), mistakes={
    'the gradient of `b` has the wrong sign: if `b` grows, a/b becomes smaller': division(to_b=lambda g, a, b: g*a/b**2),
    'the derivative of a/b with respect to b is -a/b²; the square is missing': division(to_b=lambda g, a, b: -g*a/b),
    'the derivative of a/b with respect to b is -a/b²; the factor a is missing': division(to_b=lambda g, a, b: -g/b**2),
    'the backward function of `b` divides by it, like that of `a`; the derivative with respect to b is -a/b²':
        division(to_b=lambda g, a, b: g/b),
    'the backward function of `a` passes the gradient on as it is; divide it by b': division(to_a=lambda g, a, b: g),
    'the backward functions are still those of the product': division(to_a=lambda g, a, b: g*b, to_b=lambda g, a, b: g*a),
    'the backward functions leave out the gradient of the result; multiply by it':
        division(to_a=lambda g, a, b: 1/b, to_b=lambda g, a, b: -a/b**2),
    'numerator and denominator are swapped': division(lambda a, b: b/a if a else math.inf),
    'the gradients are right, but this is a product with a power; the exercise asks for one operation, with two backward functions of its '
    'own': made(use_divide, lambda a, b: a*b**-1)})
def divided(formula, a, b):
    a,b = [torch.tensor(o, dtype=torch.float64, requires_grad=True) for o in (a,b)]
    with torch.enable_grad(): result = evaluated(formula, a, b, divide=torch.div)
    return {'the result': result.item(), 'the gradient of a': 0. if a.grad is None else a.grad.item(),
            'the gradient of b': 0. if b.grad is None else b.grad.item(), 'a single operation on a and b': True}

# 3: a backward pass by recursion, and the number of calls

PASSES = [('a', 3., 4.), ('a*b', 3., 4.), ('a*b + a', 3., 4.), ('a + a', 1., 1.), ('doubled(a, 2)', 1., 1.), ('(a+b)*(a+b)*a', 2., -1.),
          ('(a*b + a)**2', 1., 2.), ('doubled(a*b, 3)', 2., 5.), ('doubled(a, 10)', 1., 1.)]

def passes(): yield from PASSES
def doubled(x, times):
    for _ in range(times): x = x+x
    return x

def use_hand_on(answer, formula, a, b):
    "The gradients that the recursion leaves, how often backward functions were called, and whether the number of calls is right"
    f,calls = answer
    kind = value_of(f)
    a,b = kind(a),kind(b)
    result,count = eval(formula, {'doubled': doubled}, {'a': a, 'b': b}),[0]
    def counted(fn):
        def back(g):
            count[0] += 1
            return fn(g)
        return back
    for o in nodes(result): o.backward_fns = tuple(map(counted, o.backward_fns))
    f(result, 1.)
    told = {'the gradient of a': number(a.grad), 'the gradient of b': number(b.grad), 'calls of backward functions': count[0]}
    return told | {'the number of calls for twelve doublings': calls==2**13-1 or 'another one'}

def recursion(f, calls=2**13-1):
    def told(*args): return use_hand_on((f, calls), *args)
    return told

def on_v(v, g):
    v.grad += g
    for o,fn in zip(v.inputs, v.backward_fns): on_v(o, fn(v.grad))
def replaced(v, g):
    v.grad = g
    for o,fn in zip(v.inputs, v.backward_fns): replaced(o, fn(g))
def as_it_is(v, g):
    v.grad += g
    for o in v.inputs: as_it_is(o, g)
def right(v, g):
    v.grad += g
    for o,fn in zip(v.inputs, v.backward_fns): right(o, fn(g))
def one_level(v, g):
    v.grad += g
    for o,fn in zip(v.inputs, v.backward_fns): o.grad += fn(g)
def leaves_out(v, g):
    for o,fn in zip(v.inputs, v.backward_fns):
        o.grad += fn(g)
        leaves_out(o, fn(g))

@check('03a.3', '03a', passes, use=use_hand_on, names=('formula', 'a', 'b'), mistakes={
    'what is handed on is `v.grad`, which holds what arrived before, too, and that was handed on already; hand on `g`': recursion(on_v),
    'a new gradient replaces the one before; add it, `v.grad += g`': recursion(replaced),
    'the inputs get the gradient as it is; each has a backward function, to be called with `g`': recursion(as_it_is),
    'only the inputs of the result itself get a gradient; for each of them `hand_on` calls itself': recursion(one_level),
    'the inputs get their gradients, but the value itself does not; `hand_on` first adds `g` to the gradient of `v`': recursion(leaves_out),
    'the function is right, the number of calls is not: each doubling makes two calls for each call at the result before it, and the '
    'calls for all of the results count': recursion(right, 0)})
def handed_on(formula, a, b):
    class Counted:
        "How many paths lead through a number of PyTorch, as edges"
        def __init__(self, t, edges=0): self.t,self.edges = t,edges
        def __add__(self, o): return Counted(self.t+o.t, self.edges+o.edges+2)
        def __mul__(self, o): return Counted(self.t*o.t, self.edges+o.edges+2)
        def __pow__(self, n): return Counted(self.t**n, self.edges+1)
    a,b = [torch.tensor(o, dtype=torch.float64, requires_grad=True) for o in (a,b)]
    with torch.enable_grad():
        result = eval(formula, {'doubled': doubled}, {'a': Counted(a), 'b': Counted(b)})
        result.t.backward()
    return {'the gradient of a': 0. if a.grad is None else a.grad.item(), 'the gradient of b': 0. if b.grad is None else b.grad.item(),
            'calls of backward functions': result.edges, 'the number of calls for twelve doublings': True}

# 4: a tanh composed of other operations

def points():
    for o in (0.5, 0., -1., 2., -3., 5., 0.01): yield o,

def use_tanh(f, x):
    "The result, the gradient of three times it, and of what it is composed"
    a = value_of(f)(x)
    out = f(a)
    plain = any(getattr(o, 'op', '')=='tanh' for o in nodes(out))
    (out*3.).backward()
    return {'the result': number(out.data), 'three times the gradient': number(a.grad), 'composed without `tanh`': not plain}

def composed(out, slope):
    def told(x): return {'the result': out(x), 'three times the gradient': 3*slope(x), 'composed without `tanh`': True}
    return told
def slope(x): return 1-math.tanh(x)**2
def e(x): return math.exp(2*x)

@check('03a.4', '03a', points, use=use_tanh, names=('a',), near=1e-9, mistakes={
    'this takes the exponential of a, not of 2a, and so gives tanh(a/2)': composed(lambda x: math.tanh(x/2), lambda x: slope(x/2)/2),
    'the exponential has the wrong backward function: it is its own derivative, so multiply the gradient by its result':
        composed(math.tanh, lambda x: 4/(e(x)+1)**2),
    'the exponential leaves out the gradient of its result; multiply by it':
        composed(math.tanh, lambda x: 2*e(x)/3),
    'the sign is wrong: subtract the 1 above the line, and add it below': composed(lambda x: -math.tanh(x), lambda x: -slope(x)),
    'this uses `tanh`; compose it of the exponential, sums, differences and a quotient': made(use_tanh, lambda a: a.tanh()),
    'is an operation missing? `/` comes with exercise 2, as `Value.__truediv__`': made(use_tanh, lambda a: (a.exp()-1) @ (a.exp()+1)),
    'is an operation missing? `exp` must be set on the class, as `Value.exp`': made(use_tanh, lambda a: a.cosh())})
def tanh_wanted(x): return composed(math.tanh, slope)(x)
