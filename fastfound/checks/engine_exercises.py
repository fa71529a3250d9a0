"Page 3b: the exercises. Operations of the Tensor that comes from where the answer is defined, and the gradients that PyTorch finds."
# mypy: ignore-errors
import inspect
import torch
import torch.nn.functional as F
from .engine import upstream, whole
from .spec import check, exercise, randn

def tensor_of(f):
    "The class called Tensor where `f` is defined"
    found = getattr(inspect.unwrap(f), '__globals__', {}).get('Tensor')
    if not hasattr(found, 'backward_fns'): raise NameError('no class `Tensor` with backward functions is known where this is defined')
    return found

def plain(o): return getattr(o, 'data', o) if not isinstance(o, torch.Tensor) else o

def use_op(f, x, *args):
    "The result of an operation, and the gradient of `x` if that of the result is 2, 3, 4 and so on"
    leaf = tensor_of(f)(x.clone(), requires_grad=True)
    out = f(leaf, *args)
    result = plain(out)
    if isinstance(result, torch.Tensor) and result.shape==x.shape: out.backward(upstream(x.shape, x.dtype))
    return {'the result': result, 'the gradient': leaf.grad}

def by_autograd(formula):
    "The oracle of an operation by its formula, for PyTorch's tensors"
    def want(x, *args):
        given = x.detach().double().requires_grad_()
        with torch.enable_grad(): out = formula(given, *args)
        grad, = torch.autograd.grad(out, given, upstream(x.shape, torch.float64), allow_unused=True)
        return {'the result': out.detach().to(x.dtype), 'the gradient': grad.to(x.dtype)}
    return want

def operation(result, to_a):
    "A mistake: an operation with this result and this backward function"
    def told(x, *args): return {'the result': result(x, *args), 'the gradient': to_a(upstream(x.shape, x.dtype), x, *args)}
    return told

# 1: softplus

def logits():
    "Numbers of both signs, and some whose exponential overflows"
    yield whole(0.),
    yield whole(1., -2.),
    yield whole(1000., -1000.),
    for i,shape in enumerate([(3,), (2,3), (), (0,), (4,1)]): yield 3*randn(*shape, seed=i),
    yield 3*randn(2,2, seed=6, dtype=torch.float32),
    yield torch.tensor([200., -200., 30.]),

def sp(x): return torch.clamp(x, min=0) + (-x.abs()).exp().log1p()
def s(x): return 1/(1+(-x).exp())

check('03b.1', '03b', logits, use=use_op, names=('a',), near=1e-7, mistakes={
    'the formula overflows for large numbers; compute the result with `F.softplus`':
        operation(lambda x: (1+x.exp()).log(), lambda g, x: g*x.sigmoid()),
    'the gradient is passed on as it is; multiply it by the derivative, the sigmoid': operation(sp, lambda g, x: g),
    'the backward function leaves out the gradient of the result; multiply by it': operation(sp, lambda g, x: x.sigmoid()),
    'the derivative is that of a ReLU, 1 or 0; that of softplus is the sigmoid': operation(sp, lambda g, x: g*(x>0)),
    'the derivative is the sigmoid of the input; here it is that of the result': operation(sp, lambda g, x: g*sp(x).sigmoid()),
    'the derivative is exp(x)/(1+exp(x)), which is nan for large x; use `a.sigmoid()`':
        operation(sp, lambda g, x: g*(x.exp()/(1+x.exp())))})(by_autograd(lambda x: torch.logaddexp(x, torch.zeros_like(x))))

# 2: layer normalisation

def rows():
    yield whole([1.,2.,3.]),
    yield whole([1.,3.],[0.,10.]),
    yield whole([2.,2.,2.],[0.,1.,2.]),
    for i,shape in enumerate([(3,4), (1,5), (5,2), (2,8), (4,3)]): yield randn(*shape, seed=i)*(i+1)+i,
    yield randn(3,4, seed=9)*0.01,
    yield randn(3,4, seed=10, dtype=torch.float32),

def normed(x, dim=-1, correction=0, before=1e-5, after=0., shift=True, root=True):
    var = x.var(dim, keepdim=True, correction=correction) if dim is not None else x.var(correction=correction)
    scale = (var+before).sqrt() if root else var+before
    mean = x.mean(dim, keepdim=True) if dim is not None else x.mean()
    return (x-mean if shift else x)/(scale+after)

