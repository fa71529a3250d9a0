"""Every operation of our Tensor against PyTorch and against central differences on drawn cases, and each derivative broken on purpose.

The table has one entry for each operation: a function that draws a case from a random number generator. A case is what to do with our
Tensors, the same for PyTorch's (often the same function), and the float64 tensors to do it with.
"""
import itertools, math, operator, random, sys, zlib
from functools import wraps
from pathlib import Path
import numpy as np, pytest, torch
import torch.nn.functional as F
from fastfound import engine
from fastfound.engine import Tensor, cat, check_gradients, no_grad, operations
from fastfound.basics import test_near as near

sys.path.insert(0, str(Path(__file__).parents[1]/'tools'))
import road

def numbers(rng, shape, low=-2., high=2.):
    "A float64 tensor with no number near 0 and no two near each other's value on purpose, often not contiguous"
    g = torch.Generator().manual_seed(rng.randrange(2**31))
    def draw(*shape): return torch.rand(shape, dtype=torch.float64, generator=g)*(high-low) + low
    kind = rng.choice(['plain','transposed','strided']) if shape else 'plain'
    if kind=='transposed': t = draw(*shape[::-1]).permute(*range(len(shape))[::-1])
    elif kind=='strided': t = draw(*shape[:-1], 2*shape[-1])[...,::2]
    else: t = draw(*shape)
    return t + t.sign()*0.05

def a_shape(rng, least=0, most=3): return tuple(rng.choice([0,1,1,2,2,3,3,4]) for _ in range(rng.randint(least, most)))

def two_shapes(rng):
    "Two shapes that broadcast"
    full = a_shape(rng)
    return [tuple(1 if rng.random()<.3 else n for n in full[rng.choice([0,0,rng.randint(0,len(full))]):]) for _ in range(2)]

def one(f, low=-2., high=2.): return lambda rng: (f, f, [numbers(rng, a_shape(rng), low, high)])
def two(f, low=-2., high=2.): return lambda rng: (f, f, [numbers(rng, o, low, high) for o in two_shapes(rng)])

def one_number(f, *values, low=-2., high=2.):
    def draw(rng):
        v = rng.choice(values)
        return (lambda t: f(t, v)), (lambda t: f(t, v)), [numbers(rng, a_shape(rng), low, high)]
    return draw

def power(rng):
    if rng.random()<.5: return two(lambda a,b: a**b, low=.3)(rng)
    n = rng.choice([0,1,2,3,-1,-2,0.,2.,.5,-.5,2.5])
    return one(lambda t: t**n, low=-2. if n==int(n) else .3)(rng)

def selection(f, theirs=None):
    return lambda rng: (f, theirs or f, two(f)(rng)[2])

def clamp(rng):
    low,high = sorted([rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5)])
    kw = rng.choice([{'min': low}, {'max': high}, {'min': low, 'max': high}, {'min': high, 'max': low}])
    if rng.random()<.5: return one(lambda t: t.clamp(**kw))(rng)
    shape = a_shape(rng)
    if rng.random()<.4: return two(rng.choice([lambda a,b: a.clamp(b), lambda a,b: a.clamp(max=b)]))(rng)
    f = rng.choice([lambda a,b,c: a.clamp(b, c), lambda a,b,c: a.clamp(min=b, max=c)])
    return f, f, [numbers(rng, o) for o in (shape, rng.choice([shape, ()]), rng.choice([shape, shape[1:]]))]

def softmax(name):
    def draw(rng):
        shape = a_shape(rng, least=1)
        dim = rng.randrange(-len(shape), len(shape))
        return one_of(rng, shape, lambda t: getattr(t, name)(dim))
    return draw

def cross_entropy(rng):
    n,c = rng.randint(1,4),rng.randint(1,4)
    targ = torch.tensor([rng.randrange(c) for _ in range(n)])
    kw = rng.choice([{}, {}, {'reduction': rng.choice(['mean','sum','none'])}, {'label_smoothing': rng.choice([0.,.1,1.])}])
    if kw and rng.random()<.5: kw |= {'reduction': rng.choice(['mean','sum','none']), 'label_smoothing': rng.random()}
    return (lambda t: t.cross_entropy(targ, **kw)), (lambda t: F.cross_entropy(t, targ, **kw)), [numbers(rng, (n,c))]

def variance(name):
    "Along dimensions with at least two numbers, without ties, so that no standard deviation is 0"
    def draw(rng):
        shape = tuple(max(n, 2) for n in a_shape(rng, least=1))
        dim = rng.choice([None, rng.randrange(-len(shape), len(shape)), tuple(range(len(shape)))])
        kw = {'dim': dim, 'correction': rng.choice([0, 1, .5, 1.3]), 'keepdim': rng.random()<.5}
        return one_of(rng, shape, lambda t: getattr(t, name)(**kw))
    return draw

def same_size(rng):
    shape = a_shape(rng, least=1)
    d = rng.randrange(len(shape)+1)
    ones = [i for i,n in enumerate(shape) if n==1]
    fs = {'flatten': [lambda t: t.flatten(), lambda t: t.flatten(start_dim=len(shape)-1), lambda t: t.flatten(0, -1)],
          'squeeze': [lambda t: t.squeeze()] + ([lambda t: t.squeeze(ones[0]), lambda t: t.squeeze(-1)] if ones else []),
          'unsqueeze': [lambda t: t.unsqueeze(d), lambda t: t.unsqueeze(-1)]}
    return shape,fs

def sized(name):
    def draw(rng):
        shape,fs = same_size(rng)
        return one_of(rng, shape, *fs[name])
    return draw

def view(rng):
    shape = a_shape(rng, least=1)
    new = rng.choice([(math.prod(shape),), (1,*shape), (*shape,1), shape])
    f = (lambda t: t.view(new)) if rng.random()<.5 else (lambda t: t.view(*new))
    return f, f, [numbers(rng, shape).contiguous()]

