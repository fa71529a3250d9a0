"Chapter 3: gradients by hand, and layers with a backward pass. The gradients wanted are those of PyTorch."
import torch
import torch.nn.functional as F
from .fully_connected import linear_layers, tensors
from .spec import check, made, randn

WITHOUT = ('autograd', 'numpy')

def whole(*rows): return torch.tensor(rows, dtype=torch.float64)

def gradients(f, *args):
    "What `f` gives and the gradients of its sum for `args`, in float64, as numbers of the dtype they come in"
    args,dtype = [o.detach().double().requires_grad_() if o.is_floating_point() else o for o in args],args[0].dtype
    with torch.enable_grad(): out = f(*args)
    moved = [o for o in args if o.requires_grad]
    grads = torch.autograd.grad(out.sum(), moved, allow_unused=True)
    return out.detach().to(dtype),[(torch.zeros_like(o) if g is None else g).to(dtype) for o,g in zip(moved, grads)]

def all_g(**tensors):
    "The gradients that were set, by name"
    return {f'{k}.g': getattr(o, 'g', None) for k,o in tensors.items()}

ADDED_UP = 'the gradients add up over two backward passes: set `.g` anew each time, with `=`'

def twice(run, **tensors):
    "The gradients that `run` sets when it runs for the second time, by name"
    for _ in range(2): run()
    return all_g(**tensors)

def set_g(o, g): o.g = g
def add_g(o, g): o.g = g if getattr(o, 'g', None) is None else o.g+g

def wrong(use, f):
    "The mistake of `f`, written as a function"
    def made_wrong(*args): return f(*args)
    return made(use, made_wrong)

# functions that set gradients

def column_and_targets():
    "Predictions (n,1) and targets (n,)"
    yield whole([3.]),torch.tensor([1.], dtype=torch.float64)
    yield whole([3.],[1.]),torch.tensor([1.,5.], dtype=torch.float64)
    for i,n in enumerate((1, 2, 3, 4, 7, 20)): yield randn(n,1, seed=i),randn(n, seed=i+50)
    for i,n in enumerate((1, 2, 5)): yield randn(n,1, seed=i, dtype=torch.float32),randn(n, seed=i+50, dtype=torch.float32)
    yield randn(1,4, seed=1).t(),randn(8, seed=2)[::2]
    yield randn(3,1, seed=3)*1e6,randn(3, seed=4)*1e6

def use_mse_grad(f, inp, targ):
    return twice(lambda: f(inp, targ), inp=inp)

def mse_set(g): return wrong(use_mse_grad, lambda inp, targ: setattr(inp, 'g', g(inp, targ[:,None])))

