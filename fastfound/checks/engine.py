("Page 3b: gradients that fit what was broadcast, the order and the pass through a graph, and an operation. "
 "The gradients wanted are those of PyTorch.")
import inspect, itertools, re
import torch
from .spec import check, made, randn

WITHOUT = 'numpy','autograd'

def whole(*o): return torch.tensor(o, dtype=torch.float64)

# sums over what broadcasting has stretched

def stretched():
    "Gradients, and the inputs they are for: with fewer dimensions, of sizes 1 and 0, of another type"
    yield whole([1.,2.],[3.,4.]),whole(5.,6.)
    yield whole([1.,2.],[3.,4.]),whole([5.],[6.])
    yield whole([1.,2.],[3.,4.]),whole([5.,6.])
    yield whole([1.,2.],[3.,4.]),whole([5.,6.],[7.,8.])
    yield whole(1.,2.,4.),torch.tensor(3., dtype=torch.float64)
    pairs = '''2,3|3  2,3|2,1  2,3|1,3  2,3|1,1  2,3|1  2,3|  3|1  3|  |  2,3,4|4  2,3,4|3,4  2,3,4|3,1  2,3,4|1,3,1  2,3,4|2,3,4
        2,3,4|2,1,1  2,3,4|  3,3|3,1  3,3|1,3  3,3|3  0,3|3  0,3|1,3  3,0|3,1  2,1,3|1,3  2,1,3|2,1,1  1,1|1  4,1|1  2,2,2,2|2,1,2  1,3|3'''
    for i,o in enumerate(pairs.split()):
        shape,like = [[int(n) for n in s.split(',') if n] for s in o.split('|')]
        yield randn(*shape, seed=i),randn(*like, seed=i+50)
    yield randn(3,2, seed=1),randn(2, seed=2, dtype=torch.float32)
    yield randn(3,2, seed=3, dtype=torch.float32),randn(3,2, seed=4)
    yield randn(3,2, seed=5, dtype=torch.float32),randn(1,2, seed=6, dtype=torch.float32)
    yield randn(4,3, seed=7).t(),randn(3,1, seed=8)
    yield randn(1, seed=9).expand(3,4),randn(4, seed=10)

def pair(g, like):
    "The dimensions of `g` that `like` has not, and those in which it has size 1"
    ahead = g.ndim-like.ndim
    return list(range(ahead)),[ahead+i for i,n in enumerate(like.shape) if n==1 and g.shape[ahead+i]!=1]

def differs(f): return lambda g, like: back_to_shape(g, like) if g.shape==like.shape and g.dtype==like.dtype else f(g, like)

def back_to_shape(g, like, first=True, ones=True, keep=True, reduce=torch.sum, dtype=True):
    new,stretched = pair(g, like)
    out = g.double()
    for i in stretched if ones else (): out = reduce(out, i, keepdim=True)
    for _ in new if first else (): out = reduce(out, 0)
    if not keep: out = out.squeeze()
    return out.to(like.dtype if dtype else g.dtype)