def where(rng):
    shapes = two_shapes(rng)
    cond = torch.rand(torch.broadcast_shapes(*shapes))<.5
    if rng.random()<.2:
        return (lambda a: a.where(cond, 3.)), (lambda a: a.where(cond, torch.tensor(3., dtype=a.dtype))), [numbers(rng, cond.shape)]
    return (lambda a,b: a.where(Tensor(cond), b)), (lambda a,b: torch.where(cond, a, b)), [numbers(rng, o) for o in shapes]

def reduction(ours, theirs=None, empty=True):
    theirs = theirs or ours
    def draw(rng):
        shape = a_shape(rng) if empty else tuple(max(n,1) for n in a_shape(rng))
        dims = rng.sample(range(len(shape)), rng.randint(1, len(shape))) if shape else []
        dims = tuple(d-len(shape) if rng.random()<.5 else d for d in dims)
        dim = rng.choice([None, dims, dims[0]]) if dims else None
        kw = {'dim': dim, 'keepdim': rng.random()<.5} if dim is not None else {}
        return (lambda t: ours(t, **kw)), (lambda t: theirs(t, **kw)), [numbers(rng, shape)]
    return draw

def reshape(rng):
    shape = a_shape(rng)
    new = rng.choice([(math.prod(shape),), (1,*shape), (*shape,1), shape[::-1]] + [(-1,)]*(0 not in shape))
    f = (lambda t: t.reshape(new)) if rng.random()<.5 else (lambda t: t.reshape(*new))
    return (f, f, [numbers(rng, shape)]) if new else ((lambda t: t.reshape(())),)*2 + ([numbers(rng, shape)],)

def expand(rng):
    full = a_shape(rng, least=1)
    shape = tuple(1 if rng.random()<.5 else n for n in full[rng.randint(0, len(full)):])
    return one_of(rng, shape, lambda t: t.expand(*full), lambda t: t.expand(full))

def one_of(rng, shape, *fs):
    f = rng.choice(fs)
    return f, f, [numbers(rng, shape)]

def permute(rng):
    shape = a_shape(rng, least=1)
    dims = [d-len(shape) if rng.random()<.3 else d for d in rng.sample(range(len(shape)), len(shape))]
    return one_of(rng, shape, lambda t: t.permute(*dims), lambda t: t.permute(dims), lambda t: t.T if len(shape)==2 else t.permute(*dims))

def transpose(rng):
    shape = a_shape(rng, least=1)
    a,b = rng.randrange(-len(shape), len(shape)),rng.randrange(-len(shape), len(shape))
    return one_of(rng, shape, lambda t: t.transpose(a, b))

def index_for(rng, n):
    "Something to index a dimension of size `n` with"
    kinds = [lambda: slice(*sorted(rng.randint(0, n) for _ in range(2))), lambda: slice(None, None, 2), lambda: torch.rand(n)<.5]
    if n:
        kinds += [lambda: rng.randrange(-n, n), lambda: torch.tensor([rng.randrange(-n, n) for _ in range(3)]),
                  lambda: [rng.randrange(n) for _ in range(3)]]
    return rng.choice(kinds)()

def getitem(rng):
    shape = a_shape(rng, least=1)
    if rng.random()<.2:
        mask = torch.rand(shape)<.5
        return (lambda t: t[Tensor(mask)]), (lambda t: t[mask]), [numbers(rng, shape)]
    index = [index_for(rng, n) for n in shape[:rng.randint(1, len(shape))]]
    many = [o for o in index if isinstance(o, (list, torch.Tensor))]
    if len(many)>1: index = [slice(None) if isinstance(o, (list, torch.Tensor)) and o is not many[0] else o for o in index]
    if rng.random()<.2: index.insert(rng.randint(0, len(index)), None)
    if rng.random()<.2: index.append(...)
    index = index[0] if len(index)==1 else tuple(index)
    return one_of(rng, shape, lambda t: t[index])

def joined(rng):
    shape,dim = a_shape(rng, least=1),0
    dim = rng.randrange(-len(shape), len(shape))
    ts = [numbers(rng, tuple(rng.choice([0,1,2]) if d==dim%len(shape) else n for d,n in enumerate(shape))) for _ in range(rng.randint(1,3))]
    return (lambda *ts: cat(ts, dim)), (lambda *ts: torch.cat(ts, dim)), ts

def matmul(rng, f=lambda a,b: a@b):
    n,k,m = (rng.choice([0,1,2,3]) for _ in range(3))
    batches = [o[-2:] for o in two_shapes(rng)]
    a = (k,) if rng.random()<.2 else (*(batches[0] if rng.random()<.6 else ()), n, k)
    b = (k,) if rng.random()<.2 else (*(batches[1] if rng.random()<.6 else ()), k, m)
    return f, f, [numbers(rng, a), numbers(rng, b)]

def with_constant(f):
    "An operation with a plain tensor on the left"
    def draw(rng):
        left,right = two_shapes(rng)
        c = numbers(rng, left, .3)
        return (lambda t: f(c, t)), (lambda t: f(c, t)), [numbers(rng, right, .3)]
    return draw

def constant_product(rng):
    n,k,m = (rng.choice([0,1,2,3]) for _ in range(3))
    c = numbers(rng, (n,k))
    return one_of(rng, (k,m), lambda t: c@t)

