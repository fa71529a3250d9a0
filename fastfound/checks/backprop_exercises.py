"Chapter 3, exercises: what a step does to the loss, layers with a backward pass, and the gradients of single examples."
# mypy: ignore-errors
import math
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from .backprop import WITHOUT, _Layer, all_g, gradients, inputs_and_upstream, layer_with, set_g, use_layer
from .spec import check, exercise, made, randn

# answers

def use_fall(answer):
    predicted,fell,rates = answer
    predicted,fell = float(predicted),float(fell)
    return {'the predicted fall, divided by the measured one': predicted/fell if fell else math.nan,
            'the sign of the predicted fall': math.copysign(1., predicted), 'the rates for which the loss falls':
            ', '.join(f'{o:g}' for o in sorted(float(o) for o in rates))}

def falls(k=1., sign=1., rates='0.001, 0.003'): return dict(zip(use_fall((1.,1.,())), (k, sign, rates)))

exercise('03.1', use=use_fall, near=1e-3, facts=True, mistakes={
    'the signs differ: the loss falls, so subtract the loss after the step from the one before it; lr·|g|² is positive':
        lambda: falls(-1.),
    'a fall is positive: here it is the loss after the step, minus the one before': lambda: falls(sign=-1.),
    'of these rates one is too large: is the loss after the step really below the one before?': lambda: falls(rates='0.001, 0.003, 0.01'),
    'of the four rates two are far too large: the straight line that the gradient promises holds for small steps only':
        lambda: falls(rates='0.001, 0.003, 0.01, 0.03'),
    'one more rate lets the loss fall, although less than the prediction': lambda: falls(rates='0.001'),
    'these are the rates for which the loss grows': lambda: falls(rates='0.01, 0.03'),
    })(falls)

def use_gradient(answer):
    g,total = answer
    g = torch.as_tensor(g, dtype=torch.float64).detach().flatten()
    return {'how many numbers there are': len(g), 'the gradient': g, 'its sum': float(total)}

def tenths(g=-0.9, at=3, others=0.1, total=0.):
    told = torch.full((10,), others, dtype=torch.float64)
    told[at] = g
    return {'how many numbers there are': 10, 'the gradient': told, 'its sum': total}

exercise('03.3', use=use_gradient, near=1e-6, facts=True, mistakes={
    'this is the softmax; subtract the one-hot target, which is 1 at the right class': lambda: tenths(0.1, total=1.),
    'the signs are reversed: it is softmax minus one-hot, so that the right logit, whose gradient is negative, rises':
        lambda: tenths(0.9, others=-0.1),
    'the other nine logits have gradients, too: the softmax depends on all of them': lambda: tenths(others=0., total=-0.9),
    'the 1 is subtracted in the wrong place: the classes are counted from 0, so the digit 3 has the index 3': lambda: tenths(at=2),
    'the 1 is subtracted at index 4; the classes are counted from 0, so the digit 3 has the index 3': lambda: tenths(at=4),
    'this is the gradient for *probabilities*, -1/p; the question is about the logits': lambda: tenths(-10., others=0., total=-10.),
    'the gradient is right, but what it sums to is not: the softmax sums to 1, and what does the one-hot target sum to?':
        lambda: tenths(total=1.)})(tenths)

def use_names(answer): return ', '.join(sorted(answer.replace(',', ' ').split() if isinstance(answer, str) else map(str, answer)))

exercise('03.4', use=use_names, mistakes={
    'the gradients of the second layer are set before the ReLU has its turn: which calls come after it?': lambda: 'b1, b2, w1, w2, x',
    'these are set before the backward pass comes to the ReLU, and do not depend on its rule': lambda: 'b2, w2',
    'the inputs get their gradient through the ReLU, too: the last call sets three gradients': lambda: 'b1, w1',
    'the gradient of the biases comes from the same `out.g` as that of the weights': lambda: 'w1, x',
    'parameters have gradients, too, and those of the first layer are computed from what the ReLU passes on': lambda: 'x',
    'the gradients of the first layer are computed from what the ReLU passes on, so a wrong rule reaches them': lambda: ''
    })(lambda: 'b1, w1, x')

# layers

def activation(out, slope):
    "The mistake of an activation with this output, from the input, and this gradient, from input, output and upstream gradient"
    return layer_with(use_layer, lambda self, x: out(x), lambda self, out, x: set_g(x, slope(x, out, out.g)))