check('unbroadcast', '03b', stretched, names=('g', 'like'), without=WITHOUT, near=1e-9, same=('unbroadcast',), hints=(
    ('Take a gradient of shape (2,3) and a bias of shape (3,): how often was each number of the bias used, and over which '
     'dimension do you therefore sum? And if the input had the shape (2,1)?'),
    ('If shape and type agree, there is nothing to do. Otherwise `g.sum_to_size(shape)` sums over the dimensions in front and '
     'those of size 1 at once, and `.to(dtype)` gives the type of `like`.')), mistakes={
    'the gradient comes back in the shape of the result; sum it until it has that of `like`': lambda g, like: g.to(like.dtype),
    'this is the mean over what was stretched; each copy has an effect of its own, so they add up':
        lambda g, like: (back_to_shape(g, like, dtype=False)*like.numel()/max(g.numel(), 1)).to(like.dtype),
    'only the dimensions in front, which `like` has not, are summed; sum those in which its size is 1 as well':
        lambda g, like: back_to_shape(g, like, ones=False),
    'only the dimensions of size 1 are summed; sum those in front, which `like` has not, as well':
        lambda g, like: back_to_shape(g, like, first=False),
    'the dimensions of size 1 are lost in the sum; keep them: `keepdim=True`': lambda g, like: back_to_shape(g, like, keep=False),
    'one number is left of it all; sum only over the dimensions in which `like` was stretched': lambda g, like: g.sum().to(like.dtype),
    'the type is that of the gradient; give it that of `like`': lambda g, like: back_to_shape(g, like, dtype=False),
    'where the shapes differ, one number is left; sum only over the dimensions in which `like` was stretched':
        differs(lambda g, like: g.sum().to(like.dtype)),
    'where the shapes differ, the sum is always over the first dimension; it goes over those in which `like` was stretched':
        differs(lambda g, like: g.sum(0).to(like.dtype)),
    'where the shapes differ, the sum is always over the last dimension; it goes over those in which `like` was stretched':
        differs(lambda g, like: g.sum(-1).to(like.dtype)),
    'this is a mean over the first dimension; sum over those in which `like` was stretched':
        differs(lambda g, like: g.mean(0).to(like.dtype)),
    'where the shapes are equal, the type stays that of the gradient; give it that of `like`':
        lambda g, like: g if g.shape==like.shape else back_to_shape(g, like),
    'where both have as many dimensions nothing is summed; sum those in which the size of `like` is 1':
        lambda g, like: g.to(like.dtype) if g.ndim==like.ndim else back_to_shape(g, like),
    'the sum is left out where the shapes differ, and taken where they agree: the condition is the wrong way round':
        lambda g, like: back_to_shape(g, like) if g.shape==like.shape and g.dtype==like.dtype else g,
    'the first of the copies is taken; add them all up': lambda g, like: back_to_shape(g, like, reduce=first_of),
    'the numbers of all copies have become one, which is then repeated; sum only over the dimensions in which `like` was stretched':
        differs(lambda g, like: g.sum().to(like.dtype).expand(like.shape))})(back_to_shape)

def first_of(x, dim, keepdim=False): return x.narrow(dim, 0, 1) if keepdim else x.select(dim, 0)

# graphs: one operation after the other; capital letters need no gradient

class Node:
    "What a graph is made of, where a function does not come with a Tensor of its own"
    created = itertools.count()
    op,inputs,backward_fns,saved_versions,grad = '',(),(),(),None
    def __init__(self, data, requires_grad=False):
        self.data,self.requires_grad,self.index = data,requires_grad,next(Node.created)
        self.shape,self.dtype,self.ndim = data.shape,data.dtype,data.ndim

OPERATIONS = {
    '+': lambda a, b: (a+b, lambda g: g, lambda g: g), '-': lambda a, b: (a-b, lambda g: g, lambda g: -g),
    '*': lambda a, b: (a*b, lambda g: g*b, lambda g: g*a), '@': lambda a, b: (a@b, lambda g: g@b.mT, lambda g: a.mT@g)}
FUNCTIONS = {'exp': lambda a: (a.exp(), lambda g: g*a.exp()), 'sum': lambda a: (a.sum(), lambda g: g.expand(a.shape)),
             'sin': lambda a: (a.sin(), lambda g: g*a.cos())}

def steps(program):
    "Names, operations and inputs; leaves have neither of these"
    for o in program.split('; '):
        if m := re.fullmatch(r'(\w+) = (\S+) ([-+*@]) (\S+)', o): yield m[1],m[3],(m[2],m[4])
        elif m := re.fullmatch(r'(\w+) = (\w+)\((\w+)\)', o): yield m[1],m[2],(m[3],)
        else: yield o,'',()

def graph(kind, program, leaves):
    "The nodes of a program, by name"
    nodes = {}
    for name,op,inputs in steps(program):
        if not op: nodes[name] = kind(leaves[name], requires_grad=name.islower())
        else:
            inputs = tuple(nodes[o] if o in nodes else float(o) for o in inputs)
            plain = [o if isinstance(o, float) else o.data for o in inputs]
            out,*fns = (OPERATIONS|FUNCTIONS)[op](*plain)
            nodes[name] = t = kind(out)
            if any(not isinstance(o, float) and o.requires_grad for o in inputs):
                t.requires_grad,t.op,t.inputs,t.backward_fns = True,op,inputs,tuple(fns)
    return nodes