TABLE = {
    '__add__': two(lambda a,b: a+b), '__sub__': two(lambda a,b: a-b), '__mul__': two(lambda a,b: a*b),
    '__truediv__': two(lambda a,b: a/b, low=.3),
    '__neg__': one(lambda t: -t), '__pow__': power, '__matmul__': matmul,
    '__radd__': one_number(lambda t,v: v+t, 2, .5), '__rmul__': one_number(lambda t,v: v*t, 2, .5),
    '__rsub__': one_number(lambda t,v: v-t, 2, .5),
    '__rtruediv__': one_number(lambda t,v: v/t, 2, .5, low=.3), '__rpow__': one_number(lambda t,v: v**t, 2, .5, 0, low=.3),
    'add': two(lambda a,b: a.add(b)), 'sub': two(lambda a,b: a.sub(b)), 'mul': two(lambda a,b: a.mul(b)),
    'div': two(lambda a,b: a.div(b), low=.3),
    'neg': one(lambda t: t.neg()), 'pow': two(lambda a,b: a.pow(b), low=.3), 'matmul': lambda rng: matmul(rng, lambda a,b: a.matmul(b)),
    'relu': one(lambda t: t.relu()), 'exp': one(lambda t: t.exp()), 'log': one(lambda t: t.log(), low=.3),
    'sqrt': one(lambda t: t.sqrt(), low=.3),
    'tanh': one(lambda t: t.tanh()), 'sigmoid': one(lambda t: t.sigmoid()), 'abs': one(lambda t: t.abs()), 'sin': one(lambda t: t.sin()),
    'cos': one(lambda t: t.cos()),
    'double': one(lambda t: t.double()),
    'float': lambda rng: (lambda t: t.float().double()*t, lambda t: t.float().double()*t, [numbers(rng, a_shape(rng))], False),
    'maximum': selection(lambda a,b: a.maximum(b)), 'minimum': selection(lambda a,b: a.minimum(b)), 'where': where, 'clamp': clamp,
    'sum': reduction(lambda t,**kw: t.sum(**kw)), 'mean': reduction(lambda t,**kw: t.mean(**kw), empty=False),
    'max': reduction(lambda t,**kw: t.max(**kw), lambda t,**kw: t.amax(**kw), empty=False),
    'amax': reduction(lambda t,**kw: t.amax(**kw), empty=False),
    'min': reduction(lambda t,**kw: t.min(**kw), lambda t,**kw: t.amin(**kw), empty=False),
    'amin': reduction(lambda t,**kw: t.amin(**kw), empty=False),
    'var': variance('var'), 'std': variance('std'), 'softmax': softmax('softmax'), 'log_softmax': softmax('log_softmax'),
    'cross_entropy': cross_entropy,
    'reshape': reshape, 'view': view, 'flatten': sized('flatten'), 'squeeze': sized('squeeze'), 'unsqueeze': sized('unsqueeze'),
    'expand': expand, 'permute': permute, 'transpose': transpose, '__getitem__': getitem, '_cat': joined,
}
CONSTANT = {'+': lambda c,t: c+t, '-': lambda c,t: c-t, '*': lambda c,t: c*t, '/': lambda c,t: c/t, '**': lambda c,t: c**t}
MORE = {f'constant {k}': with_constant(f) for k,f in CONSTANT.items()} | {'constant @': constant_product}

def cases(name, n, draws=TABLE|MORE):
    rng = random.Random(zlib.crc32(name.encode()))
    torch.manual_seed(0)
    for _ in range(n): yield draws[name](rng)

def check(ours, theirs, inputs, differences=True):
    "An `AssertionError` unless value and gradients are those of PyTorch, and the gradients those of central differences"
    mine,copies = [Tensor(o, requires_grad=True) for o in inputs],[o.clone().requires_grad_() for o in inputs]
    got,want = ours(*mine),theirs(*copies)
    near(got.data, want, tol=1e-12)
    weights = torch.randn_like(want)
    got.backward(weights)
    want.backward(weights)
    for m,c in zip(mine, copies):
        assert m.grad.shape==c.grad.shape==c.shape and m.grad.dtype==torch.float64
        assert m.grad.numel()==0 or (m.grad-c.grad).abs().max()<=1e-10*max(1., c.grad.abs().max().item()), (m.grad, c.grad)
    if differences and sum(o.numel() for o in inputs)<=12: check_gradients(ours, *inputs)

def test_the_table_is_complete():
    "For the operations of this module; those that others add are tested there"
    assert set(TABLE)=={name for name,f in vars(Tensor).items() if hasattr(f, '__wrapped__') and f.__module__==engine.__name__}

@pytest.mark.parametrize('name', TABLE|MORE)
def test_operation(name):
    shapes = set()
    for case in cases(name, 200):
        check(*case)
        shapes |= {(o.ndim, 0 in o.shape, 1 in o.shape, o.is_contiguous()) for o in case[2]}
    if name not in ('mean','max','amax','min','amin','var','std','cross_entropy'): assert any(empty for _,empty,_,_ in shapes)
    if name not in ('var','std'): assert any(thin for _,_,thin,_ in shapes)
    if name!='view': assert any(not whole for *_,whole in shapes), shapes
    if name not in ('permute','transpose','__getitem__','_cat','__matmul__','matmul','constant @','var','std',
                    'softmax','log_softmax','cross_entropy','view','flatten','squeeze','unsqueeze'):
        assert any(ndim==0 for ndim,*_ in shapes)

BREAKS = {'a hundredth too large': lambda g: g*1.01, 'the wrong sign': lambda g: -g, 'forgotten': torch.zeros_like,
          'backwards': lambda g: g.flatten().flip(0).reshape(g.shape)}

def with_rule(monkeypatch, name, change):
    "Make the operation `name` call `change(i, backward_fn, g)` wherever it would call its backward function number `i`"
    rule = vars(Tensor)[name].__wrapped__
    @wraps(rule)
    def changed(*args, **kwargs):
        out,*backward_fns = rule(*args, **kwargs)
        return out,*(fn and (lambda g, i=i, fn=fn: change(i, fn, g)) for i,fn in enumerate(backward_fns))
    monkeypatch.setattr(Tensor, name, vars(Tensor)[name])  # so that it is put back
    operations(type('_Changed', (), {name: changed}))

ALIASES = 'add','sub','mul','div','neg','pow','matmul','amax','amin'  # second names of functions that are in the table

def test_aliases():
    assert len({id(vars(Tensor)[o]) for o in TABLE})==len(TABLE)-len(ALIASES)-2  # two more: __radd__ and __rmul__

@pytest.mark.parametrize('name', [o for o in TABLE if o not in ALIASES])
def test_broken_derivative_is_caught(name, monkeypatch):
    "Whichever of its backward functions is broken, in whichever way"
    called = set()
    def note(i, backward_fn, g):
        called.add(i)
        return backward_fn(g)
    with monkeypatch.context() as m:
        with_rule(m, name, note)
        for case in cases(name, 60): check(*case)
    assert called
    for n in called:
        for how,broken in BREAKS.items():
            with monkeypatch.context() as m:
                with_rule(m, name, lambda i, backward_fn, g: broken(backward_fn(g)) if i==n else backward_fn(g))
                try:
                    for case in cases(name, 60): check(*case)
                except AssertionError: continue
                pytest.fail(f'backward function {n} with a gradient that is {how}')
    for case in cases(name, 5): check(*case)