@check('03.2', '03', inputs_and_upstream, use=use_layer, names=('inp', 'out.g'), without=WITHOUT, mistakes={
    'the upstream gradient is missing: multiply the derivative by `out.g`': activation(torch.sigmoid, lambda x, s, g: s*(1-s)),
    'the derivative s·(1-s) is meant for the *output*; here the input stands in its place':
        activation(torch.sigmoid, lambda x, s, g: x*(1-x)*g),
    'this is the sigmoid of minus the input: it is 1/(1+e⁻ˣ), so large inputs give outputs near 1':
        activation(lambda x: torch.sigmoid(-x), lambda x, s, g: s*(1-s)*g),
    'the factor 1-s is missing: the derivative is s·(1-s)': activation(torch.sigmoid, lambda x, s, g: s*g),
    'the factor s is missing: the derivative is s·(1-s)': activation(torch.sigmoid, lambda x, s, g: (1-s)*g),
    'the upstream gradient is passed on as it is; multiply it by the derivative, s·(1-s)': activation(torch.sigmoid, lambda x, s, g: g),
    'this is 1-s², the derivative of tanh; that of the sigmoid is s·(1-s)': activation(torch.sigmoid, lambda x, s, g: (1-s*s)*g),
    'the forward pass is right, but the backward pass sets no gradient: `inp.g = ...`':
        layer_with(use_layer, lambda self, x: torch.sigmoid(x), lambda self, out, x: out.g)})
def sigmoid(inp, g):
    out,(slope,) = gradients(lambda x: x.sigmoid()*g, inp)
    return {'the output': inp.double().sigmoid().to(inp.dtype), 'inp.g': slope}

def rows_and_upstream():
    "Logits of both signs, also large ones, one row, one class, and upstream gradients"
    def pair(x, seed, dtype=torch.float64): return x.to(dtype),randn(*x.shape, seed=seed, dtype=dtype)
    yield torch.zeros(1,2, dtype=torch.float64),torch.tensor([[1.,3.]], dtype=torch.float64)
    yield torch.tensor([[1.,2.]], dtype=torch.float64),torch.tensor([[1.,0.]], dtype=torch.float64)
    for i,shape in enumerate([(1,1), (1,3), (2,2), (3,1), (2,3), (3,3), (4,10)]): yield pair(randn(*shape, seed=i), 50+i)
    for i,shape in enumerate([(2,2), (3,4)]): yield pair(randn(*shape, seed=i), 60+i, torch.float32)
    yield torch.tensor([[1000.,999.],[-1000.,-998.]], dtype=torch.float64),torch.tensor([[1.,-2.],[3.,5.]], dtype=torch.float64)
    yield pair(randn(4,3, seed=8).t(), 70)

def softmax_with(slope, forward=lambda x: x.softmax(1)): return activation(forward, lambda x, s, g: slope(s, g))
def right(s, g): return s*(g-(g*s).sum(1, keepdim=True))

@check('03.6', '03', rows_and_upstream, use=use_layer, near=1e-5, names=('inp', 'out.g'), without=WITHOUT, mistakes={
    'this treats each probability as if it depended on its own logit only, as in a sigmoid; each logit affects all of its row':
        softmax_with(lambda s, g: s*(1-s)*g),
    'the term (g·s).sum(1) is missing: a logit that grows takes probability away from all others': softmax_with(lambda s, g: s*g),
    'the sum goes over the whole batch; it belongs to a row, so sum over axis 1': softmax_with(lambda s, g: s*(g-(g*s).sum())),
    'the sum goes down the columns; the probabilities of a *row* depend on each other, so sum over axis 1':
        softmax_with(lambda s, g: s*(g-(g*s).sum(0, keepdim=True))),
    'the factor `s` in front is missing': softmax_with(lambda s, g: g-(g*s).sum(1, keepdim=True)),
    'this sums `g` alone; each upstream gradient counts as much as its probability, so sum `g*s`':
        softmax_with(lambda s, g: s*(g-g.sum(1, keepdim=True))),
    'the sum is added; subtract it': softmax_with(lambda s, g: s*(g+(g*s).sum(1, keepdim=True))),
    'the mean is subtracted; it must be the sum': softmax_with(lambda s, g: s*(g-(g*s).mean(1, keepdim=True))),
    'the upstream gradient is passed on as it is': softmax_with(lambda s, g: g),
    'the softmax goes down the columns; the probabilities of each row sum to 1': softmax_with(right, lambda x: x.softmax(0)),
    'these are the logarithms of the probabilities; the layer gives the probabilities': softmax_with(right, lambda x: x.log_softmax(1)),
    'the exponential of 1000 is infinite: subtract the largest logit of the row first':
        softmax_with(right, lambda x: x.exp()/x.exp().sum(1, keepdim=True)),
    'the forward pass is right, but the backward pass sets no gradient: `inp.g = ...`':
        layer_with(use_layer, lambda self, x: x.softmax(1), lambda self, out, x: out.g)})