check('03b.2', '03b', rows, use=use_op, names=('t',), near=1e-6, without=('layer_norm', 'autograd'), mistakes={
    '`var` divides by n-1; the mean of the squared distances divides by n: `correction=0`': by_autograd(lambda x: normed(x, correction=1)),
    'the 10⁻⁵ is missing; without it a row of equal numbers divides 0 by 0': by_autograd(lambda x: normed(x, before=0.)),
    'the 10⁻⁵ is added to the root; it belongs to the variance, below the root': by_autograd(lambda x: normed(x, before=0., after=1e-5)),
    'mean and variance are those of the columns; here each *row* has its own, along dimension -1': by_autograd(lambda x: normed(x, 0)),
    'mean and variance are those of all numbers; here each row has its own, along dimension -1': by_autograd(lambda x: normed(x, None)),
    'the mean is not subtracted': by_autograd(lambda x: normed(x, shift=False)),
    'this divides by the variance; divide by its root': by_autograd(lambda x: normed(x, root=False))})(
    by_autograd(lambda x: F.layer_norm(x, x.shape[-1:])))

# 3: the gradient of an intermediate result

def middles():
    "A part before `t`, a part after it, and the numbers that go in"
    for first,rest,shape in (('x', '(t*t).sum()', (2,)), ('x*2', 't.sum()', (3,)), ('x*x', '(t*t).sum()', (2,3)),
                             ('x.exp()', 't.tanh().mean()', (4,)),
                             ('x@x', '(t*t*t).sum()', (2,2)), ('x+1', '(t*3).exp().sum()', (1,)), ('x*2', '(t*t + t).sum()', ())):
        yield first,rest,randn(*shape, seed=len(first))
    yield 'x*x','(t*t).sum()',randn(3, seed=5, dtype=torch.float32)

def use_gradient(f, first, rest, x):
    "The gradient of the result in the middle, and that of what it was computed from"
    leaf = tensor_of(f)(x.clone(), requires_grad=True)
    t = eval(first, {}, {'x': leaf})
    numbers = t.data.clone()
    grad = f(t, lambda t: eval(rest, {}, {'t': t}))
    return {'the gradient of t': plain(grad), 'the gradient of x': leaf.grad, 't has changed': not torch.equal(t.data, numbers)}

def gradients(of_t=lambda t, x: t, of_x=lambda t, x: x):
    def want(first, rest, x):
        given = x.detach().double().requires_grad_()
        with torch.enable_grad():
            t = eval(first, {}, {'x': given})*1
            t.retain_grad()
            eval(rest, {}, {'t': t}).backward()
        return {'the gradient of t': of_t(t.grad.to(x.dtype), given.grad.to(x.dtype)), 'the gradient of x': of_x(t.grad.to(x.dtype),
            given.grad.to(x.dtype)), 't has changed': False}
    return want

check('03b.3', '03b', middles, use=use_gradient, names=('t', 'rest(t)', 'x'), near=1e-9, mistakes={
    'the leaf that `rest` gets is cut off from the graph before it, so that what `t` was computed from gets no gradient; insert something '
    'and leave `t` in the graph': gradients(of_x=lambda t, x: None),
    'nothing comes back: return the gradient of the leaf that you inserted': gradients(of_t=lambda t, x: None),
    'this is the gradient of what `t` was computed from': gradients(of_t=lambda t, x: x)})(gradients())

# 4: running sums

def running():
    yield whole(1., 2., 3.),0
    yield whole([1.,2.],[3.,4.]),0
    yield whole([1.,2.],[3.,4.]),1
    for i,(shape,dim) in enumerate([((4,),0), ((4,),-1), ((2,3),0), ((2,3),-1), ((2,3,2),1), ((1,3),0), ((0,2),0), ((5,1),1)]):
        yield randn(*shape, seed=i),dim
    yield randn(3,2, seed=9, dtype=torch.float32),0

def cum(x, dim): return x.cumsum(dim)

check('03b.4', '03b', running, use=use_op, names=('a', 'dim'), near=1e-9, mistakes={
    'the gradient is summed from the front; an element is part of its own running sum and of all *later* ones, so sum from the other end':
        operation(cum, lambda g, x, dim: g.cumsum(dim)),
    'the gradient is passed on as it is; each element collects that of its own running sum and of all later ones':
        operation(cum, lambda g, x, dim: g),
    'the sums run from the other end, but their order is not turned back': operation(cum, lambda g, x, dim: g.flip(dim).cumsum(dim)),
    'the order is turned round, but after the sums: turn `g` round before them as well':
        operation(cum, lambda g, x, dim: g.cumsum(dim).flip(dim)),
    'each element gets the sum of all of `g` along the dimension; it is part of its own running sum and of later ones only':
        operation(cum, lambda g, x, dim: g.sum(dim, keepdim=True).expand(x.shape).clone()),
    '`dim` is not used in the backward function': operation(cum, lambda g, x, dim: g.flip(0).cumsum(0).flip(0))})(by_autograd(cum))