@check('mse_grad', '03', column_and_targets, use=use_mse_grad, near=1e-6, without=WITHOUT, same=('mse_grad', 'Mse'),
    names=('inp', 'targ'), hints=(
    'What is the derivative of one term of the mean, (inp-targ)²/n? Then look at the shapes: `inp` is (n,1), `targ` is (n,).',
    '`targ[:,None]` is (n,1). Twice the difference, divided by the number of targets, is what `inp.g` is set to.'),
    mistakes={
    'the 2 is missing: the derivative of a square is twice what is squared': mse_set(lambda p, t: (p-t)/len(p)),
    'this is the gradient of the sum over the batch; the loss is a mean, so divide by n': mse_set(lambda p, t: 2*(p-t)),
    'this multiplies by n; the loss is a mean, so divide by it': mse_set(lambda p, t: 2*(p-t)*len(p)),
    'this adds predictions and targets; the derivative of a square is twice what is squared, here their difference':
        mse_set(lambda p, t: 2*(p+t)/len(p)),
    'the 2 is added; the derivative of a square is 2 *times* what is squared': mse_set(lambda p, t: (2+p-t)/len(p)),
    'this divides by the targets themselves; divide by their number': mse_set(lambda p, t: 2*(p-t)/t[:,0]),
    'the sign is wrong: the loss grows with a prediction that is above its target, so it is `inp` minus `targ`':
        mse_set(lambda p, t: 2*(t-p)/len(p)),
    'predictions (n,1) minus targets (n,) broadcast to (n,n); give the targets a last axis, `targ[:,None]`':
        mse_set(lambda p, t: 2*(p-t[:,0])/len(p)),
    'the gradient has shape (n,); it has that of what it belongs to, here (n,1)': mse_set(lambda p, t: 2*(p-t)[:,0]/len(p)),
    'the gradients are added up or averaged over the batch; each prediction has its own':
        mse_set(lambda p, t: (2*(p-t)).mean(0, keepdim=True)),
    'this is the loss, not its gradient: the derivative of a square is twice what is squared': mse_set(lambda p, t: (p-t)**2/len(p)),
    'this is half the gradient and the sum over the batch: neither the 2 of the square nor the n of the mean is there':
        mse_set(lambda p, t: p-t),
    'nothing is stored: `inp.g = ...` sets the gradient, and returning it does not':
        wrong(use_mse_grad, lambda inp, targ: 2*(inp-targ[:,None])/len(inp)),
    ADDED_UP: wrong(use_mse_grad, lambda inp, targ: add_g(inp, 2*(inp-targ[:,None])/len(inp)))})
def mse_gradient(inp, targ): return {'inp.g': gradients(lambda p, t: F.mse_loss(p.squeeze(1), t), inp, targ)[1][0]}

def inputs_and_upstream():
    "Inputs of both signs, also 0, and upstream gradients"
    yield whole([-2.,3.]),whole([5.,7.])
    yield whole([0.,1.]),whole([2.,-3.])
    for i,(x,) in enumerate(tensors()):
        if x.abs().sum()<1e6: yield x.detach(),randn(*x.shape, seed=i+100, dtype=x.dtype)

def use_relu_grad(f, inp, g):
    out = inp.clamp_min(0)
    out.g = g
    return twice(lambda: f(inp, out), inp=inp)

def relu_set(g): return wrong(use_relu_grad, lambda inp, out: setattr(inp, 'g', g(inp, out, out.g)))

@check('relu_grad', '03', inputs_and_upstream, use=use_relu_grad, near=1e-6, without=WITHOUT, same=('relu_grad', 'Relu'),
    names=('inp', 'out.g'), hints=(
    'By the chain rule `inp.g` is `out.g` times the derivative of the ReLU. Which two values can that have, and which number decides?',
    'Keep `out.g` where `inp` is above 0, and put 0 elsewhere: `masked_fill` takes a condition and a value.'),
    mistakes={
    'this is the derivative of the ReLU alone; by the chain rule it multiplies the upstream gradient, `out.g`':
        relu_set(lambda inp, out, g: (inp>0).to(inp.dtype)),
    'the upstream gradient is passed on everywhere; where the input is negative the ReLU stops it': relu_set(lambda inp, out, g: g),
    'at an input of exactly 0 the usual choice is 0, so pass on where the input is *above* 0': relu_set(lambda inp, out, g: g*(inp>=0)),
    'the gradient passes where the input is negative; it is the other way round': relu_set(lambda inp, out, g: g*(inp<=0)),
    'this multiplies by the output; multiply by the derivative, which is 1 where the input is positive':
        relu_set(lambda inp, out, g: g*out),
    'this looks at the sign of the upstream gradient; that of the input decides, and negative gradients pass':
        relu_set(lambda inp, out, g: g.clamp_min(0)),
    'the values are those of the ReLU itself; wanted is the upstream gradient, where it passes': relu_set(lambda inp, out, g: out),
    'nothing is stored: `inp.g = ...` sets the gradient, and returning it does not': wrong(use_relu_grad, lambda inp, out: out.g*(inp>0)),
    ADDED_UP: wrong(use_relu_grad, lambda inp, out: add_g(inp, out.g*(inp>0)))})