def softmax(inp, g):
    _,(slope,) = gradients(lambda x: F.softmax(x, 1)*g, inp)
    return {'the output': inp.double().softmax(1).to(inp.dtype), 'inp.g': slope}

# a model of any number of layers

class Linear(_Layer):
    def __init__(self, w, b): self.w,self.b = w,b
    def forward(self, x): return x@self.w+self.b
    def bwd(self, out, x): x.g,self.w.g,self.b.g = out.g@self.w.t(),x.t()@out.g,out.g.sum(0)

class Cut(_Layer):
    def forward(self, x): return x.clamp_min(0)
    def bwd(self, out, x): x.g = out.g*(x>0)

class Distance(_Layer):
    "A loss: the mean over the rows of the sum of the squares"
    def forward(self, x, targ): return (x-targ).square().sum()/len(x)
    def bwd(self, out, x, targ): x.g = 2*(x-targ)/len(x)

def stacks():
    "Layers, an input and a target, weights and biases: one layer, then more, some after each other without a ReLU"
    for i,(kinds,sizes) in enumerate([('linear', (2,1)), ('linear, ReLU, linear', (2,2,1)),
            ('linear, ReLU, linear, ReLU, linear', (2,2,2,2)), ('linear, linear', (3,2,4)), ('ReLU, linear', (3,2)),
            ('linear, ReLU', (2,3)), ('linear, ReLU, linear, ReLU, linear', (7,3,2,5)),
            ('linear, ReLU, linear, ReLU, linear, ReLU, linear', (4,5,6,3,2))]):
        n,x = i+1,randn(i+1, sizes[0], seed=10*i)
        params = [randn(*o, seed=10*i+j) for j,o in enumerate([o for a,b in zip(sizes, sizes[1:]) for o in ((a,b), (b,))], 1)]
        yield kinds,x,randn(n, sizes[-1], seed=10*i+9),*params

def deep_names(kinds, *args): return 'layers','x','targ',*(f'{o}{i//2+1}' for i in range(len(args)-2) for o in 'wb'[i%2])

def use_deep(cls, kinds, x, targ, *params):
    pairs = iter(zip(params[::2], params[1::2]))
    layers = [Linear(*next(pairs)) if o=='linear' else Cut() for o in kinds.split(', ')]
    model = cls(layers, Distance())
    loss = model(x, targ)
    model.backward()
    return {'the loss': loss} | all_g(x=x, **dict(zip(deep_names(kinds, x, targ, *params)[3:], params)))

def deep_with(**kw):
    class Wrong:
        def __init__(self, layers, loss):
            self.layers = layers[:kw.get('most', 99)]
            if kw.get('keeps', True): self.loss = loss
        def __call__(self, x, targ):
            for o in self.layers: x = o(x)
            loss = self.loss(x, targ)
            return x if kw.get('logits') else loss
        def backward(self):
            if kw.get('begins', True): self.loss.backward()
            for o in kw.get('order', reversed)(self.layers): o.backward()
    return made(use_deep, Wrong)

@check('03.5', '03', stacks, use=use_deep, names=deep_names, without=WITHOUT, mistakes={
    'the model has no `loss`: keep it in `__init__`, `self.loss = loss`': deep_with(keeps=False),
    'the backward pass leaves out the loss: call its `backward` first, which sets the gradient of the last output':
        deep_with(begins=False),
    'the backward pass goes through the layers in their order; the last one must come first': deep_with(order=list),
    'only three layers are used: keep all that are given': deep_with(most=3),
    'the call gives the predictions; the model gives the loss': deep_with(logits=True),
    'the first layer is left out of the backward pass': deep_with(order=lambda layers: layers[:0:-1])})
