"Page 3a: a number that records how it was computed, and neurons, layers and networks of such numbers."
# mypy: ignore-errors
import math, random
import torch
from .spec import check, made, rng

# formulas, in which each letter is a Value; several are computed and differentiated one after the other
FORMULAS = [
    ('a + b', 2., 3.), ('a * b', 2., 3.), ('a*b + a', 3., 4.), ('a + a', 3.), ('a * a', 3.), ('a + 2', 3.), ('a * 2', 3.),
    ('2 + a', 3.), ('2 * a', 3.), ('a - b', 5., 3.), ('a - 2', 5.), ('-1*a + 1', 4.), ('a**2', 3.), ('a**3', -2.), ('a**-1', 4.),
    ('a**0.5', 4.),
    ('a.tanh()', 0.5), ('a.tanh()', -2.), ('a.tanh() * 3', 0.5), ('(a*b).tanh()', 0.5, -1.), ('(a**2) * b', 3., 4.), ('(a + b)**2', 1., 2.),
    ('a*b + a*c', 2., 3., 4.), ('(a + b) * (a - b)', 3., 2.), ('a*a*a', 2.), ('(d := a*2) + d*b', 1., 4.), ('(d := a*2)*b + d', 1., 4.),
    ('(d := a*b)*d', 2., 3.), ('(d := a+b) + (e := d*d) + e*a', 1., 2.), ('((w*x + b).tanh() - y)**2', 0.5, 3., -1., 1.),
    ('sum([a, b, a])', 2., 3.), ('2*a - a*a + (1+a)**3 - 5', 3.), ('a', 3.), ('a*0', 3.), ('a*b; a + b', 2., 3.), ('a*b; a*b', 2., 3.),
    ('a.tanh() + 0*b', 20., 1.), ('doubled(a, times=5)', 1.), ('doubled(a, times=60)', 1.), ('(d := a*b) + d.tanh()*d + a*d**2', 0.3, -0.7)]

def letters(formula): return [o for o in 'abcwxy' if any(o in w for w in formula.replace('tanh', '').replace('sum', '').replace(
    'doubled', '').replace('times', ''))]

def formulas():
    "Formulas and the numbers in them"
    for formula,*values in FORMULAS: yield formula,*values
    yield ATTRIBUTES,2.,3.
ATTRIBUTES,HAS = 'the attributes of a*b','a result has `op`, `inputs`, `backward_fns`, `index`, `backward_order`'
def formula_names(formula, *_): return 'formula',*letters(formula)

def doubled(x, times):
    for _ in range(times): x = x+x
    return x

class _Nested:
    def __eq__(self, other): return type(self) is type(other)
    def __repr__(self): return 'another Value'
_Nested.__name__ = 'Value'
def number(o):
    "`o`, unless it is a Value where a number belongs"
    return _Nested() if hasattr(o, 'backward_fns') or hasattr(o, 'slopes') else o

def use_value(cls, formula, *values):
    "The results of `formula` and the gradients that they leave, or what the rest of the page reads of a result"
    if formula==ATTRIBUTES: return told_of(cls, *values)
    given = {k: cls(v) for k,v in zip(letters(formula), values)}
    told = {}
    for i,part in enumerate(formula.split(';')):
        result = eval(part.strip(), {'doubled': doubled}, dict(given))
        result.backward()
        told[f'the data of the result{f" {i+1}" if i else ""}'] = number(result.data)
    return told | {f'{k}.grad': number(o.grad) for k,o in given.items()} | {f'{k}.data': number(o.data) for k,o in given.items()}

def told_of(cls, *values):
    a,b = map(cls, values)
    out = a*b
    if not all(hasattr(out, k) for k in ('op', 'inputs', 'backward_fns', 'index', 'backward_order')): return {HAS: False}
    return {HAS: True, 'its inputs are the factors': [*map(id, out.inputs)]==[id(a), id(b)],
            'a number of its own has no inputs': len(a.inputs)==0,
            'what its backward functions give for 1': [f(1.) for f in out.backward_fns],
            'backward_order begins with it': bool([*out.backward_order()][:1]==[out])}