def relu_gradient(inp, g): return {'inp.g': gradients(lambda x: x.relu()*g, inp)[1][0]}

def layers_and_upstream():
    "Inputs, weights, biases and upstream gradients of a linear layer"
    for i,(x,w,b) in enumerate(linear_layers()):
        yield x.detach(),(whole([1.,-2.],[3.,0.]) if i==1 else whole([3.]) if i==0 else randn(len(x), len(b), seed=i+100,
            dtype=x.dtype)),w.detach(),b.detach()

def use_lin_grad(f, inp, g, w, b):
    out = inp@w + b
    out.g = g
    return twice(lambda: f(inp, out, w, b), inp=inp, w=w, b=b)

def lin_set(inp_g=lambda x, g, w: g@w.t(), w_g=lambda x, g: x.t()@g, b_g=lambda g: g.sum(0), store=set_g, from_out=''):
    def f(inp, out, w, b):
        def upstream(name): return out if name in from_out else out.g
        for o,g in zip((inp, w, b), (inp_g(inp, upstream('i'), w), w_g(inp, upstream('w')), b_g(upstream('b')))): store(o, g)
    return wrong(use_lin_grad, f)

@check('lin_grad', '03', layers_and_upstream, use=use_lin_grad, near=1e-6, without=WITHOUT, same=('lin_grad', 'Lin'),
    names=('inp', 'out.g', 'w', 'b'), hints=(
    'Write the shapes down: `inp` (n,n_in), `out.g` (n,n_out), `w` (n_in,n_out), `b` (n_out,). Each gradient has the shape of what it '
    'belongs to. Which products have these shapes?',
    '`inp.g` is `out.g` times `w`, one of them transposed; `w.g` is `inp` times `out.g`, one of them transposed; `b.g` is `out.g` summed '
    'over the examples, axis 0.'),
    mistakes={
    'the gradient of the biases is a mean over the batch; the effects of all examples add up, so sum (the mean is in that of the loss)':
        lin_set(b_g=lambda g: g.mean(0)),
    'the gradient of the biases is a row (1,n_out); it has the shape of `b`, (n_out,), so sum without `keepdim`':
        lin_set(b_g=lambda g: g.sum(0, keepdim=True)),
    'the gradient of the biases is not added up: every example uses the same `b`, so sum over the batch, axis 0': lin_set(b_g=lambda g: g),
    'the gradient of the biases is summed over the outputs; sum over the examples, axis 0': lin_set(b_g=lambda g: g.sum(1)),
    'the gradient of all the biases is one number; sum over the examples only, axis 0': lin_set(b_g=lambda g: g.sum()),
    'the gradient of the weights is transposed: it has the shape of `w`, so it is `inp.t() @ out.g`': lin_set(w_g=lambda x, g: g.t()@x),
    'the gradient of the weights is divided by the batch size; the effects of the examples add up (the mean is in that of the loss)':
        lin_set(w_g=lambda x, g: x.t()@g/len(x)),
    'the weights get `inp @ out.g`; the sum goes over the examples, the first index of `inp`, so transpose it':
        lin_set(w_g=lambda x, g: x@g),
    'the inputs get `out.g @ w`; each input feeds all outputs, a row of `w`, so transpose it: `out.g @ w.t()`':
        lin_set(lambda x, g, w: g@w),
    'the inputs get `w @ out.g`; examples are rows, so `out.g` stands on the left: `out.g @ w.t()`': lin_set(lambda x, g, w: w@g),
    'the weights get the sum of the inputs only; each weight counts the more, the larger the upstream gradient: `inp.t() @ out.g`':
        lin_set(w_g=lambda x, g: x.sum(0)[:,None].expand(-1, g.shape[1])),
    'nothing is stored: set `inp.g`, `w.g` and `b.g`':
        wrong(use_lin_grad, lambda inp, out, w, b: (out.g@w.t(), inp.t()@out.g, out.g.sum(0))), ADDED_UP: lin_set(store=add_g),
    'the gradients of weights and biases are divided by the batch size; the effects of the examples add up (the mean is in that of the '
    'loss)': lin_set(w_g=lambda x, g: x.t()@g/len(x), b_g=lambda g: g.mean(0))} | {
    f'{what} from the outputs themselves, `out`; by the chain rule take their gradient, `out.g`': lin_set(from_out=names)
        for what,names in (('all three gradients are computed', 'iwb'), ('`inp.g` is computed', 'i'), ('`w.g` is computed', 'w'),
                           ('`b.g` is computed', 'b'), ('`w.g` and `b.g` are computed', 'wb'))})