def test_equals_share_the_gradient_as_in_torch():
    rng = random.Random(0)
    for _ in range(200):
        t = torch.tensor([[rng.choice([1.,2.,3.]) for _ in range(4)] for _ in range(3)])
        u = torch.tensor([rng.choice([1.,2.,3.]) for _ in range(4)])
        for f,g in ((lambda a,b: a.max(dim=1), lambda a,b: a.amax(1)), (lambda a,b: a.max(dim=(0,1)), lambda a,b: a.amax((0,1))),
                    (lambda a,b: a.maximum(b), torch.maximum)):
            a,b,c,d = Tensor(t, requires_grad=True),Tensor(u, requires_grad=True),t.clone().requires_grad_(),u.clone().requires_grad_()
            f(a,b).sum().backward()
            g(c,d).sum().backward()
            near(a.grad, c.grad)
            if d.grad is not None: near(b.grad, d.grad)

def test_formulas_with_shared_parts():
    "Random programs, in which results are used again and again"
    rng = random.Random(1)
    steps = [lambda a,b: a+b, lambda a,b: a*b, lambda a,b: a-b*2, lambda a,b: (a*b).tanh(), lambda a,b: a.sigmoid(), lambda a,b: a.relu()+b,
             lambda a,b: a/(b*b+1), lambda a,b: a[:1]+b, lambda a,b: a.sum(0)*b]
    for _ in range(200):
        plan = [(rng.choice(steps), rng.randrange(i+2), rng.randrange(i+2)) for i in range(rng.randint(1,12))]
        def run(a, b):
            known = [a, b]
            for f,i,j in plan: known.append(f(known[i], known[j]))
            return sum(o.sum() for o in known)
        start = [torch.randn(2,3, dtype=torch.float64) for _ in range(2)]
        ours,theirs = [Tensor(o, requires_grad=True) for o in start],[o.clone().requires_grad_() for o in start]
        run(*ours).backward()
        run(*theirs).backward()
        for a,b in zip(ours, theirs): near(a.grad, b.grad, tol=1e-10)

def test_an_error_in_the_backward_pass_changes_nothing():
    a,b = Tensor([1.,2.], requires_grad=True),Tensor([3.,4.], requires_grad=True)
    a.grad = torch.ones(2)
    loss = (a*b).sum()
    b.data.mul_(2)
    with pytest.raises(RuntimeError, match='changed in place'): loss.backward()
    assert a.grad.tolist()==[1.,1.] and b.grad is None
    loss = (a*b).sum()
    loss.backward()
    assert a.grad.tolist()==[7.,9.]


# ---- values at which a gradient is not defined, or where a careless formula gives nan: as PyTorch, bit by bit

SPECIAL = [0., -0., 1., -1., 2., float('nan'), float('inf'), -float('inf')]

def same(a, b):
    "Whether `a` and `b` are equal, with nan where the other has nan"
    return a.shape==b.shape and torch.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True)

def special_check(f, *inputs, up=1.):
    mine,copies = [Tensor(o, requires_grad=True) for o in inputs],[o.clone().requires_grad_() for o in inputs]
    got,want = f(*mine),f(*copies)
    assert same(got.data, want.detach()), (got, want)
    got.backward(torch.full_like(got.data, up))
    want.backward(torch.full_like(want, up))
    for m,c in zip(mine, copies): assert same(m.grad, c.grad), (inputs, up, m.grad, c.grad)

@pytest.mark.parametrize('up', [1., 0., -2., float('inf'), float('nan')])
@pytest.mark.parametrize('name', ['relu','exp','log','sqrt','tanh','sigmoid','abs','neg','sin','cos'])
def test_special_values(name, up): special_check(lambda t: getattr(t, name)(), torch.tensor(SPECIAL, dtype=torch.float64), up=up)

@pytest.mark.parametrize('up', [1., 0., -2., float('inf'), float('nan')])
@pytest.mark.parametrize('name', ['add','sub','mul','div','pow','maximum','minimum'])
def test_special_pairs(name, up):
    a,b = (o.flatten() for o in torch.meshgrid(*[torch.tensor(SPECIAL, dtype=torch.float64)]*2, indexing='ij'))
    special_check(lambda a,b: getattr(a, name)(b), a, b, up=up)

@pytest.mark.parametrize('up', [1., float('inf')])
def test_special_triples(up):
    a,b,c = (o.flatten() for o in torch.meshgrid(*[torch.tensor(SPECIAL[:-1], dtype=torch.float64)]*3, indexing='ij'))
    special_check(lambda a,b,c: a.clamp(b, c), a, b, c, up=up)
    for low,high in ((0.,1.), (None,0.), (0.,None), (1.,-1.)): special_check(lambda a: a.clamp(low, high), a, up=up)
    special_check(lambda a,b: a.where(c>0, b), a, b, up=up)

@pytest.mark.parametrize('power', [-2, -1., 0, 0., .5, 1, 2, 3.])
def test_special_powers(power):
    for up in (1., float('inf')):
        special_check(lambda t: t**power, torch.tensor(SPECIAL, dtype=torch.float64), up=up)
        special_check(lambda t: power**t, torch.tensor(SPECIAL, dtype=torch.float64), up=up)

def test_zero_to_a_negative_power():
    special_check(lambda t: 0**t, torch.tensor([-1.,0.,2.]))
    special_check(lambda t: torch.tensor(0.)**t, torch.tensor([-1.,0.,2.]))

@pytest.mark.parametrize('up', [1., float('inf')])
def test_extremes_of_equals_and_nan(up):
    nan = float('nan')
    for values in ([0.,0.,-1.], [3.,1.,3.], [nan,2.,nan], [float('inf'),1.,2.]):
        for f in (lambda t: t.max(), lambda t: t.min(), lambda t: -t.max(), lambda t: t.std(), lambda t: t.var(), lambda t: t.mean(),
                  lambda t: t.sum()):
            special_check(f, torch.tensor(values, dtype=torch.float64), up=up)
    special_check(lambda t: t.std(), torch.ones(3), up=up)

