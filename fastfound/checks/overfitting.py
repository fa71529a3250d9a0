"Chapter 8: images that are moved a little, dropout, smoothed labels."
import torch
import torch.nn.functional as F
from torch import nn
from .mnist_sgd import seeded
from .spec import check, made, randn

# distorted images: from ramps, whose pixels are their own coordinates, the six numbers of each map can be read

def moves():
    "What is looked at, the number of images and `most`"
    for n in (1, 3): yield 'images that stay',n,0.
    for n in (1, 5): yield 'shape',n,0.1
    for n,most in ((300,0.2), (300,0.05), (200,0.3)): yield 'maps',n,most
    yield 'maps',300,None
    yield 'random numbers',4,0.2

def ramps(n):
    "Coordinates across and down, as images"
    u = ((2*torch.arange(28.)+1)/28-1).expand(28, 28)
    return (o.reshape(1,784).repeat(n, 1) for o in (u, u.t()))

CORNERS = ('across from across', 'across from down', 'across', 'down from across', 'down from down', 'down')

def use_distort(f, what, n, most):
    args = () if most is None else (most,)
    most = 0.2 if most is None else most
    with seeded() as start:
        x = torch.rand(n, 784)
        before = x.clone()
        if what=='images that stay': 
            out = f(x, *args)
            return {'they are the same': tuple(out.shape)==(n,784) and (out-x).abs().max().item()<1e-3}
        if what=='shape':
            out = f(x, *args)
            return {'shape': tuple(out.shape), 'dtype': str(out.dtype), 'the input has stayed as it was': torch.equal(x, before)}
        if what=='random numbers':
            one,two = f(x, *args),f(x, *args)
            start()
            torch.rand(n, 784)
            return {'two calls give the same': torch.equal(one, two),
                    'after the same seed it gives the same': torch.equal(one, f(x, *args))}
        across,down = ramps(n)
        start(1)
        u = f(across, *args)
        start(1)
        v = f(down, *args)
    if u.shape!=(n,784): return {'shape': tuple(u.shape)}
    part = [o.view(-1,28,28)[:,9:19,9:19].flatten(1).double() for o in (u, v, across, down)]
    points = torch.stack((part[2][0], part[3][0], torch.ones(100, dtype=torch.float64)), 1)
    maps = torch.stack([torch.linalg.lstsq(points, o.t()).solution.t() for o in part[:2]], 1)
    error = max((points@maps[:,i].t()-part[i].t()).abs().max().item() for i in (0, 1))
    change = ((maps-torch.eye(2,3, dtype=torch.float64))/most).flatten(1)
    return {'images are moved by affine maps': error<1e-3} | {
        f'the {name} change of "{k}", divided by most': getattr(change[:,i], how)().item()
        for name,how in (('largest', 'max'), ('smallest', 'min')) for i,k in enumerate(CORNERS)} | {
        'numbers of one map are equal or opposite': 
            any(torch.allclose(change[:,i].abs(), change[:,j].abs(), atol=1e-2) for i in range(6) for j in range(i))}

def distort_with(maps=lambda n, most: torch.eye(2,3) + most*(2*torch.rand(n,2,3)-1), corners=(False, False),
                 out=lambda y: y.reshape(-1,784)):
    def wrong(x, most=0.2):
        grid = F.affine_grid(maps(len(x), most).expand(len(x), 2, 3), (len(x),1,28,28), align_corners=corners[0])
        return out(F.grid_sample(x.view(-1,1,28,28), grid, align_corners=corners[1]))
    return made(use_distort, wrong)

def moved_only(n, most):
    m = torch.eye(2,3).repeat(n, 1, 1)
    m[:,:,2] += most*(2*torch.rand(n,2)-1)
    return m

