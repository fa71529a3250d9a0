"""Every operation of our Tensor against PyTorch and against central differences on drawn cases, and each of its derivatives broken on purpose.

The table has one entry for each operation: a function that draws a case from a random number generator. A case is what to do with our
Tensors, the same for PyTorch's (often the same function), and the float64 tensors to do it with.
"""
import inspect, math, random, zlib
import pytest, torch
from fastfound import autograd
from fastfound.autograd import Tensor, cat, check_gradients, operations
from fastfound.matmul import test_near as near

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

def where(rng):
    shapes = two_shapes(rng)
    cond = torch.rand(torch.broadcast_shapes(*shapes))<.5
    if rng.random()<.2: return (lambda a: a.where(cond, 3.)), (lambda a: a.where(cond, torch.tensor(3., dtype=a.dtype))), [numbers(rng, cond.shape)]
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
    if n: kinds += [lambda: rng.randrange(-n, n), lambda: torch.tensor([rng.randrange(-n, n) for _ in range(3)]), lambda: [rng.randrange(n) for _ in range(3)]]
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

def matmul(rng):
    n,k,m = (rng.choice([0,1,2,3]) for _ in range(3))
    batches = [o[-2:] for o in two_shapes(rng)]
    a = (k,) if rng.random()<.2 else (*(batches[0] if rng.random()<.6 else ()), n, k)
    b = (k,) if rng.random()<.2 else (*(batches[1] if rng.random()<.6 else ()), k, m)
    f = lambda a,b: a@b
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
    '__add__': two(lambda a,b: a+b), '__sub__': two(lambda a,b: a-b), '__mul__': two(lambda a,b: a*b), '__truediv__': two(lambda a,b: a/b, low=.3),
    '__neg__': one(lambda t: -t), '__pow__': power, '__matmul__': matmul,
    '__radd__': one_number(lambda t,v: v+t, 2, .5), '__rmul__': one_number(lambda t,v: v*t, 2, .5), '__rsub__': one_number(lambda t,v: v-t, 2, .5),
    '__rtruediv__': one_number(lambda t,v: v/t, 2, .5, low=.3), '__rpow__': one_number(lambda t,v: v**t, 2, .5, 0, low=.3),
    'relu': one(lambda t: t.relu()), 'exp': one(lambda t: t.exp()), 'log': one(lambda t: t.log(), low=.3), 'sqrt': one(lambda t: t.sqrt(), low=.3),
    'tanh': one(lambda t: t.tanh()), 'sigmoid': one(lambda t: t.sigmoid()), 'abs': one(lambda t: t.abs()),
    'maximum': lambda rng: ((f := lambda a,b: a.maximum(b)), f, two(f)(rng)[2]), 'where': where,
    'sum': reduction(lambda t,**kw: t.sum(**kw)), 'mean': reduction(lambda t,**kw: t.mean(**kw), empty=False),
    'max': reduction(lambda t,**kw: t.max(**kw), lambda t,**kw: t.amax(**kw), empty=False),
    'reshape': reshape, 'expand': expand, 'permute': permute, 'transpose': transpose, '__getitem__': getitem, '_cat': joined,
}
MORE = {f'constant {k}': with_constant(f) for k,f in {'+': lambda c,t: c+t, '-': lambda c,t: c-t, '*': lambda c,t: c*t, '/': lambda c,t: c/t, '**': lambda c,t: c**t}.items()} | {'constant @': constant_product}

def cases(name, n, draws=TABLE|MORE):
    rng = random.Random(zlib.crc32(name.encode()))
    torch.manual_seed(0)
    for _ in range(n): yield draws[name](rng)

def check(ours, theirs, inputs):
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
    if sum(o.numel() for o in inputs)<=12: check_gradients(ours, *inputs)

def test_the_table_is_complete():
    assert set(TABLE)=={name for name,f in vars(Tensor).items() if hasattr(f, 'rule')}