def test_a_gradient_that_is_cut_off_stays_out():
    "Where an infinite gradient arrives at a number that was not chosen, it is not multiplied with 0"
    x = torch.tensor([-1., 0., 2.])
    for f in (lambda t: (1/t.relu()).sum(), lambda t: t.relu().sqrt().sum(), lambda t: t.maximum(torch.tensor(0.)).sqrt().sum(),
              lambda t: (t-2).max().log(), lambda t: t.max().sqrt(),
              lambda t: (t-2).clamp(0.).sqrt().sum(), lambda t: (t+1).min().log()): special_check(f, x)
    t,p = Tensor([-1.,0.,2.], requires_grad=True),x.clone().requires_grad_()
    t.maximum(torch.tensor(0.)).sqrt().sum().backward()
    p.maximum(torch.tensor(0.)).sqrt().sum().backward()
    assert same(t.grad, p.grad) and t.grad.isfinite().sum()==2

def test_quotients_of_small_numbers_do_not_overflow():
    a,b = torch.tensor(1e-200, dtype=torch.float64),torch.tensor(1e-200, dtype=torch.float64)
    special_check(lambda a,b: a/b, a, b)

# ---- edges of single operations

def test_corrections_of_a_variance():
    "As PyTorch's, fractions and none given, too; its older option has no place here"
    x = torch.tensor([[1.,2.,4.],[0.,3.,5.]], dtype=torch.float64)
    for c in (None, 0, .5, 1, 1.3, 1.9):
        special_check(lambda t: t.var(correction=c), x)
        special_check(lambda t: t.std(1, correction=c), x)
    for f in (Tensor.var, Tensor.std):
        with pytest.raises(TypeError, match='got dim=False, wanted dimensions; instead of unbiased=False'): f(Tensor(x), False)

def test_mean_of_a_single_number():
    for dim in (0, -1, None, ()): special_check(lambda t: t.mean(dim), torch.tensor(3.))
    special_check(lambda t: t.mean(0), torch.zeros(0,3))

@pytest.mark.parametrize('bound', [float('inf'), -float('inf'), float('nan'), 0.])
def test_bounds_of_any_size(bound):
    "A bound that everything lies beyond gets the gradient, an infinite one, too"
    x,b = torch.tensor([-1.,0.,2.,float('inf'),-float('inf')], dtype=torch.float64),torch.tensor(bound, dtype=torch.float64)
    for f in (lambda t, b: t.clamp(min=b), lambda t, b: t.clamp(max=b), lambda t, b: t.clamp(b, torch.tensor(1., dtype=torch.float64)),
              lambda t, b: t.clamp(torch.tensor(-1., dtype=torch.float64), b), lambda t, b: t.maximum(b), lambda t, b: t.minimum(b)):
        special_check(f, x, b)
    for kw in ({'min': bound}, {'max': bound}, {'min': bound, 'max': 1.}, {'min': 1., 'max': bound}):
        special_check(lambda t: t.clamp(**kw), x)

def test_cat_with_empty_tensors():
    for shapes,dim in ([[(0,),(2,3)],0], [[(0,),(2,3)],1], [[(2,3),(0,),(1,3)],-2], [[(0,3),(2,3)],0], [[(0,),(0,)],0]):
        inputs = [torch.randn(o) for o in shapes]
        mine,copies = [Tensor(o, requires_grad=True) for o in inputs],[o.clone().requires_grad_() for o in inputs]
        out,want = cat(mine, dim),torch.cat(copies, dim)
        weights = torch.randn(want.shape)
        (out*weights).sum().backward()
        (want*weights).sum().backward()
        for m,c in zip(mine, copies): assert torch.equal(m.grad, torch.zeros_like(c) if c.grad is None else c.grad)

def test_softmax_without_classes():
    for name in ('softmax','log_softmax'): special_check(lambda t: getattr(t, name)(-1), torch.zeros(3,0))
    assert Tensor(torch.zeros(0,3)).cross_entropy(torch.zeros(0, dtype=torch.int64)).data.isnan()

def test_targets_that_are_no_classes():
    x = Tensor(torch.zeros(2,3), requires_grad=True)
    for targ in ([0,-1], [0,3], [0,-100]):
        with pytest.raises(IndexError, match='out of bounds'): x.cross_entropy(torch.tensor(targ))
    with pytest.raises(TypeError, match='cross_entropy: got targets of dtype float32, wanted int64'): x.cross_entropy(torch.zeros(2))
    with pytest.raises(ValueError, match=r'cross_entropy: got targets of shape \(1,\), wanted \(n,\) with n=2'):
        x.cross_entropy(torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r'cross_entropy: got logits of shape \(3,\), wanted \(n,c\)'):
        x[0].cross_entropy(torch.zeros(1, dtype=torch.int64))
    right = torch.tensor([0,1])
    with pytest.raises(ValueError, match='got `reduction` average, wanted one of mean, sum, none'): x.cross_entropy(right, 'average')
    for s in (-.1, 1.1, float('nan')):
        with pytest.raises(ValueError, match='cross_entropy: got label_smoothing='): x.cross_entropy(right, label_smoothing=s)
    for kw in ({'weight': torch.ones(3)}, {'ignore_index': 0}):
        with pytest.raises(TypeError, match='unexpected keyword argument'): x.cross_entropy(right, **kw)

def test_far_logits():
    x = torch.tensor([[1e4,0.,-1e4],[-1e4,1e4,1e4],[-float('inf'),0.,1.]], dtype=torch.float64)
    for name in ('softmax','log_softmax'): special_check(lambda t: getattr(t, name)(-1)[:,1:], x)

def test_integers_have_no_softmax():
    t = Tensor([[1,2],[3,4]])
    for f in (t.softmax, t.log_softmax, lambda: t.cross_entropy(torch.tensor([0,1]))):
        with pytest.raises(TypeError, match='got logits of dtype int64, wanted float'): f()