def kind_for(f):
    "The Tensor of the module in which `f` is defined, or a Node"
    found = getattr(inspect.unwrap(f), '__globals__', {}).get('Tensor')
    return found if hasattr(found, 'backward_fns') else Node

def needed(nodes):
    "The nodes that need a gradient and that the last one was computed from, newest first"
    found,last = [],list(nodes.values())[-1]
    for o in reversed(nodes.values()):
        if o.requires_grad and (o is last or any(i is o for t in found for i in t.inputs)): found.append(o)
    return found

PROGRAMS = '''a
a; b = a * 2
a; b; c = a * b
a; B; c = a * B
a; b; c = a * b; d = c + a
a; b = a + a
a; b = a + a; c = b + b; d = c + c
a; b; c = a * b; d = a + b; e = c + d
a; b; d = a + b; c = a * b; e = d + c
a; b; c = a * b; d = a * b
a; b = exp(a); c = b * a; d = c * b; e = d + a
a; B; c = a + B; D = B * 2; e = c * D; f = e - a
a; b; c; d = b * c; e = a * d; f = e + b; g = f * a
a; b = sin(a); c = exp(b); d = a * c; e = d + b'''.split('\n')

def programs():
    for o in PROGRAMS: yield o,
    yield 'a; ' + '; '.join(f'{x} = {y} + {y}' for x,y in zip('bcdefghijklmnopqrstuvw', 'abcdefghijklmnopqrstuv')),

def use_order(f, program):
    "The nodes that come, by name, and whether every result comes before its inputs"
    leaves = {k: torch.tensor(0.5+i, dtype=torch.float64) for i,(k,op,_) in enumerate(steps(program)) if not op}
    nodes = graph(kind_for(f), program, leaves)
    names = {id(o): k for k,o in nodes.items()}
    order = list(f(list(nodes.values())[-1]))
    at = {id(o): i for i,o in enumerate(order)}
    return {'all that need a gradient': ' '.join(sorted(names.get(id(o), type(o).__name__) for o in order)),
            'the first': names.get(id(order[0])) if order else 'none',
            'every result comes before its inputs':
                all(at[id(o)]>i for i,t in enumerate(order) for o in getattr(t, 'inputs', ()) if id(o) in at)}

def found_by(collect, key=None):
    def wrong(t):
        found = []
        collect(t, found)
        return found if key is None else sorted(found, key=key)
    return made(use_order, wrong)

def inputs_of(t): return [o for o in t.inputs if not isinstance(o, float) and o.requires_grad]

def depth_first(t, found, again=False, inputs=inputs_of):
    if t in found and not again: return
    if len(found)>5000: raise RecursionError
    found.append(t)
    for o in inputs(t): depth_first(o, found, again, inputs)

def newest(t): return -t.index

check('backward_order', '03b', programs, use=use_order, names=('graph',), without=WITHOUT,
      same=('backward_order', 'BasicTensor'), hints=(
    ('Two steps: find everything, then put it in order. Begin with `t` itself, look at its inputs, then at the inputs of these. '
     'What must you remember so that you visit nothing twice?'),
    ('Keep a set of what is found and a list of what is still to be looked at. Of the inputs take those that are Tensors (plain '
     'numbers have no `requires_grad`), need a gradient, and are not in the set. At the end sort by `index`, the highest first.')),
      mistakes={
    'the oldest comes first; a backward pass begins at the result, so sort the other way round':
        found_by(depth_first, key=lambda t: t.index),
    'the nodes come in the order in which they were found, and some come before a result that was computed from them; '
    'sort them by `index`, the newest first': found_by(depth_first),
    'what is used several times comes several times; each node comes once':
        found_by(lambda t, found: depth_first(t, found, again=True), key=newest),
    'inputs that need no gradient are in it; leave them out':
        found_by(lambda t, found: depth_first(t, found, inputs=lambda t: [o for o in t.inputs if not isinstance(o, float)]), key=newest),
    'only the inputs of the result itself are found; go on to the inputs of these':
        found_by(lambda t, found: found.extend({t: 0, **{o: 0 for o in inputs_of(t)}}), key=newest),
    'the result itself is missing': found_by(lambda t, found: [depth_first(t, found), found.remove(t)], key=newest)})(
    lambda program: use_order(lambda t: of_all(t), program))