@pytest.mark.parametrize('name', TABLE|MORE)
def test_operation(name):
    shapes = set()
    for case in cases(name, 200):
        check(*case)
        shapes |= {(o.ndim, 0 in o.shape, 1 in o.shape, o.is_contiguous()) for o in case[2]}
    if name not in ('mean','max'): assert any(empty for _,empty,_,_ in shapes)
    assert any(thin for _,_,thin,_ in shapes) and any(not whole for *_,whole in shapes), shapes
    if name not in ('permute','transpose','__getitem__','_cat','__matmul__','constant @'): assert any(ndim==0 for ndim,*_ in shapes)

BREAKS = {'a hundredth too large': lambda g: g*1.01, 'the wrong sign': lambda g: -g, 'forgotten': torch.zeros_like, 'backwards': lambda g: g.flatten().flip(0).reshape(g.shape)}

def with_rule(monkeypatch, name, change):
    "Make the operation `name` call `change(i, back, g)` wherever it would call its way back number `i`"
    rule = vars(Tensor)[name].rule
    def changed(*args, **kwargs):
        out,*backs = rule(*args, **kwargs)
        return out,*(back and (lambda g, i=i, back=back: change(i, back, g)) for i,back in enumerate(backs))
    changed.__name__ = name
    monkeypatch.setattr(Tensor, name, vars(Tensor)[name])  # so that it is put back
    operations(type('_Changed', (), {name: changed}))

@pytest.mark.parametrize('how', BREAKS)
@pytest.mark.parametrize('name', TABLE)
def test_broken_derivative_is_caught(name, how, monkeypatch):
    walked = set()
    def note(i, back, g):
        walked.add(i)
        return back(g)
    with monkeypatch.context() as m:
        with_rule(m, name, note)
        for case in cases(name, 60): check(*case)
    assert walked
    for way in walked:
        with monkeypatch.context() as m, pytest.raises(AssertionError):
            with_rule(m, name, lambda i, back, g: BREAKS[how](back(g)) if i==way else back(g))
            for case in cases(name, 60): check(*case)
    for case in cases(name, 5): check(*case)

def test_equals_share_the_gradient_as_in_torch():
    rng = random.Random(0)
    for _ in range(200):
        t,u = torch.tensor([[rng.choice([1.,2.,3.]) for _ in range(4)] for _ in range(3)]),torch.tensor([rng.choice([1.,2.,3.]) for _ in range(4)])
        for f,g in ((lambda a,b: a.max(dim=1), lambda a,b: a.amax(1)), (lambda a,b: a.max(dim=(0,1)), lambda a,b: a.amax((0,1))), (lambda a,b: a.maximum(b), torch.maximum)):
            a,b,c,d = Tensor(t, requires_grad=True),Tensor(u, requires_grad=True),t.clone().requires_grad_(),u.clone().requires_grad_()
            f(a,b).sum().backward()
            g(c,d).sum().backward()
            near(a.grad, c.grad)
            if d.grad is not None: near(b.grad, d.grad)

def test_formulas_with_shared_parts():
    "Random programs, in which results are used again and again"
    rng = random.Random(1)
    steps = [lambda a,b: a+b, lambda a,b: a*b, lambda a,b: a-b*2, lambda a,b: (a*b).tanh(), lambda a,b: a.sigmoid(), lambda a,b: a.relu()+b, lambda a,b: a/(b*b+1), lambda a,b: a[:1]+b, lambda a,b: a.sum(0)*b]
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

def test_an_error_on_the_way_back_changes_nothing():
    a,b = Tensor([1.,2.], requires_grad=True),Tensor([3.,4.], requires_grad=True)
    a.grad = torch.ones(2)
    loss = (a*b).sum()
    b.data.mul_(2)
    with pytest.raises(RuntimeError, match='changed in place'): loss.backward()
    assert a.grad.tolist()==[1.,1.] and b.grad is None
    loss = (a*b).sum()
    loss.backward()
    assert a.grad.tolist()==[7.,9.]

def test_short_enough_to_read():
    lines = [o for o in inspect.getsource(autograd).splitlines() if o.strip() and not o.startswith('# ')]
    assert len(lines)<=310, len(lines)