def test_reflected_operations_called_by_name():
    x,y = torch.tensor([1.,2.]),torch.tensor([3.,5.])
    for name in ('__rsub__','__rtruediv__','__rpow__','__radd__','__rmul__'): special_check(lambda a,b: getattr(a, name)(b), x, y)
    a,b = Tensor(x, requires_grad=True),Tensor(y, requires_grad=True)
    a.__rmatmul__(b).backward()  # is b@a
    assert torch.equal(a.grad, y) and torch.equal(b.grad, x)

def test_a_number_is_no_matrix():
    t = Tensor([[1.,2.]], requires_grad=True)
    for f in (lambda: t@2, lambda: 2@t, lambda: t@Tensor(2.), lambda: Tensor(2.)@t):
        with pytest.raises((TypeError, RuntimeError), match='matmul|@'): f()

def test_arguments_by_name():
    "A Tensor passed by name gets its gradient, too"
    a,b = Tensor([1.,5.], requires_grad=True),Tensor([3.,4.], requires_grad=True)
    (a.maximum(b=b) + a.where(cond=torch.tensor([True,False]), b=b)).sum().backward()
    assert a.grad.tolist()==[1.,1.] and b.grad.tolist()==[1.,1.]
    with pytest.raises(TypeError, match='unexpected keyword'): a.sum(axis=0)

def test_conversions():
    t = Tensor([[1.5,2.5]], requires_grad=True)
    assert float(t.sum())==4. and t.tolist()==[[1.5,2.5]] and t.numel()==2 and len(t)==1
    with pytest.raises(RuntimeError, match=r'call detach\(\) first'): t.numpy()
    with pytest.raises(RuntimeError, match=r'call detach\(\) first'): np.asarray(t)
    shared = t.detach().numpy()
    shared[0,0] = 7
    assert t.data[0,0]==7 and np.asarray(Tensor([1.,2.])).tolist()==[1.,2.]
    assert t.T.shape==(2,1) and t.mT.shape==(2,1) and Tensor(torch.zeros(4,3,2)).mT.shape==(4,2,3)
    half = Tensor(torch.ones(2, dtype=torch.float64), requires_grad=True)
    half.float().sum().backward()
    assert half.grad.dtype==torch.float64 and half.float().dtype==torch.float32
    with pytest.raises(RuntimeError, match='view'): Tensor(torch.zeros(2,3)).T.view(6)

def test_integers_without_gradients():
    t = Tensor([1,5])
    assert t.clamp(max=3).tolist()==[1,3] and t.clamp(2).tolist()==[2,5] and (t*2).tolist()==[2,10]
    assert t.maximum(torch.tensor(1.5)).tolist()==[1.5,5.]
    assert t.relu().dtype==torch.int64 and (2**t).tolist()==[2,32] and t.max().item()==5 and t.sum().dtype==torch.int64

@pytest.mark.parametrize('f', [lambda t, o: t.maximum(o), lambda t, o: t.minimum(o), lambda t, o: t.maximum(b=o), lambda t, o: t.matmul(o),
    lambda t, o: t@o, lambda t, o: o@t, lambda t, o: t.where(o, t), lambda t, o: t.where(t.data>0, o)],
    ids='maximum minimum maximum-named matmul @ r@ where-cond where-b'.split())
@pytest.mark.parametrize('other', [np.ones((2,2)), [[1.,2.]]*2, 'text', None], ids='array list text None'.split())
def test_where_pytorch_takes_tensors_only(f, other):
    t = Tensor(torch.eye(2), requires_grad=True)
    with pytest.raises(TypeError, match='(maximum|minimum|matmul|where): got .*, wanted '): f(t, other)

@pytest.mark.parametrize('f', [
    lambda t: t+torch.ones(5), lambda t: t*10**20, lambda t: t.sum(9), lambda t: t.var('a'), lambda t: t.max(None),
    lambda t: t.min(dim=None), lambda t: t.view(7), lambda t: t.expand(5,5), lambda t: t[{'a': 1}], lambda t: t[9],
    lambda t: t@torch.ones(5), lambda t: cat([t, 3]), lambda t: t.sum().backward([1.]), lambda t: t.sum().backward(np.ones(())),
    lambda t: t.sum().backward(torch.tensor(1j)), lambda t: engine.unbroadcast(t.data, [1]), lambda t: check_gradients(3, t.data),
    lambda t: check_gradients(abs, t.data, h='a')])
def test_errors_say_what_was_got(f):
    t = Tensor(torch.eye(2), requires_grad=True)
    with pytest.raises((TypeError, ValueError, RuntimeError, IndexError), match='got .*wanted '): f(t)

def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match='mul: got a result of torch.complex64, wanted real floats'): Tensor(1., requires_grad=True)*1j
    with pytest.raises(TypeError, match='of dtype complex64, wanted float'): Tensor([1j], requires_grad=True)

def test_gradients_of_pytorch_do_not_mix_with_ours():
    with pytest.raises(RuntimeError, match='mul: got a tensor of PyTorch that requires a gradient'):
        Tensor([1.,2.])*torch.ones(2, requires_grad=True)
    p = torch.ones(2, requires_grad=True)
    t = Tensor(p, requires_grad=True)
    (t*p.detach()).sum().backward()
    assert t.grad.tolist()==[1.,1.] and p.grad is None

def test_start_gradient_of_another_type():
    t = Tensor([1.,2.,3.], requires_grad=True)
    t[:2].backward(torch.ones(2, dtype=torch.float64))
    assert t.grad.tolist()==[1.,1.,0.] and t.grad.dtype==torch.float32

def test_comparisons_and_truth():
    b,p = Tensor([0.,1.,2.], requires_grad=True),torch.tensor([0.,1.,2.])
    for other in (1., p, Tensor(p)):
        plain = other.data if isinstance(other, Tensor) else other
        for got,want in ((b==other, p==plain), (b!=other, p!=plain), (b>other, p>plain), (b>=other, p>=plain), (b<other, p<plain),
                         (b<=other, p<=plain)):
            assert isinstance(got, torch.Tensor) and torch.equal(got, want)
    assert Tensor(1.) and not Tensor(0.) and len({b, b, Tensor(0.)})==2