def linear_gradients(inp, g, w, b):
    _,grads = gradients(lambda x, w, b: (torch.einsum('nk,km->nm', x, w)+b)*g.double(), inp, w, b)
    return dict(zip(('inp.g', 'w.g', 'b.g'), grads))

# networks

def networks():
    "Inputs, targets, weights and biases of two layers with one output"
    yield (whole([1.,2.]),torch.tensor([1.], dtype=torch.float64),whole([1.],[1.]),torch.tensor([0.], dtype=torch.float64),
           whole([2.]),torch.tensor([1.], dtype=torch.float64))
    yield (whole([1.,2.],[-3.,1.]),torch.tensor([1.,0.], dtype=torch.float64),whole([1.,-1.],[1.,2.]),torch.tensor([0.,1.],
        dtype=torch.float64),
           whole([2.],[-1.]),torch.tensor([1.], dtype=torch.float64))
    sizes = [(1,1,1), (2,2,2), (1,3,4), (3,2,5), (3,3,3), (6,4,1), (2,1,3), (10,7,8)]
    for dtype,some in ((torch.float64, sizes), (torch.float32, sizes[1:4])):
        for i,(n,k,h) in enumerate(some):
            shapes = [(n,k), (n,), (k,h), (h,), (h,1), (1,)]
            yield tuple(randn(*o, seed=10*i+j, dtype=dtype) for j,o in enumerate(shapes))

NETWORK = ('inp', 'targ', 'w1', 'b1', 'w2', 'b2')

def use_network(f, *args):
    inp,_,*params = args
    losses = []
    told = twice(lambda: losses.append(f(*args)), inp=inp, **dict(zip(NETWORK[2:], params)))
    return {'the loss': losses[-1]} | told

def two_layers(inp, targ, w1, b1, w2, b2, error=lambda d: d.square().mean()):
    return error(((inp@w1+b1).relu()@w2+b2).squeeze(-1)-targ)

def network(inp, targ, *params, f=two_layers):
    loss,grads = gradients(f, inp, targ, *params)
    return {'the loss': loss} | dict(zip(('inp.g', 'w1.g', 'b1.g', 'w2.g', 'b2.g'), grads[:1]+grads[2:]))

def refuse(): raise AssertionError('the shapes differ')

def by_hand(**kw):
    "A backward pass with a mistake: where `kw` replaces one of its steps"
    def f(inp, targ, w1, b1, w2, b2):
        l1 = inp@w1+(b1 if kw.get('biases', True) else 0)
        l2 = kw.get('relu', lambda l1: l1.clamp_min(0))(l1)
        out = l2@w2+(b2 if kw.get('biases', True) else 0)
        d = out-targ[:,None]
        loss = (out-targ).square().mean() if kw.get('broadcast') else kw.get('loss', lambda d: (d**2).mean())(d)
        if kw.get('early'): l1_g = l1.g
        g = kw.get('g', lambda d: 2*d/len(d))(d)
        store = kw.get('store', set_g)
        l2_g = g@w2.t()
        for o,value in ((w2, kw.get('l2', lambda l1, l2: l2)(l1, l2).t()@g), (b2, g.sum(0))): store(o, value)
        l1_g = l2_g*kw.get('mask', lambda l1: l1>0)(l1)
        if kw.get('first', True):
            for o,value in ((inp, l1_g@w1.t()), (w1, inp.t()@l1_g), (b1, l1_g.sum(0))): store(o, value)
        return loss if kw.get('returns', True) else None
    return wrong(use_network, f)