def engine(add=(lambda a, b: 1, lambda a, b: 1), mul=(lambda a, b: b, lambda a, b: a), power=lambda a, n: n*a**(n-1), tanh=lambda t: 1-t*t,
           minus=-1, start=1., upstream=lambda d, g: d*g, order=sorted, accumulate=lambda old, new: old+new, right=True, wrap=True,
           sums=lambda a, b: a+b, products=lambda a, b: a*b, powers=lambda a, n: a**n):
    "A small engine, with a mistake in one of its parts; a derivative may be a function of the gradient of the result"
    class Wrong:
        created = 0
        def __init__(self, data, inputs=(), slopes=()):
            Wrong.created += 1
            self.data,self.grad,self.inputs,self.slopes,self.index = data,0.,inputs,slopes,Wrong.created
        def __add__(self, b):
            b = Wrong(b) if wrap==2 or wrap and not isinstance(b, Wrong) else b
            return Wrong(sums(self.data, b.data), (self,b), [f(self.data, b.data) for f in add])
        def __mul__(self, b):
            b = Wrong(b) if wrap==2 or wrap and not isinstance(b, Wrong) else b
            return Wrong(products(self.data, b.data), (self,b), [f(self.data, b.data) for f in mul])
        def __pow__(self, n): return Wrong(powers(self.data, n), (self,), [power(self.data, n)])
        def tanh(self):
            t = math.tanh(self.data)
            return Wrong(t, (self,), [tanh(t)])
        def __sub__(self, b): return self + (minus*b if right=='swapped' else b*minus)
        if right: __radd__,__rmul__ = (__mul__,__add__) if right=='swapped' else (__add__,__mul__)
        def backward(self):
            found,waiting = {id(self): self},[self]
            while waiting:
                for o in waiting.pop(0).inputs:
                    if id(o) not in found:
                        found[id(o)] = o
                        waiting.append(o)
            self.grad = start
            for o in order(found.values(), key=lambda o: -o.index):
                for inp,d in zip(o.inputs, o.slopes): inp.grad = accumulate(inp.grad, d(o.grad) if callable(d) else upstream(d, o.grad))
    told = made(use_value, Wrong)
    def of_formulas(formula, *values): return ... if formula==ATTRIBUTES else told(formula, *values)
    of_formulas.wrong = Wrong
    return of_formulas

def bare():
    "The mistake of a Value that keeps what it was computed from under other names"
    right = engine()
    def told(formula, *values): return use_value(right.wrong, formula, *values)
    told.wrong = right.wrong
    return told