def test_constants_of_any_kind_on_either_side():
    w,ones = Tensor([1.,2.], requires_grad=True),np.ones(2, dtype='float32')
    for f in (lambda t: torch.ones(2)*t, lambda t: t*torch.ones(2), lambda t: torch.ones(2)/t, lambda t: 1-t, lambda t: torch.ones(2)-t,
              lambda t: torch.ones(2)+t, lambda t: 1/t, lambda t: t/2, lambda t: ones*t):
        assert isinstance(f(w), Tensor) and f(w).requires_grad and f(w).dtype==torch.float32, f(w)
    (w*torch.ones(3,2).double()).sum().backward()
    assert w.grad.dtype==torch.float32 and w.grad.tolist()==[3.,3.]
    shared = torch.ones(2)
    assert Tensor(shared).data.data_ptr()==shared.data_ptr()

def test_gradients_of_two_leaves_share_no_memory():
    p,q = Tensor(torch.ones(2), requires_grad=True),Tensor(torch.ones(2), requires_grad=True)
    (p+q).sum().backward()
    p.grad.add_(1)
    assert q.grad.tolist()==[1.,1.]

# ---- in place changes and recording

def refused(y):
    with pytest.raises(RuntimeError, match='was changed in place'): y.backward()

def test_a_result_changed_in_place_is_noticed():
    b = Tensor([1.,2.], requires_grad=True).exp()
    b.data.add_(1)
    with pytest.raises(RuntimeError, match='an input or the result of exp that was changed in place'): b.sum().backward()
    for change in (lambda a,b: b.data.add_(1), lambda a,b: a.data.view(-1)[:1].add_(1)):
        a = Tensor([1.,2.], requires_grad=True)
        b = a.exp()
        c = b.sum()
        change(a, b)
        refused(c)

def test_a_constant_or_an_index_changed_in_place_is_noticed():
    v = Tensor([1.,2.], requires_grad=True)
    for make in (lambda c, i: (c/v).sum(), lambda c, i: (c**v).sum(), lambda c, i: (c-v).exp().sum(), lambda c, i: (c@v).exp(),
                 lambda c, i: v.where(i>0, c).exp().sum(), lambda c, i: v.where(cond=i>0, b=c).sum()):
        c,i = torch.ones(2),torch.tensor([0,0])
        y = make(c, i)
        c += 1
        refused(y)
    for index in (torch.tensor([0,0]), (torch.tensor([0,0]),), Tensor(torch.tensor([0,0]))):
        y = v[index].sum()
        plain = index[0] if isinstance(index, tuple) else index
        if isinstance(plain, Tensor): plain = plain.data  # that of a plain tensor would hide the change
        plain.add_(1)
        refused(y)

def test_a_list_or_an_array_is_copied():
    v,index = Tensor([1.,2.], requires_grad=True),[0,0]
    y = v[index].sum()
    index[:] = [1,1]
    y.backward()
    assert v.grad.tolist()==[2.,0.]
    v.grad,array = None,np.ones(2, dtype='float32')
    y = (v*array).sum()
    array += 1
    y.backward()
    assert v.grad.tolist()==[1.,1.]

def set_first(t, u): t[0] = u

IN_PLACE = {  # and the plain tensor that each is for
    '+=': operator.iadd, '-=': operator.isub, '*=': operator.imul, '/=': operator.itruediv, '**=': operator.ipow,
    'item': lambda t, u: set_first(t, u[0]), 'add_': lambda t, u: t.add_(u), 'alpha': lambda t, u: t.add_(u, alpha=-.5),
    'by name': lambda t, u: t.sub_(other=u), 'mul_': lambda t, u: t.mul_(u), 'div_': lambda t, u: t.div_(u),
    'pow_': lambda t, u: t.pow_(u), 'fill_': lambda t, u: t.fill_(u[0]), 'zero_': lambda t, u: t.zero_(), 'copy_': lambda t, u: t.copy_(u),
    'clamp_': lambda t, u: t.clamp_(u)}

@pytest.mark.parametrize('change', IN_PLACE.values(), ids=IN_PLACE)
def test_changes_in_place(change):
    "As those of plain tensors inside no_grad, for everybody who holds the Tensor; and the version is counted"
    start,u = torch.tensor([1.,2.]),torch.tensor([3.,.5])
    want = start.clone()
    change(want, u)
    for other in (u, Tensor(u), Tensor(u, requires_grad=True)):
        w = held = Tensor(start.clone(), requires_grad=True)
        memory,loss,result = w.data,(w*w).sum(),w*1
        with no_grad():
            change(w, other)
            change(result, other)
        assert w is held and w.data is memory and torch.equal(memory, want) and torch.equal(result.data, want) and w.requires_grad
        refused(loss)
        refused(result.sum())
    constant = Tensor(start.clone())
    change(constant, u)  # nothing to record
    assert torch.equal(constant.data, want)

@pytest.mark.parametrize('change', IN_PLACE.values(), ids=IN_PLACE)
def test_changes_in_place_are_refused_where_they_would_be_recorded(change):
    "And then nothing has changed: for leaves, results, and constants that would get a gradient from what is added"
    u = Tensor([3.,.5], requires_grad=True)
    for t in (Tensor([1.,2.], requires_grad=True), Tensor([1.,2.], requires_grad=True)*1):
        with pytest.raises(RuntimeError, match=r'got a Tensor with a gradient to record, wanted no_grad\(\), or a new Tensor'): change(t, u)
        assert t.tolist()==[1.,2.]
    if change not in (IN_PLACE['zero_'],):
        with pytest.raises(RuntimeError, match='got a Tensor with a gradient'): change(Tensor([1.,2.]), u)