def of_all(t):
    "By how often an input is used: a node comes once all results that use it have come"
    uses,waiting = {},[t]
    while waiting:
        for o in inputs_of(waiting.pop()):
            if o not in uses: waiting.append(o)
            uses[o] = uses.get(o, 0)+1
    order,ready = [],[t]
    while ready:
        order.append(ready.pop())
        for o in inputs_of(order[-1]):
            uses[o] -= 1
            if not uses[o]: ready.append(o)
    return order

def passes():
    "Programs, their leaves and the gradient of the result: numbers first, then shapes that broadcast"
    for i,program in enumerate(PROGRAMS):
        names = [k for k,op,_ in steps(program) if not op]
        yield program,{k: torch.tensor(2.+j, dtype=torch.float64)
                       for j,k in enumerate(names)},torch.tensor(1. if i<5 else 3., dtype=torch.float64)
    def of(program, *shapes, out=(), seed=0, dtype=torch.float64):
        names = [k for k,op,_ in steps(program) if not op]
        return program,{k: randn(*o, seed=seed+i, dtype=dtype)
                        for i,(k,o) in enumerate(zip(names, shapes))},randn(*out, seed=seed+9, dtype=dtype)
    yield of('a; b; c = a + b', (2,), (2,2), out=(2,2))
    yield of('a; b; c = a * b', (2,1), (1,3), out=(2,3), seed=10)
    yield of('a; b; c = a * b; d = c + a; e = sum(d)', (3,), (2,3), seed=20)
    yield of('x; w; b; y = x @ w; z = y + b; l = sin(z)', (4,3), (3,2), (2,), out=(4,2), seed=30)
    yield of('X; w; b; y = X @ w; z = y + b; h = exp(z); s = sum(h)', (4,3), (3,2), (2,), seed=40)
    yield of('a; b; d = a * b; c = a + b; e = c + d; f = e * a', (2,3), (2,3), out=(2,3), seed=50)
    yield of('a; b; d = a * b; c = a + b; e = c + d', (3,), (3,), out=(3,), seed=60, dtype=torch.float32)
    yield of('a; B; c = a + B; D = B * 2; e = c * D', (3,), (2,3), out=(2,3), seed=70)
    yield of('a; b = a + a; c = b + b; d = c - a', (0,3), out=(0,3), seed=80)

def use_pass(f, program, leaves, grad):
    "The gradients of leaves, by name"
    nodes = graph(kind_for(f), program, leaves)
    names = {id(o): k for k,o in nodes.items()}
    found = f(needed(nodes), grad)
    pairs = list(found.items() if isinstance(found, dict) else found)
    if not all(hasattr(t, 'op') for t,_ in pairs): return 'what comes are not pairs of a leaf and its gradient, in this order'
    if len({id(t) for t,_ in pairs})<len(pairs): return 'a leaf comes more than once'
    return {f'gradient of {names.get(id(t), type(t).__name__)}': g for t,g in sorted(pairs, key=lambda o: names.get(id(o[0]), ''))}

def through(accumulate=lambda old, new: old+new, fit=back_to_shape, leaf=lambda t: not t.op,
            upstream=lambda g: g, start=lambda grad: grad, needs=True, first=False, swap=False):
    "A backward pass with a mistake"
    def wrong(order, grad):
        grads,told = {order[0]: start(grad)},{}
        for t in order:
            g = grads[t]
            if leaf(t): told[t] = g
            for inp,fn in list(zip(t.inputs, t.backward_fns))[:1 if first else None]:
                if isinstance(inp, float) or needs and not inp.requires_grad: continue
                part = fit(fn(upstream(g)), inp.data)
                grads[inp] = accumulate(grads[inp], part) if inp in grads else part
                if not inp.requires_grad: told[inp] = grads[inp]
        return [(g, t) for t,g in told.items()] if swap else told
    return made(use_pass, wrong)

def in_place(old, new): return old.add_(new)