@check('distort', '08', moves, use=use_distort, near=0.1, facts=True, names=('looks at', 'images', 'most'), same=('distort',),
      hints=('An affine map is a matrix of 2 by 3; `torch.eye(2,3)` changes nothing. Each image needs one of its own. How do random '
          'numbers from 0 to 1 become numbers from `-most` to `most`?',
          'Add to the identity `most` times random numbers between -1 and 1, of the shape (len(x),2,3). `F.affine_grid` makes a grid of '
          'the maps and of the size (len(x),1,28,28), `F.grid_sample` reads images of that shape there; give both the same '
          '`align_corners=False`. At the end come rows of 784 again.'), mistakes={
    'all images of a batch are moved by the same map; draw six numbers for each, `torch.rand(len(x),2,3)`':
        distort_with(lambda n, most: torch.eye(2,3) + most*(2*torch.rand(1,2,3)-1)),
    'the numbers only grow: `torch.rand` lies between 0 and 1, so take `2*torch.rand(...)-1`':
        distort_with(lambda n, most: torch.eye(2,3) + most*torch.rand(n,2,3)),
    'the numbers change by half of `most` at the most; `torch.rand(...)-0.5` has to be doubled':
        distort_with(lambda n, most: torch.eye(2,3) + most*(torch.rand(n,2,3)-0.5)),
    'the images are only shifted; all six numbers of the map change': distort_with(moved_only),
    'the identity is missing: a map is `torch.eye(2,3)` plus small numbers': distort_with(lambda n, most: most*(2*torch.rand(n,2,3)-1)),
    'the changes are not bounded by `most`; `torch.randn` has no bounds, and `2*torch.rand(...)-1` lies between -1 and 1':
        distort_with(lambda n, most: torch.eye(2,3) + most*torch.randn(n,2,3)),
    '`align_corners` must be the same in both functions; here even a map that changes nothing moves the image':
        distort_with(corners=(True, False)),
    'the images are not rows of 784 any more; end with `.view(-1,784)`': distort_with(out=lambda y: y),
    'the map is the same in every call; draw new numbers each time':
        distort_with(lambda n, most: torch.eye(2,3) + most*(2*torch.rand(n,2,3, generator=torch.Generator().manual_seed(1))-1))})
def moved_wanted(what, n, most):
    if what=='images that stay': return {'they are the same': True}
    if what=='shape': return {'shape': (n,784), 'dtype': 'torch.float32', 'the input has stayed as it was': True}
    if what=='random numbers': return {'two calls give the same': False, 'after the same seed it gives the same': True}
    return {'images are moved by affine maps': True} | {f'the {name} change of "{k}", divided by most': sign
        for name,sign in (('largest', 1.), ('smallest', -1.)) for k in CORNERS} | {'numbers of one map are equal or opposite': False}

# dropout

def numbers(*shape, dtype=torch.float64):
    "Whole numbers of both signs, none of them 0"
    n = torch.Size(shape).numel()
    return ((torch.arange(n)%9+1)*(1-2*(torch.arange(n)%2))).to(dtype).view(shape)

def activations():
    "Activations and probabilities: a row, none, one, of several dimensions and types; probabilities from 0 to almost 1"
    yield numbers(12),0.5
    yield numbers(12),0.
    yield numbers(3,8),0.25
    yield numbers(1),0.5
    yield numbers(0,3),0.5
    for p in (0.1, 0.5, 0.8): yield numbers(40,50),p
    for shape in ((30,1), (1,30), (5,4,3,2), ()): yield numbers(*shape),0.25
    for p in (0., 0.2, 0.9): yield numbers(30,20, dtype=torch.float32),p
    yield numbers(20,30).t(),0.5
    yield numbers(20,60)[:,::2],0.1