def test_changes_in_place_that_cannot_be():
    p,q = Tensor([1.,2.]),torch.ones(2, requires_grad=True)
    for t in (p, Tensor(1)):
        with pytest.raises(TypeError, match='wanted t = t@u'): t @= p
    with no_grad(), pytest.raises(RuntimeError, match='add_: got a tensor of PyTorch that requires a gradient'): p += q
    with pytest.raises(RuntimeError): p += torch.ones(3,2)  # would need another shape
    with pytest.raises((RuntimeError, TypeError)): p += [1.,2.]
    whole = Tensor([1,2])
    with pytest.raises(RuntimeError): whole += 0.5  # would need another type
    assert p.tolist()==[1.,2.] and whole.tolist()==[1,2] and not p.data.requires_grad

def test_gradient_descent_in_place_is_that_of_pytorch():
    x,start = torch.randn(8,3, dtype=torch.float64),torch.randn(3, dtype=torch.float64)
    ours,theirs = Tensor(start.clone(), requires_grad=True),start.clone().requires_grad_()
    for p,off in ((ours, no_grad), (theirs, torch.no_grad)):
        for _ in range(20):
            ((p*x).tanh()**2).mean().backward()
            with off(): p -= 0.3*p.grad
            p.grad = None
    near(ours.data, theirs, tol=1e-12)
    assert (ours.data-start).abs().max()>0.1

def test_recording_is_turned_off_and_on_again():
    w = Tensor([1.,2.], requires_grad=True)
    with no_grad(): y = w*w
    assert (y.requires_grad, y.inputs, (w*w).requires_grad)==(False, (), True)
    @no_grad()
    def quiet(t): return t*2
    assert not quiet(w).requires_grad and (w*2).requires_grad
    with pytest.raises(KeyError), no_grad(): raise KeyError
    assert (w*2).requires_grad

def test_picture_of_the_graph():
    x,w1,b1 = torch.ones(256,784),Tensor(torch.zeros(784,50), requires_grad=True),Tensor(torch.zeros(50), requires_grad=True)
    loss = (((x@w1 + b1).relu() - 1)**2).mean()
    picture = loss.graph(x=x, w1=w1)
    svg = picture._repr_svg_()
    assert '256×784' in svg and '784×50' in svg and '>w1<' in svg
    assert repr((w1.sum()*2).graph(w=w1))=='w -> sum  784×50\nsum -> ×  ()\n2 -> ×'
    assert repr(w1.clamp(min=0.).sum().graph(w=w1))=='w -> clamp  784×50\n0 -> clamp\nclamp -> sum  784×50'
    loss.backward()
    with pytest.raises(RuntimeError, match='got a graph that a backward pass has freed'): loss.graph()

# ---- the check by central differences itself

@pytest.mark.parametrize('size', [1., 1e-3, 2e-7, 1e-8])
def test_a_forgotten_gradient_of_any_size_is_caught(size, monkeypatch):
    def forgetful(a, b): return a+size*b, lambda g: g, lambda g: 0*g
    monkeypatch.setattr(Tensor, 'forgetful', None, raising=False)
    operations(type('_Forgetful', (), {'forgetful': forgetful}))
    x = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError, match='input 1'): check_gradients(Tensor.forgetful, x*0.1, x)
    def beside_a_gradient_of_1(t): return cat([t[:1]+0.1, Tensor([0.1]).double().forgetful(t[1:2])])
    with pytest.raises(AssertionError, match='input 0'): check_gradients(beside_a_gradient_of_1, x)

def test_central_differences_pass_what_is_right():
    "Large and small functions, gradients of exactly 0, third derivatives where the gradient is 0"
    x = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for f in (lambda t: t*1e6, lambda t: t*1e-12, lambda t: t-t, lambda t: t**0, lambda t: (t*3).sigmoid().sum(),
              lambda t: t.softmax(-1).sum(), lambda t: t*t*1e4-t, lambda t: (t+10).exp().log(),
              lambda t: t.sin()*100): check_gradients(f, x)
    check_gradients(lambda t: t**3, torch.zeros(2, dtype=torch.float64))
    with pytest.raises(TypeError, match='wanted float64'): check_gradients(Tensor.exp, torch.randn(2))

def test_module_is_short():
    assert len(Path(engine.__file__).read_text(encoding='utf-8').splitlines())<450

# ---- the naked class of the lesson

def lesson():
    "The class `BasicTensor` as the page leaves it, and its text"
    text = [road.source(c) for c in road.cells('03b_engine') if road.source(c).startswith('class BasicTensor')][-1]
    space = {'itertools': itertools, 'torch': torch}
    exec(text, space)
    return space['BasicTensor'],text

def test_the_lesson_is_short():
    lines = [o.strip() for o in lesson()[1].splitlines()]
    assert sum(bool(o) and o[0]!='"' for o in lines)==35

def test_the_lesson_and_the_library_give_the_same_gradients():
    "Random programs, in which results are used again and again, and broadcast"
    rng,BasicTensor = random.Random(2),lesson()[0]
    torch.manual_seed(2)
    steps = [lambda a,b: a+b, lambda a,b: a*b, lambda a,b: a-b*2, lambda a,b: a.relu()+b, lambda a,b: (a*0.1).exp()*b,
             lambda a,b: (a*a+1).log()-b, lambda a,b: a+one_row(b), lambda a,b: a*one_row(b)]
    def one_row(t): return t.sum(0, keepdim=True) if isinstance(t, Tensor) else t.sum(0)
    for _ in range(200):
        plan = [(rng.choice(steps), rng.randrange(i+2), rng.randrange(i+2)) for i in range(rng.randint(1,8))]
        def run(x, w1, w2, b):
            known = [x@w1 + b, x@w2]
            for f,i,j in plan: known.append(f(known[i], known[j])*0.5)
            return sum((o.sum() for o in known[3:]), known[0].sum() + known[1].sum() + known[2].sum())
        start = [torch.randn(o, dtype=torch.float64) for o in ((5,4), (4,3), (4,3), (3,))]
        ours,theirs = [BasicTensor(o) for o in start],[Tensor(o, requires_grad=True) for o in start]
        got,want = run(*ours),run(*theirs)
        near(got.data.squeeze(), want.data, tol=1e-10)
        got.backward()
        want.backward()
        for a,b in zip(ours, theirs):
            assert a.grad.shape==b.grad.shape
            near(a.grad, b.grad, tol=1e-10)