# 5: what would happen without `unbroadcast`

def use_shapes(answer):
    def text(o): return '×'.join(str(int(n)) for n in (getattr(o, 'shape', o) if not isinstance(o, (tuple, list)) else o))
    return dict(zip(('the shape of the gradient', 'the shape of the new bias'), map(text, answer), strict=True))

def shapes(gradient='256×50', bias='256×50'): return {'the shape of the gradient': gradient, 'the shape of the new bias': bias}

exercise('03b.5', use=use_shapes, mistakes={
    'this is what `unbroadcast` makes of it; without it, the backward function of a sum passes the gradient on as it arrives':
        lambda: shapes('50', '50'),
    'a bias of 50 numbers minus a gradient with rows broadcasts: what is the shape of the result?': lambda: shapes(bias='50'),
    'the gradient has the shape of the result of the sum, to which each row of `x@w` and the bias lead': lambda: shapes('50'),
    'for each of the rows there is a gradient of each number of the bias: rows first, then columns':
        lambda: shapes('50×256', '50×256')})(shapes)

# 6: gradient checkpointing

BLOCKS = '''t*t
t.tanh()
(t*2).exp() + t
(t.tanh()*2).exp().log() + t*t
t'''.split('\n')

def blocks():
    for i,o in enumerate(BLOCKS): yield o,randn(2, seed=i),1
    for i,(shape,n) in enumerate([((3,), 2), ((2,3), 5), ((), 3)]): yield BLOCKS[1+i],randn(*shape, seed=i+9),n

def of_graph(t):
    found,waiting = {id(t): t},[t]
    while waiting:
        for o in waiting.pop().inputs:
            if hasattr(o, 'inputs') and id(o) not in found:
                found[id(o)] = o
                waiting.append(o)
    return list(found.values())

def use_recomputed(f, block, x, n):
    "The result of `n` blocks in a row, its gradient, and what is in its graph"
    leaf = t = tensor_of(f)(x.clone(), requires_grad=True)
    count = [0]
    def computed(t):
        count[0] += 1
        return eval(block, {}, {'t': t})
    for _ in range(n): t = f(t, computed)
    forward,in_graph = count[0],len(of_graph(t))
    t.backward(upstream(x.shape, x.dtype))
    return {'the result': plain(t), 'the gradient': leaf.grad, 'results in the graph': in_graph-1,
            'how often f is called in the forward pass': forward, 'how often in the backward pass': count[0]-forward}

def recomputed(grad=lambda right, block, x, n: right, **other):
    def want(block, x, n):
        given = x.detach().double().requires_grad_()
        with torch.enable_grad():
            t = given
            for _ in range(n): t = eval(block, {}, {'t': t})
            t = t*1
        right, = torch.autograd.grad(t, given, upstream(x.shape, torch.float64))
        return {'the result': t.detach().to(x.dtype), 'the gradient': grad(right.to(x.dtype), block, x, n), 'results in the graph': n,
                'how often f is called in the forward pass': n, 'how often in the backward pass': n} | {
                k.replace('_', ' '): o(n) for k,o in other.items()}
    return want

def of_ones(right, block, x, n):
    "What comes if the backward function leaves out the gradient that arrives: that of the first block"
    if x.numel()!=1: raise ValueError('backward')
    return recomputed()(block, x, 1)['the gradient']/2

check('03b.6', '03b', blocks, use=use_recomputed, names=('f', 't', 'blocks'), near=1e-9, mistakes={
    'the gradient is passed on as it is; compute `f` again from a new leaf, and let the backward pass of that find the gradient':
        recomputed(lambda right, block, x, n: upstream(x.shape, x.dtype), how_often_in_the_backward_pass=lambda n: 0),
    'the graph is kept from the forward pass; call `f` inside `no_grad` there, and again, on a new leaf, in the backward function':
        recomputed(how_often_in_the_backward_pass=lambda n: 0),
    'there is no gradient: `f` must be called again in the backward function, where its graph is recorded':
        recomputed(lambda right, block, x, n: None, how_often_in_the_backward_pass=lambda n: 0),
    'the backward pass of the new graph begins with ones; it begins with `g`, so call `backward(g)`': recomputed(of_ones)})(recomputed())