check('forward_and_backward', '03', networks, use=use_network, near=1e-6, names=NETWORK, without=WITHOUT,
    same=('forward_and_backward', 'Model'), hints=(
    'The forward pass is linear layer, ReLU, linear layer, loss. Keep each result under a name, since the backward pass needs them.',
    'Then call `mse_grad`, `lin_grad` of the second layer, `relu_grad`, and `lin_grad` of the first. Each takes the input and the output '
    'of its operation. `mse` wants predictions (n,), so drop the last axis; `mse_grad` wants (n,1). Return the loss.'),
    mistakes={
    'the ReLU has no part in the backward pass: `relu_grad` stops the gradient where its input was negative': by_hand(mask=lambda l1: 1),
    'the backward pass of the second layer uses what went into the ReLU; its input is what came out, `l2`': by_hand(l2=lambda l1, l2: l1),
    'the backward pass ends after the second layer; the first one has gradients, too': by_hand(first=False),
    'the gradients are right, but the loss is not returned': by_hand(returns=False),
    'the backward pass begins with the gradient of a sum; the loss is a mean, so divide by n': by_hand(g=lambda d: 2*d),
    'the loss is a sum over the batch; return the mean': by_hand(loss=lambda d: (d**2).sum()),
    'shapes are refused: `mse` wants predictions (n,), so drop the last axis by `squeeze(-1)` for it; `mse_grad` wants (n,1)':
        by_hand(loss=lambda d: refuse()),
    'the wrong axis is dropped: `squeeze(-1)` drops the last one, and the first one is that of the examples':
        by_hand(loss=lambda d: (d**2).mean() if len(d)==1 else refuse()),
    'predictions (n,1) minus targets (n,) broadcast to (n,n) in the loss: drop the last axis, `out.squeeze(-1)`': by_hand(broadcast=True),
    'the ReLU is missing in the forward pass: without it two layers are only one': by_hand(relu=lambda l1: l1),
    'the biases are missing in the forward pass': by_hand(biases=False),
    'the backward pass begins with the wrong sign: it is predictions minus targets': by_hand(g=lambda d: -2*d/len(d)),
    'the 2 of the derivative of a square is missing': by_hand(g=lambda d: d/len(d)), ADDED_UP: by_hand(store=add_g),
    'it fails where there is a single example: `squeeze()` drops every axis of size 1, the batch\'s too at n=1; `squeeze(-1)` drops the '
    'last one': by_hand(loss=lambda d: (d**2).mean() if len(d)>1 else refuse()),
    'if a `.g` is asked for before it is set: the backward pass goes from the loss back to the first layer, and each of its functions '
    'takes the input of its operation first, then the output': by_hand(early=True)})(network)

# layers as classes

def use_layer(layer, inp, g, *params):
    "Output and gradients of a layer, from an upstream gradient; `params` are its weights and biases"
    layer,outs,names = layer(*params),[],dict(zip(('w', 'b'), params))
    def run():
        outs.append(layer(inp))
        outs[-1].g = g
        layer.backward()
    told = twice(run, inp=inp, **names)
    return {'the output': outs[-1]} | told | {KEPT.format(k): getattr(layer, k, None) is o for k,o in names.items()}

KEPT = 'the layer keeps `{0}` as its attribute `{0}`'

class _Layer:
    "A base class for mistakes"
    def __init__(self, *params): self.params = params
    def __call__(self, *args):
        self.args = args
        self.out = self.forward(*args)
        return self.out
    def backward(self): self.bwd(self.out, *self.args)

def layer_with(use, forward, bwd):
    "The mistake of a layer with these two passes"
    return made(use, type('Wrong', (_Layer,), {'forward': forward, 'bwd': bwd}))