def told_of(f, x, p):
    "Statistics of what `f`, a dropout with probability `p`, makes of `x`"
    with seeded() as start:
        before = x.clone()
        first = f(x)
        if not isinstance(first, torch.Tensor): return first
        told = {'shape': tuple(first.shape), 'dtype': str(first.dtype).replace('torch.', ''),
                'the input stays as it is': torch.equal(x, before)}
        x = before
        if first.shape!=x.shape or x.numel()<10: return told  # too few to tell what is random
        draws = [first] + [f(x.clone()) for _ in range(min(400, 16_000//x.numel()))]
        start()
        again = f(x.clone())
        own = x.clone().requires_grad_()
        with torch.enable_grad(): out = f(own*1)
        g = torch.autograd.grad(out.sum(), own, allow_unused=True)[0] if out.requires_grad else None
    ratio = torch.stack(draws).detach().double()/x.double()
    dropped = (ratio==0)
    if p: told |= {'all calls give the same': dropped.any().item() and not dropped.all().item() and (ratio==ratio[0]).all().item()}
    if told.get('all calls give the same'): return told
    factors = sorted({f'{o:.4g}' for o in ratio[~dropped].tolist()})
    told |= {'the numbers that are kept are multiplied by': ', '.join(factors[:4]) or 'none is kept'}
    if ratio.numel()>3000: told |= {'the fraction set to 0': dropped.double().mean().item()}
    if x.ndim==2 and min(x.shape)>10:
        told |= {'the fraction of neighbours in a row that are both 0': (dropped[:,:,1:]&dropped[:,:,:-1]).double().mean().item(),
                 'the fraction of neighbours in a column that are both 0': (dropped[:,1:]&dropped[:,:-1]).double().mean().item()}
    if x.numel()>=30: told |= {'after the same seed it gives the same': torch.equal(first, again)}
    return told | {'its gradient is the factor of each number': 
        g is not None and torch.allclose((g*own).detach().double(), out.detach().double())}

def told_wanted(x, p):
    told = {'shape': tuple(x.shape), 'dtype': str(x.dtype).replace('torch.', ''), 'the input stays as it is': True}
    if x.numel()<10: return told
    if p: told |= {'all calls give the same': False}
    told |= {'the numbers that are kept are multiplied by': f'{1/(1-p):.4g}'}
    if (1+min(400, 16_000//x.numel()))*x.numel()>3000: told |= {'the fraction set to 0': p}
    if x.ndim==2 and min(x.shape)>10: told |= {f'the fraction of neighbours in a {o} that are both 0': p*p for o in ('row', 'column')}
    if x.numel()>=30: told |= {'after the same seed it gives the same': True}
    return told | {'its gradient is the factor of each number': True}

def use_dropout(f, x, p): return told_of(lambda x: f(x, p), x, p)

def dropout_with(keep=lambda x, p: torch.rand(x.shape)>=p, scale=lambda p: 1/(1-p), result=lambda x, keep, scale: x*keep*scale):
    def wrong(x, p): return result(x, keep(x, p), scale(p))
    return made(use_dropout, wrong)

def rows_of(x, p): return torch.rand(x.shape[:1] + (1,)*(x.ndim-1))>=p if x.ndim else torch.rand(())>=p
def columns_of(x, p): return (torch.rand(x.shape[-1:])>=p).expand(x.shape) if x.ndim else torch.rand(())>=p
def the_same(x, p): return torch.rand(x.shape, generator=torch.Generator().manual_seed(0))>=p

DROPOUTS = ('dropout', 'dropout_', 'alpha_dropout', 'feature_dropout', 'native_dropout', 'dropout1d', 'dropout2d')

check('dropout', '08', activations, use=use_dropout, near=0.05, facts=True, names=('x', 'p'), without=DROPOUTS,
      same=('dropout', 'Dropout'),
      hints=('`torch.rand(x.shape)` gives each activation a random number between 0 and 1. What fraction of these is below `p`?',
          'What is not below `p` is kept: this comparison is true or false for each number, and `x` can be multiplied by it. Then divide '
          'by the fraction that is kept, 1-p.'), mistakes={
    'the numbers that are kept stay as they are, so that the mean shrinks; divide them by 1-p': dropout_with(scale=lambda p: 1.),
    'the numbers that are kept are multiplied by 1-p; divide by it, so that the mean stays': dropout_with(scale=lambda p: 1-p),
    'the numbers that are kept are divided by p; divide by 1-p, the fraction that is kept':
        dropout_with(scale=lambda p: float(1/torch.tensor(p))),
    '`p` is the probability of being *dropped*; here it is that of being kept': dropout_with(lambda x, p: torch.rand(x.shape)<p),
    '`p` is the probability of being *dropped*; here it is that of being kept, and what is kept is divided by it':
        dropout_with(lambda x, p: torch.rand(x.shape)<p, lambda p: 1/p if p else 1.),
    'whole rows are dropped; each number is dropped or kept on its own, so draw as many random numbers: `torch.rand(x.shape)`':
        dropout_with(rows_of),
    'all rows lose the same columns; each number is dropped or kept on its own, so draw as many random numbers: `torch.rand(x.shape)`':
        dropout_with(columns_of),
    'each call drops the same numbers; draw new random numbers each time': dropout_with(the_same),
    'the numbers are compared with a normal random number; `torch.rand` is uniform from 0 to 1, so that a fraction `p` lies below `p`':
        dropout_with(lambda x, p: torch.randn(x.shape)>=p),
    'nothing is dropped': dropout_with(lambda x, p: torch.ones(x.shape), lambda p: 1.),
    'these are the factors alone; multiply `x` by them': dropout_with(result=lambda x, keep, scale: keep*scale),
    '`p` makes no difference here; it is the probability of being dropped': dropout_with(lambda x, p: torch.rand(x.shape)>=0.5),
    '`x` itself is changed; give a new tensor back, and use no function that ends in an underscore':
        dropout_with(result=lambda x, keep, scale: x.mul_(keep)*scale),
    'nothing is dropped, and all numbers are enlarged; multiply by the numbers that say which are kept':
        dropout_with(result=lambda x, keep, scale: x*scale),
    'the right numbers come back, but `x` has been changed as well; compute with new tensors':
        dropout_with(result=lambda x, keep, scale: (x*keep*scale, x.add_(1))[0]),
    'nothing comes back: end with `return`': dropout_with(result=lambda x, keep, scale: None),
    'the numbers that are kept change their sign: divide by 1-p, not by p-1': dropout_with(scale=lambda p: 1/(p-1)),
    'the numbers that are kept are divided by 1+p, so that they shrink; divide by 1-p': dropout_with(scale=lambda p: 1/(1+p)),
    'true and false are added to `x`; multiply by them, so that what is dropped becomes 0':
        dropout_with(result=lambda x, keep, scale: (x+keep)*scale),
    'the quotient is upside down: divide what is kept by 1-p': dropout_with(result=lambda x, keep, scale: 1/(x*keep*scale)),
    'no gradient flows back; compute with `x` itself, without `detach` or `.data`':
        dropout_with(result=lambda x, keep, scale: (x*keep*scale).detach()),
    'the result is float32, whatever `x` is; keep its dtype': dropout_with(result=lambda x, keep, scale: (x*keep*scale).float()),
    'all numbers are dropped or kept together; draw a random number for each: `torch.rand(x.shape)`':
        dropout_with(lambda x, p: torch.rand(())>=p)})(told_wanted)

def layers():
    "In which mode the layer is, activations and probabilities"
    yield 'evaluation',numbers(12),0.5
    yield 'training',numbers(12),0.5
    for shape,p in (((20,30), 0.2), ((1,), 0.5), ((0,2), 0.5), ((2,3,4), 0.25), ((30,), 0.)):
        for mode in ('training', 'evaluation'): yield mode,numbers(*shape, dtype=torch.float32),p
    yield 'training after evaluation',numbers(40),0.5
    yield 'parameters',numbers(1),0.5

def use_layer(cls, mode, x, p):
    "In a model, as a layer is used"
    layer = cls(p)
    model = nn.Sequential(layer)
    if mode=='parameters': return {'the number of parameters': len(list(model.parameters()))}
    if mode=='training after evaluation': model.eval()
    model.train(mode!='evaluation')
    return told_of(model, x, 0. if mode=='evaluation' else p)

def a_layer(f):
    class Wrong(nn.Module):
        def __init__(self, p):
            super().__init__()
            self.p = p
        def forward(self, x): return f(x, self.p, self.training)
    return made(use_layer, Wrong)

def drop(x, p): return x*(torch.rand(x.shape)>=p)/(1-p)
class NoModule:
    "A class of its own"
    def __init__(self, p): self.p = p
    def __call__(self, x): return drop(x, self.p)

@check('Dropout', '08', layers, use=use_layer, near=0.05, facts=True, names=('mode', 'x', 'p'), without=DROPOUTS, same=('Dropout',),
      hints=('A module knows its mode: what is `self.training` after `eval()`? What does the layer do in each mode?',
          'Keep `p` in `__init__`, after `super().__init__()`. `forward` gives what `dropout` makes of `x` in training, and `x` itself '
          'otherwise.'), mistakes={
    'numbers are dropped in evaluation mode as well; return `x` as it is unless `self.training`':
        a_layer(lambda x, p, training: drop(x, p)),
    'numbers are dropped in evaluation and kept in training; it is the other way round':
        a_layer(lambda x, p, training: x if training else drop(x, p)),
    'nothing is ever dropped; do so while `self.training`': a_layer(lambda x, p, training: x),
    'the output is scaled in evaluation, and it should not be: `dropout` has enlarged what is kept in training':
        a_layer(lambda x, p, training: drop(x, p) if training else x*(1-p)),
    'this is no layer of PyTorch yet; derive the class from `nn.Module`, and begin `__init__` with `super().__init__()`':
        made(use_layer, NoModule)})
def layer_wanted(mode, x, p):
    return {'the number of parameters': 0} if mode=='parameters' else told_wanted(x, 0. if mode=='evaluation' else p)

# label smoothing

def labels():
    "Labels, a fraction and the number of classes"
    yield torch.tensor([1]),0.5,2
    yield torch.tensor([0,2]),0.3,3
    yield torch.tensor([2,0,1,2]),0.1,4
    for eps in (0.1, 0., 1., 0.5): yield torch.tensor([3,9,0,3]),eps
    yield torch.arange(10),0.1
    yield torch.tensor([0,0]),0.2,1
    yield torch.zeros(0, dtype=torch.int64),0.1,3
    yield torch.arange(12)[::3],0.25,12

def hot(y, c): return torch.eye(c, dtype=torch.float64)[y]

@check('smooth_labels', '08', labels, names=('y', 'eps', 'c'), without=('numpy',), same=('smooth_labels', 'smoothed_loss'),
      hints=('`F.one_hot(y, c)` has a 1 for the right class. How much of it stays, and what does each of the `c` classes get?',
          'Multiply the one-hot targets by 1-eps, and add an equal part of `eps` to all. Each row still sums to 1.'), mistakes={
    '`eps` goes to the *other* classes only; it is spread over all `c` of them, the right one included':
        lambda y, eps, c=10: (hot(y, c)*(1-eps) + (1-hot(y, c))*eps/max(c-1, 1)).float(),
    'the right class does not lose anything: multiply the one-hot targets by 1-eps': lambda y, eps, c=10: (hot(y, c)+eps/c).float(),
    'every class gets all of `eps`; it is divided by the number of classes': lambda y, eps, c=10: (hot(y, c)*(1-eps)+eps).float(),
    'the right class loses `eps`, and nobody gets it: add `eps/c` to all classes': lambda y, eps, c=10: (hot(y, c)*(1-eps)).float(),
    'these are the one-hot targets; take `eps` of their 1 and spread it': lambda y, eps, c=10: hot(y, c).float(),
    'the right class gets the small part, and the others share the large one': lambda y, eps, c=10: (hot(y, c)*eps+(1-eps)/c).float(),
    'the number of classes is 10 here, whatever `c` is': lambda y, eps, c=10: (hot(y, max(c, 10))*(1-eps)+eps/10).float(),
    'the right class gets 1-eps; it gets its part of `eps` as well': lambda y, eps, c=10: torch.where(hot(y, c)==1, 1-eps, eps/c).float()})
def smoothed(y, eps, c=10):
    t = torch.full((len(y),c), eps/c, dtype=torch.float64)
    for row,k in enumerate(y.tolist()): t[row,k] += 1-eps
    return t.float()

def predicted():
    "Logits, labels and fractions"
    yield torch.tensor([[0.,0.]]),torch.tensor([0])
    yield torch.tensor([[1.,2.]]),torch.tensor([0]),0.5
    yield torch.tensor([[1.,2.,0.],[3.,5.,1.]]),torch.tensor([2,0]),0.3
    for i,(n,c) in enumerate([(1,3), (4,2), (3,3), (5,10), (20,10), (2,1)]):
        yield randn(n,c, seed=i, dtype=torch.float32),torch.arange(n)*3%c
        yield randn(n,c, seed=i+20),torch.arange(n).flip(0)*2%c,(0.1, 0., 1., 0.25, 0.5, 0.1)[i]
    yield torch.tensor([[500.,0.,-500.]]),torch.tensor([2])
    yield torch.tensor([[-500.,-503.],[500.,501.]]),torch.tensor([1,0]),0.2
    yield randn(3,4, seed=1).t(),torch.tensor([0,2,1,2])
    yield randn(2,3, seed=2).requires_grad_(),torch.tensor([2,1])
    yield randn(3,10, seed=3, dtype=torch.float32).requires_grad_(),torch.tensor([2,1,7]),0.3

def targets(y, eps, c): return smoothed(y, eps, c).double()
def each(preds, y, eps=0.1): return -(targets(y, eps, preds.shape[1])*preds.double().log_softmax(1)).sum(1)
def loss_with(f): return lambda preds, y, eps=0.1: f(preds.double(), y, eps, preds.shape[1]).to(preds.dtype)

@check('smoothed_loss', '08', predicted, near=1e-5, names=('preds', 'y', 'eps'), without=('losses', 'numpy'),
       same=('smoothed_loss', 'cross_entropy'),
      hints=('Cross-entropy with any targets is minus the sum over the classes of target times log-probability, and the mean over the '
          'examples. Where do the targets come from?',
          'The targets are `smooth_labels` of `y` and `eps`, for as many classes as `preds` has columns; multiply them by '
          '`preds.log_softmax(1)`. Sum over the classes, take the mean over the examples, and put a minus before it.'), mistakes={
    'this is the sum over the batch; the loss is a mean, so divide by n': loss_with(lambda x, y, eps, c: each(x, y, eps).sum()),
    'the mean goes over examples *and* classes; sum over the classes, and take the mean over the examples':
        loss_with(lambda x, y, eps, c: each(x, y, eps).mean()/c),
    'the sign is wrong: the loss is *minus* the sum of target times log-probability':
        loss_with(lambda x, y, eps, c: -each(x, y, eps).mean()),
    'the labels are not smoothed: this is the usual cross-entropy': loss_with(lambda x, y, eps, c: each(x, y, 0.).mean()),
    '`eps` makes no difference here; pass it on to `smooth_labels`': loss_with(lambda x, y, eps, c: each(x, y, 0.1).mean()),
    'this multiplies by the probabilities; multiply by their logarithms': 
        loss_with(lambda x, y, eps, c: -(targets(y, eps, c)*x.softmax(1)).sum(1).mean()),
    'this multiplies by the logits themselves; turn them into log-probabilities with `log_softmax(1)`':
        loss_with(lambda x, y, eps, c: -(targets(y, eps, c)*x).sum(1).mean()),
    'a probability was rounded to 0 before its logarithm was taken; compute the logarithm of the softmax directly, with `log_softmax`':
        lambda preds, y, eps=0.1: -(targets(y, eps, preds.shape[1])*preds.softmax(1).log()).sum(1).mean().to(preds.dtype),
    '`eps` is spread over the other classes only; `smooth_labels` spreads it over all': loss_with(lambda x, y, eps, c:
        -((hot(y, c)*(1-eps)+(1-hot(y, c))*eps/max(c-1, 1))*x.log_softmax(1)).sum(1).mean()),
    'the softmax goes down the columns; the probabilities of each row sum to 1, so take it over dimension 1':
        loss_with(lambda x, y, eps, c: -(targets(y, eps, c)*x.log_softmax(0)).sum(1).mean())})
def smoothed_entropy(preds, y, eps=0.1):
    x = preds.double()
    right = x.gather(1, y[:,None])[:,0]
    return (x.logsumexp(1)-(1-eps)*right-eps*x.mean(1)).mean().to(preds.dtype)