@check('Value', '03a', formulas, use=use_value, names=formula_names, without=('autograd', 'numpy'), same=('Value',), hints=(
    ('Begin with `__init__`, `+` and `backward`, and try `a + a` before you write more: what does a sum send back to each of its '
     'inputs? The class on this page that knows `+` and `*` is most of it.'),
    ('Each operation makes a new Value with its number, its two inputs, and a function from the gradient of the result to that of '
     'each input: for a product, the gradient times the `data` of the other factor. `backward` sets its own `grad` to 1, goes '
     'through all that it was computed from, the newest first, and *adds* to the `grad` of their inputs.')), mistakes={
    'the gradients that arrive replace each other; a value that is used several times adds them up, so write `+=`':
        engine(accumulate=lambda old, new: new),
    'a value passes its gradient on before all that used it have added their part; visit the newest first, by the index of creation':
        engine(order=lambda values, key: list(values)),
    'the gradient of the result with respect to itself is missing: set `self.grad` to 1 at the start of `backward`': engine(start=0.),
    'the backward functions leave out the gradient of the result; by the chain rule they multiply by it': engine(upstream=lambda d, g: d),
    'a product gives each factor itself; each gets the *other* factor, times the gradient of the result':
        engine(mul=(lambda a, b: a, lambda a, b: b)),
    'a product hands on the gradient as it is; that is right for a sum, and each factor of a product gets the other one times it':
        engine(mul=(lambda a, b: 1, lambda a, b: 1)),
    'a sum treats its inputs like factors; it grows as fast as each of its terms, so each gets the gradient as it is':
        engine(add=(lambda a, b: b, lambda a, b: a)),
    'only the first input of an operation gets a gradient; the second has a backward function of its own':
        engine(add=(lambda a, b: 1, lambda a, b: 0), mul=(lambda a, b: b, lambda a, b: 0)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹; the factor n is missing': engine(power=lambda a, n: a**(n-1)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹; the exponent has not become smaller': engine(power=lambda a, n: n*a**n),
    'the derivative of the tanh is 1-t², with the result t squared': engine(tanh=lambda t: 1-t),
    'the tanh passes the gradient on as it is; multiply by its derivative, 1-t²': engine(tanh=lambda t: 1),
    'the derivative of the tanh is 1-t²; here the sign is wrong': engine(tanh=lambda t: t*t-1),
    'the backward function of the tanh leaves out the gradient of the result, `g`; multiply by it': engine(tanh=lambda t: lambda g: 1-t*t),
    'the backward function of the power leaves out the gradient of the result, `g`; multiply by it':
        engine(power=lambda a, n: lambda g: n*a**(n-1)),
    'the backward functions of tanh and power leave out the gradient of the result, `g`; multiply by it':
        engine(tanh=lambda t: lambda g: 1-t*t, power=lambda a, n: lambda g: n*a**(n-1)),
    'the gradients are right, but what the page reads is kept under other names: the drawing asks for `op`, `inputs`, `backward_fns`, '
    '`index` and `backward_order()`, as in the first class on this page': bare(),
    'a difference is a sum here; multiply what is subtracted by -1': engine(minus=1),
    'only the result passes its gradient on; each value does, after its own has arrived: begin with the newest and go back to the oldest':
        engine(order=lambda values, key: sorted(values, key=lambda o: o.index)),
    'only the inputs of the result itself pass their gradients on; find their inputs, too, and the inputs of these':
        engine(order=lambda values, key: sorted({o.index: o for v in [*values][:1] for o in (v, *v.inputs)}.values(), key=key)),
    'what arrives at a value is subtracted from its gradient; add it': engine(accumulate=lambda old, new: old-new),
    'a product computes a sum, as if it was copied from `__add__`: multiply the numbers': engine(products=lambda a, b: a+b),
    'a sum computes a difference; add the numbers': engine(sums=lambda a, b: a-b),
    'a power computes a product: write `a.data**n`': engine(powers=lambda a, n: a*n),
    'base and exponent of the power are swapped; n is the exponent': engine(powers=lambda a, n: n**a),
    'the backward function for the first factor adds the gradient of the result; multiply by it':
        engine(mul=(lambda a, b: lambda g: g+b, lambda a, b: a)),
    'the backward function for the second factor adds the gradient of the result; multiply by it':
        engine(mul=(lambda a, b: b, lambda a, b: lambda g: g+a)),
    'the second of two terms gets the gradient with a minus, as in a difference; it gets it as it is':
        engine(add=(lambda a, b: 1, lambda a, b: -1)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹: the exponent becomes smaller by 1, and here it becomes larger':
        engine(power=lambda a, n: n*a**(n+1)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹: the exponent becomes smaller by 1, and here by 2': engine(power=lambda a, n: n*a**(n-2)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹; its exponent is n-1, not 1-n': engine(power=lambda a, n: n*a**(1-n)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹, a power; here n-1 is a factor': engine(power=lambda a, n: n*a*(n-1)),
    'the derivative of the power aⁿ is n·aⁿ⁻¹; base and exponent are swapped in it': engine(power=lambda a, n: n*(n-1)**a),
    'in the backward function of the power the gradient of the result is added to the factor n; multiply by it':
        engine(power=lambda a, n: lambda g: (g+n)*a**(n-1)),
    'in the backward function of the power there is a sum; the gradient, n and aⁿ⁻¹ are multiplied':
        engine(power=lambda a, n: lambda g: g*n+a**(n-1)),
    'the derivative of the tanh is 1-t²; here it is 1+t²': engine(tanh=lambda t: 1+t*t),
    'the derivative of the tanh is 1-t²; the 1 is missing': engine(tanh=lambda t: -t*t),
    'the derivative of the tanh is 1-t², with t times t and not plus': engine(tanh=lambda t: 1-2*t),
    'the backward function of the tanh adds the gradient of the result; multiply by it': engine(tanh=lambda t: lambda g: g+1-t*t),
    'a Value is wrapped in another Value, which then stands where a number belongs; wrap only what is none: `isinstance(b, Value)` tells':
        engine(wrap=2),
    '`__radd__` and `__rmul__` are swapped: 2+a comes as a product, and 2*a as a sum': engine(right='swapped'),
    'an ordinary number on the left, as in `2*a`, is not taken; Python asks `__radd__` and `__rmul__` for it': engine(right=False),
    'an ordinary number on the right, as in `a*2`, is not taken; wrap it in a Value': engine(wrap=False)})
def value_wanted(formula, *values):
    "By PyTorch, which has the same operations"
    if formula==ATTRIBUTES:
        return {HAS: True, 'its inputs are the factors': True, 'a number of its own has no inputs': True,
                'what its backward functions give for 1': [values[1], values[0]], 'backward_order begins with it': True}
    given = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k,v in zip(letters(formula), values)}
    told = {}
    with torch.enable_grad():
        for i,part in enumerate(formula.split(';')):
            result = eval(part.strip(), {'doubled': doubled}, dict(given))
            result.backward()
            told[f'the data of the result{f" {i+1}" if i else ""}'] = result.item()
    return told | {f'{k}.grad': o.grad.item() if o.grad is not None else 0. for k,o in given.items()} | {
        f'{k}.data': o.item() for k,o in given.items()}

# neurons, layers, networks: weights are given, so that what comes out is known

def numbers(n, seed): return [round(o, 1) for o in torch.randn(n, generator=rng(seed)).tolist()]

def network_inputs(*all_sizes):
    "What to look at, sizes and inputs"
    for i,sizes in enumerate(all_sizes): yield 'outputs and gradients',sizes,numbers(sizes[0], i)
    for sizes in all_sizes[1:3]: yield 'parameters',sizes,[]
    yield 'the first weights',(80,20, *all_sizes[1][2:]) if all_sizes[1][1:] else (400,),[]

def neurons_of(o):
    "All neurons of a neuron, layer or network, first layer first"
    layers = getattr(o, 'layers', [o])
    return [n for layer in layers for n in getattr(layer, 'neurons', [layer])]

def as_list(o): return list(o) if isinstance(o, (list, tuple)) else [o]

def use_part(cls, what, sizes, xs):
    "Outputs and gradients for weights that are set, or the number of parameters, or statistics of the first weights"
    state = random.getstate()
    random.seed(1)
    part = cls(*sizes)
    random.setstate(state)
    neurons = neurons_of(part)
    if what=='parameters':
        own = [p for n in neurons for p in [*n.w,n.b]]
        ps = list(part.parameters())
        return {'number of parameters': len({id(p) for p in ps}), 'all weights and biases are among them':
            {id(p) for p in own}<={id(p) for p in ps}}
    if what=='the first weights':
        first = [p.data for n in neurons for p in n.w if len(n.w)==sizes[0]]
        spread = (sum(o*o for o in first)/len(first)*sizes[0])**0.5  # 1, known to 4 % at least
        return {'√n times the standard deviation of the first weights is about 1': 0.85<spread<1.15 or round(spread, 3),
                'the biases are 0': all(n.b.data==0 for n in neurons), 'weights differ': len(set(first))>1}
    values = iter(weights(sum(len(n.w)+1 for n in neurons)))
    for n in neurons:
        for p in [*n.w,n.b]: p.data = next(values)
    outs = part(xs)
    total = as_list(outs)[0]
    for o in as_list(outs)[1:]: total = total+o
    total.backward()
    return {'outputs': [o.data for o in outs] if isinstance(outs, (list, tuple)) else outs.data,
            'gradients of the parameters': [p.grad for n in neurons for p in [*n.w,n.b]]}

def weights(n): return [round(math.sin(1.7*i+1), 2) for i in range(n)]

def part_wanted(what, sizes, xs, single=False):
    pairs = list(zip(sizes, sizes[1:]))
    if what=='parameters': return {'number of parameters': sum((a+1)*b for a,b in pairs), 'all weights and biases are among them': True}
    if what=='the first weights':
        return {'√n times the standard deviation of the first weights is about 1': True, 'the biases are 0': True, 'weights differ': True}
    p = torch.tensor(weights(sum((a+1)*b for a,b in pairs)), dtype=torch.float64, requires_grad=True)
    out,at = torch.tensor(xs, dtype=torch.float64),0
    with torch.enable_grad():
        for a,b in pairs:
            w = p[at:at+(a+1)*b].view(b, a+1)
            out,at = torch.tanh(w[:,:-1]@out + w[:,-1]),at+(a+1)*b
        out.sum().backward()
    return {'outputs': out[0].item() if single else out.tolist(), 'gradients of the parameters': p.grad.tolist()}

class _V:
    "A number with the parts of a Value that the mistakes below need"
    def __init__(self, t): self.t = t if isinstance(t, torch.Tensor) else torch.tensor(float(t), dtype=torch.float64, requires_grad=True)
    @property
    def data(self): return self.t.item()
    @data.setter
    def data(self, x): self.t = torch.tensor(float(x), dtype=torch.float64, requires_grad=True)
    @property
    def grad(self): return 0. if self.t.grad is None else self.t.grad.item()
    def __add__(self, o): return _V(self.t+(o.t if isinstance(o, _V) else o))
    def __mul__(self, o): return _V(self.t*(o.t if isinstance(o, _V) else o))
    __radd__,__rmul__ = __add__,__mul__
    def tanh(self): return _V(self.t.tanh())
    def backward(self): self.t.backward()

def neuron(bias=True, act=lambda o: o.tanh(), std=lambda n: n**-0.5, parameters=lambda n: [*n.w,n.b], start=lambda: 0., draw=random.gauss):
    class Wrong:
        def __init__(self, n_in): self.w,self.b = [_V(draw(0, std(n_in))) for _ in range(n_in)],_V(start())
        def __call__(self, xs): return act(sum((w*x for w,x in zip(self.w, xs)), self.b if bias else _V(0.)+0*self.b))
        def parameters(self): return parameters(self)
    return Wrong

def layer(n=lambda n_out: n_out, same=False, call=lambda self, xs: [o(xs) for o in self.neurons],
          parameters=lambda self: [p for o in self.neurons for p in o.parameters()]):
    class Wrong:
        def __init__(self, n_in, n_out): self.neurons = [neuron()(n_in)]*n_out if same else [neuron()(n_in) for _ in range(n(n_out))]
        def __call__(self, xs): return call(self, xs)
        def parameters(self): return parameters(self)
    return Wrong

def mlp(pairs=lambda sizes: zip(sizes, sizes[1:]), send=True, last=lambda outs: outs,
        parameters=lambda self: [p for o in self.layers for p in o.parameters()]):
    class Wrong:
        def __init__(self, *sizes): self.layers = [layer()(a, b) for a,b in pairs(sizes)]
        def __call__(self, xs):
            out = xs
            for o in self.layers: out = o(out if send else xs)
            return last(out)
        def parameters(self): return parameters(self)
    return Wrong

def neurons():
    for what,sizes,xs in network_inputs((1,), (2,), (3,), (7,)): yield what,sizes,xs
def mistakes(use, **kw): return {text: made(use, wrong) for text,wrong in kw.items()}

NAMES,REST = ('what', 'sizes', 'inputs'),dict(without=('autograd', 'numpy'))

check('Neuron', '03a', neurons, use=use_part, names=NAMES, same=('Neuron',), hints=(
    ('What does a neuron with two inputs keep? A list of two Values in `self.w`, and one Value in `self.b`. How large should the '
     'weights be at first, for `n_in` inputs?'),
    ('`random.gauss(0, n_in**-0.5)` draws a weight, and the bias starts at 0. The output is a sum over `zip(self.w, xs)` that '
     'starts from the bias (the second argument of `sum`), and then `.tanh()`.')), mistakes=mistakes(use_part, **{
    'the bias is missing; the sum starts from it: `sum(..., self.b)`': neuron(bias=False),
    'the activation function is missing; take the `tanh` of the sum': neuron(act=lambda o: o),
    '`parameters` leaves out the bias; it is trained, too': neuron(parameters=lambda n: n.w),
    'the weights start with standard deviation 1; with n inputs it should be 1/√n': neuron(std=lambda n: 1),
    'the weights start with 1/n as their standard deviation; that is the variance, so take its root': neuron(std=lambda n: 1/n),
    'all weights start equal; draw each of them': neuron(draw=lambda mean, std: std)}), **REST)(
    lambda what, sizes, xs: part_wanted(what, (*sizes, 1), xs, single=True))

def layers(): yield from network_inputs((1,1), (2,2), (3,2), (1,3), (2,5))
check('Layer', '03a', layers, use=use_part, names=NAMES, same=('Layer',), hints=(
    ('Which of the two sizes says how many neurons there are, and which one how many weights each of them has? Keep the neurons in'
     ' a list, `self.neurons`.'),
    ('Three list comprehensions: one makes `n_out` neurons with `n_in` inputs, one calls each of them with the same `xs`, and the '
     'last has two `for`s, over neurons and over the parameters of each.')), mistakes=mistakes(use_part, **{
    'all neurons are one and the same, so that they share their weights: make a new one for each output': layer(same=True),
    'one neuron is missing, or inputs and outputs are swapped: a layer has `n_out` neurons, with `n_in` inputs each':
        layer(n=lambda n: n-1 or 1),
    'each neuron gets the output of the one before; all get the same inputs':
        layer(call=lambda self, xs: (outs := []) or [(outs.append(o([outs[-1]]*len(xs) if outs else xs)),
            outs[-1])[1] for o in self.neurons]),
    '`parameters` gives those of the first neuron only': layer(parameters=lambda self: self.neurons[0].parameters())}), **REST)(part_wanted)

def mlps(): yield from network_inputs((1,1), (2,2,1), (2,3,2), (3,4,1), (1,2,2,1), (2,8,1))
check('MLP', '03a', mlps, use=use_part, names=NAMES, same=('MLP',), hints=(
    ('`MLP(2, 8, 1)` has how many layers, and with which sizes? Keep them in a list, `self.layers`.'),
    ('There is a layer for each pair of neighbours in `sizes`: `zip(sizes, sizes[1:])` gives them. A call hands `xs` to the first '
     'layer, and what comes out to the next one, in a loop.')), mistakes=mistakes(use_part, **{
    'every layer gets the inputs of the network; each gets the outputs of the one before': mlp(send=False),
    'the first output comes back alone; give the list of all that the last layer gives, also where there is only one':
        mlp(last=lambda outs: outs[0]),
    'where there is one output it comes back alone; give the list of the last layer there, too':
        mlp(last=lambda outs: outs[0] if len(outs)==1 else outs),
    'the last layer is missing: a network has a layer for each *pair* of sizes, `zip(sizes, sizes[1:])`':
        mlp(pairs=lambda sizes: list(zip(sizes, sizes[1:]))[:-1] or [sizes]),
    '`parameters` gives those of the last layer only': mlp(parameters=lambda self: self.layers[-1].parameters())}), **REST)(part_wanted)