@check('Relu', '03', inputs_and_upstream, use=use_layer, near=1e-6, names=('inp', 'out.g'), without=WITHOUT, same=('Relu',), hints=(
    '`forward(inp)` gives the output, `bwd(out, inp)` sets `inp.g`. You have a function for each.',
    '`forward` returns what `relu` gives. `bwd` calls `relu_grad`, which takes the input first, then the output.'),
    mistakes={
    'the backward pass passes on everything; where the input is negative the ReLU stops the gradient':
        layer_with(use_layer, lambda self, x: x.clamp_min(0), lambda self, out, x: set_g(x, out.g)),
    'the backward pass leaves out the upstream gradient, `out.g`':
        layer_with(use_layer, lambda self, x: x.clamp_min(0), lambda self, out, x: set_g(x, (x>0).to(x.dtype))),
    'the forward pass is right, but the backward pass sets no gradient':
        layer_with(use_layer, lambda self, x: x.clamp_min(0), lambda self, out, x: out.g*(x>0)),
    ADDED_UP: layer_with(use_layer, lambda self, x: x.clamp_min(0), lambda self, out, x: add_g(x, out.g*(x>0)))})
def relu_layer(inp, g): return {'the output': inp.relu()} | relu_gradient(inp, g)

def lin_layer(forward=lambda x, w, b: x@w+b, x_g=lambda x, g, w: g@w.t(), w_g=lambda x, g: x.t()@g, b_g=lambda g: g.sum(0), store=set_g,
              names='wb'):
    def bwd(self, out, x):
        w,b = self.params
        for o,g in ((x, x_g(x, out.g, w)), (w, w_g(x, out.g)), (b, b_g(out.g))): store(o, g)
    def __init__(self, *params):
        self.params = params
        for k,o in zip(names, params): setattr(self, k, o)
    passes = {'forward': lambda self, x: forward(x, *self.params), 'bwd': bwd}
    return made(use_layer, type('Wrong', (_Layer,), {'__init__': __init__, **passes}))

@check('Lin', '03', layers_and_upstream, use=use_layer, near=1e-6, names=('inp', 'out.g', 'w', 'b'), without=WITHOUT, same=('Lin',), hints=(
    '`__init__` keeps weights and biases. `forward(inp)` and `bwd(out, inp)` pass them to functions that you have.',
    'Keep them as `self.w` and `self.b`. `lin_grad` takes the input, the output, the weights and the biases, and sets three gradients.'),
    mistakes={
    'the forward pass leaves out the biases': lin_layer(lambda x, w, b: x@w),
    '`w` and `b` are swapped: the weights come first, in `__init__` as in `lin`': lin_layer(lambda x, w, b: x@b+w),
    'the weights are not transposed in the gradient of the inputs: each input feeds all outputs, `out.g @ w.t()`':
        lin_layer(x_g=lambda x, g, w: g@w),
    'the gradient of the biases is not added up: every example uses the same `b`, so sum over the batch': lin_layer(b_g=lambda g: g),
    'the gradient of the biases is a mean; the effects of all examples add up': lin_layer(b_g=lambda g: g.mean(0)),
    'the gradient of the weights is transposed: it has the shape of `w`': lin_layer(w_g=lambda x, g: g.t()@x),
    ADDED_UP: lin_layer(store=add_g),
    'weights and biases are kept under other names; `Model` asks each layer for its `w` and its `b`': lin_layer(names=())})
def linear_layer(inp, g, w, b):
    out = (torch.einsum('nk,km->nm', inp.double(), w.double())+b.double()).to(inp.dtype)
    return {'the output': out} | linear_gradients(inp, g, w, b) | {KEPT.format(k): True for k in 'wb'}

def use_loss(layer, inp, targ):
    layer,losses = layer(),[]
    def run():
        losses.append(layer(inp, targ))
        layer.backward()
    told = twice(run, inp=inp)
    return {'the loss': losses[-1]} | told