check('backward_pass', '03b', passes, use=use_pass, names=('graph', 'leaves', 'grad'), without=WITHOUT, near=1e-9,
      same=('backward_pass', 'BasicTensor'), hints=(
    ('Keep a dictionary from a Tensor to the gradient that has arrived so far; at first it holds `grad`, for `order[0]`. What do '
     'you do with each Tensor of the order, when its turn comes?'),
    ('Its gradient is complete. If it is a leaf (`not t.op`), yield the pair. For each input with its backward function, if the '
     'input needs a gradient: call the function, `unbroadcast` to the data of the input, and add to what the dictionary has for '
     'it, as a new tensor, not in place.')), mistakes={
    'the gradients that arrive at a tensor replace each other; what is used several times gets their sum':
        through(accumulate=lambda old, new: new),
    'a gradient is added to in place that belongs to another tensor, too: a sum hands the same one to both its inputs, '
    'so make a new one, `old + part`':
        through(accumulate=in_place, fit=lambda g, like: g if g.shape==like.shape else back_to_shape(g, like)),
    'an input that was broadcast gets a gradient in the shape of the result; call `unbroadcast`': through(fit=lambda g, like: g),
    'intermediate results come with their gradients, too; only leaves do, which no operation has made': through(leaf=lambda t: True),
    'the results come with their gradients, and the leaves do not; a leaf is what no operation has made, so its `op` is empty':
        through(leaf=lambda t: t.op, needs=True),
    'the pairs are the wrong way round: first the leaf, then its gradient': through(swap=True),
    'of the gradients that arrive at a tensor only the first counts; add the others to it': through(accumulate=lambda old, new: old),
    'a gradient that arrives later is subtracted from those before; add it': through(accumulate=lambda old, new: old-new),
    'the backward functions do not get the gradient of the result; by the chain rule they are called with it':
        through(upstream=torch.ones_like),
    'the pass begins with ones; it begins with `grad`': through(start=torch.ones_like),
    'inputs that need no gradient get one': through(needs=False),
    'only the first input of each operation gets a gradient': through(first=True)})(
    lambda program, leaves, grad: by_autograd(program, leaves, grad))

def by_autograd(program, leaves, grad):
    given = {k: o.detach().double().requires_grad_(k.islower()) for k,o in leaves.items()}
    values = dict(given)
    with torch.enable_grad():
        for name,op,inputs in steps(program):
            if op: values[name] = out = (OPERATIONS|FUNCTIONS)[op](*(values[o] if o in values else float(o) for o in inputs))[0]
            else: out = values[name]
        moved = {k: o for k,o in given.items() if o.requires_grad}
        grads = torch.autograd.grad(out, list(moved.values()), grad.double(), allow_unused=True)
    return {f'gradient of {k}': g.to(leaves[k].dtype)
            for (k,_),g in sorted(zip(moved.items(), grads), key=lambda o: o[0][0]) if g is not None}

# an operation: its result, and a backward function for each input

def powers():
    "Bases and exponents, tensors or numbers; also where the result does not depend on one of them"
    for base,exponent in ((3.,2.), (3.,3.), (2.,-1.), (4.,0.5), (3.,0.), (0.,2.), (0.,0.), (0.,1.), (-2.,3.)): yield whole(base),exponent
    for base,exponent in ((2.,3.), (3.,0.), (2.,-1.), (0.,2.)): yield base,whole(exponent)
    for base,exponent in ((2.,3.), (3.,0.), (0.,2.), (0.,0.), (5.,1.), (0.,-0.5)): yield whole(base),whole(exponent)
    for i,shape in enumerate([(3,), (2,3), (), (0,), (4,1)]):
        yield randn(*shape, seed=i).abs()+0.5,randn(*shape, seed=i+20)
        yield randn(*shape, seed=i).abs()+0.5,2.5
        yield randn(*shape, seed=i),2
        yield 1.5,randn(*shape, seed=i)
    yield randn(2,3, seed=7).abs()+0.5,randn(3, seed=8)
    yield randn(2,1, seed=9).abs()+0.5,randn(1,3, seed=10)
    yield randn(3, seed=11, dtype=torch.float32).abs()+0.5,randn(3, seed=12, dtype=torch.float32)
    yield randn(3, seed=13, dtype=torch.float32),3
    yield torch.tensor([0.,0.,1.,2.], dtype=torch.float64),torch.tensor([0.,1.,0.,3.], dtype=torch.float64)