def deep(kinds, x, targ, *params):
    def loss(x, *params):
        pairs = iter(zip(params[::2], params[1::2]))
        for o in kinds.split(', '):
            if o=='ReLU': x = x.relu()
            else:
                w,b = next(pairs)
                x = torch.einsum('nk,km->nm', x, w)+b
        return (x-targ).pow(2).sum(1).mean()
    total,(x_g,*grads) = gradients(loss, x, *params)
    return {'the loss': total, 'x.g': x_g} | {f'{k}.g': g for k,g in zip(deep_names(kinds, x, targ, *params)[3:], grads)}

# gradients of single examples

class Largest(TorchFunctionMode):
    "Notes the size of the largest tensor that is made inside"
    most = 0
    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor): self.most = max(self.most, out.numel())
        return out

def inputs_and_gradients():
    "Inputs and upstream gradients of a layer, an example a row"
    yield torch.tensor([[3.,4.]], dtype=torch.float64),torch.tensor([[2.]], dtype=torch.float64)
    yield torch.tensor([[3.,4.],[0.,1.]], dtype=torch.float64),torch.tensor([[6.,8.],[1.,0.]], dtype=torch.float64)
    for i,(n,k,m) in enumerate([(1,1,1), (1,3,2), (2,2,2), (3,2,4), (3,3,3), (5,4,1), (4,1,3), (20,7,6)]):
        yield randn(n,k, seed=i),randn(n,m, seed=i+50)
    for i,(n,k,m) in enumerate([(2,3,4), (6,5,4)]): yield randn(n,k, seed=i, dtype=torch.float32),randn(n,m, seed=i+50, dtype=torch.float32)
    yield randn(4,3, seed=8).t(),randn(3,10, seed=9)[:,::2]

OUTER = "each example's outer product is computed"

def use_sizes(f, inp, out_g):
    with Largest() as seen: got = f(inp, out_g)
    (n,k),m = inp.shape,out_g.shape[1]
    return {'the sizes': got, OUTER: k>1 and m>1 and seen.most>=n*k*m and n*k*m>max(n*n, n*k, n*m)}

def sizes_by(f):
    def wrong(inp, out_g): return f(inp, out_g)
    return made(use_sizes, wrong)

def roots(x, g): return x.norm(dim=1)*g.norm(dim=1)

@check('03.7', '03', inputs_and_gradients, use=use_sizes, near=1e-5, names=('inp', 'out_g'), without=('autograd', 'numpy'), mistakes={
    'the sizes are right, but all outer products are built on the way, 39,200 numbers for each digit; '
    'their squares add up to a product of two sums':
        sizes_by(lambda x, g: (x[:,:,None]*g[:,None,:]).square().sum((1,2)).sqrt()),
    'these are the squares of the sizes: take the root': sizes_by(lambda x, g: roots(x, g)**2),
    'the two sums are added; they must be multiplied': sizes_by(lambda x, g: (x.square().sum(1)+g.square().sum(1)).sqrt()),
    'the two sizes are added; they must be multiplied': sizes_by(lambda x, g: x.norm(dim=1)+g.norm(dim=1)),
    'this is the size of the gradient of the whole batch, one number; each example has its own, so sum over axis 1':
        sizes_by(lambda x, g: x.norm()*g.norm()),
    'these are the gradients of the batch, in which the examples are added up': sizes_by(lambda x, g: (x.t()@g).norm(dim=1)),
    'these are the sizes of the inputs; the upstream gradient counts as much': sizes_by(lambda x, g: x.norm(dim=1)),
    'these are the sizes of the upstream gradients; the inputs count as much': sizes_by(lambda x, g: g.norm(dim=1)),
    'the sums go over the examples; sum over the numbers of each example, axis 1': sizes_by(lambda x, g: x.norm(dim=0)*g.norm(dim=0)
        if x.shape[1] in (1, g.shape[1]) or g.shape[1]==1 else g.new_zeros(())),
    'this sums the absolute values; the size is the root of the sum of the squares': sizes_by(lambda x, g: x.abs().sum(1)*g.abs().sum(1)),
    'this multiplies the means of the squares; the size needs their sums':
        sizes_by(lambda x, g: (x.square().mean(1)*g.square().mean(1)).sqrt())})
def sizes_of(inp, out_g):
    each = torch.stack([torch.outer(x, g).square().sum().sqrt() for x,g in zip(inp.double(), out_g.double())])
    return {'the sizes': each.to(inp.dtype), OUTER: False}