def upstream(shape, dtype): return torch.arange(2., torch.Size(shape).numel()+2, dtype=torch.float64).view(shape).to(dtype)

def use_power(f, base, exponent):
    out,*fns = f(base, exponent)
    g = upstream(out.shape, out.dtype)
    told = {'the result': out}
    for name,o,fn in zip(('base', 'exponent'), (base, exponent), fns):
        if isinstance(o, torch.Tensor): told[f'the gradient of the {name}'] = back_to_shape(fn(g), o)
    return told

def power_with(to_base=lambda a, b, out: b*a**(b-1), to_exponent=lambda a, b, out: out*torch.as_tensor(a).log(),
               times=lambda g, d: g*d, result=lambda a, b: a**b,
               safe=True, safe_exponent=True, swap=False):
    def zero(cond, o): return torch.where(torch.as_tensor(cond), torch.zeros_like(o), o)
    def wrong(base, exponent):
        out = result(base, exponent)
        a,b = torch.as_tensor(base, dtype=out.dtype),torch.as_tensor(exponent, dtype=out.dtype)
        def first(g): return zero((b==0) & safe, times(g, to_base(a, b, out)))
        def second(g): return times(g, zero((a==0) & (b>=0) & safe_exponent, to_exponent(a, b, out)))
        return (out, second, first) if swap else (out, first, second)
    return made(use_power, wrong)

@check('power', '03b', powers, use=use_power, names=('base', 'exponent'), without=WITHOUT, near=1e-9, same=('power',), hints=(
    ('The result, then two functions of `g`. Write down the derivative of aᵇ with respect to a, and that with respect to b '
     '(there is a logarithm in it). Where does the result not depend on one of them?'),
    ('To the base goes g·b·aᵇ⁻¹, to the exponent g·aᵇ·log a. Set the first to 0 where the exponent is 0, and the second'
     ' where the base is 0 and the exponent is not negative: `_zero_where` does it. `_as_tensor` makes a tensor of a base that is '
     'a number, so that it has a `log`.')), mistakes={
    'the base gets aᵇ⁻¹; the factor b is missing': power_with(to_base=lambda a, b, out: a**(b-1)),
    'the base gets b·aᵇ; the exponent becomes smaller by 1': power_with(to_base=lambda a, b, out: b*a**b),
    'the exponent gets log a; the factor aᵇ, the result, is missing': power_with(to_exponent=lambda a, b, out: a.log()),
    'the exponent gets aᵇ·log b; it is the logarithm of the *base*': power_with(to_exponent=lambda a, b, out: out*b.log()),
    'the exponent gets the derivative of the base; that of aᵇ with respect to b is aᵇ·log a':
        power_with(to_exponent=lambda a, b, out: b*a**(b-1)),
    'the backward functions leave out the gradient of the result; multiply by it': power_with(times=lambda g, d: d+0*g),
    'the two backward functions are swapped: that of the base comes first': power_with(swap=True),
    'a⁰ does not depend on its base, whose gradient is 0; the formula gives 0·∞ where the base is 0, so set it':
        power_with(safe=False),
    '0ᵇ does not depend on its exponent, whose gradient is 0; the formula gives 0·∞, so set it': power_with(safe_exponent=False)})
def power_by_autograd(base, exponent):
    given = [o.detach().double().requires_grad_() if isinstance(o, torch.Tensor) else o for o in (base, exponent)]
    with torch.enable_grad(): out = given[0]**given[1]
    dtype = torch.result_type(base, exponent) if isinstance(base, torch.Tensor) or isinstance(exponent, torch.Tensor) else torch.float64
    moved = {k: o for k,o in zip(('base', 'exponent'), given) if isinstance(o, torch.Tensor)}
    grads = torch.autograd.grad(out, list(moved.values()), upstream(out.shape, torch.float64))
    return {'the result': out.detach().to(dtype)} | {f'the gradient of the {k}': g.to(dtype) for k,g in zip(moved, grads)}
