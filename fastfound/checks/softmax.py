"Chapter 3: softmax and cross-entropy. What is wanted comes from PyTorch, in float64."
import torch
import torch.nn.functional as F
from .backprop import ADDED_UP, WITHOUT, add_g, gradients, layer_with, set_g, use_loss, whole
from .spec import check, randn

# softmax and cross-entropy

def logits():
    "Logits: whole numbers, one class, large ones of both signs, other dimensions, minus infinity, without numbers"
    yield whole([0.,0.]),
    yield whole([1.,2.,3.]),
    yield whole([1.,2.],[3.,5.]),
    for i,shape in enumerate([(1,1), (1,4), (4,1), (2,3), (3,3), (5,7)]): yield randn(*shape, seed=i),
    for i,shape in enumerate([(2,3), (3,3), (1,10)]): yield randn(*shape, seed=i, dtype=torch.float32),
    yield whole([1000.,1000.]),
    yield whole([1000.,0.],[-1000.,-1001.]),
    yield whole([-1000.,-1000.,-1002.]),
    yield torch.tensor([[100.,0.],[0.,-100.]]),
    yield whole([1.,float('-inf'),2.]),
    yield randn(2,3, seed=1),0
    yield randn(3,3, seed=2),0
    yield randn(3,3, seed=3),1
    yield randn(2,3,4, seed=4),1
    yield randn(2,3,4, seed=5),-2
    yield randn(2,3,4, seed=6),
    yield randn(4, seed=7),
    yield randn(3,4, seed=8).t(),
    yield randn(3,8, seed=9)[:,::2],
    yield randn(2,3, seed=10).requires_grad_(),
    yield torch.zeros(0,3),
    yield torch.zeros(3,0),

def not_empty(x, dim=-1):
    if not x.numel(): raise IndexError('no maximum of no numbers')
    return x.double().log_softmax(dim).to(x.dtype)
def first_dim(x, dim=-1): return x.log_softmax(0)
def exp_of(f): return lambda x, dim=-1: f(x, dim).exp()
def softmax_by(f): return {k: exp_of(v) for k,v in f.items()}

NAIVE = ('this is right for small logits, but the exponential of 1000 is infinite; subtract the largest logit of the row first, '
         'which does not change the result')
SHARED = {
    'the classes are those of `dim`, by default the last dimension, so that the probabilities of each *row* sum to 1': first_dim,
    '`dim` makes no difference here; it is the dimension whose probabilities sum to 1': lambda x, dim=-1: x.log_softmax(-1),
    NAIVE: lambda x, dim=-1: (x.exp()/x.exp().sum(dim, keepdim=True)).log(),
    'the exponentials are divided by the sum over the whole tensor; sum over `dim` only, and keep it: `keepdim=True`':
        lambda x, dim=-1: x.flatten().log_softmax(0).view(x.shape),
    'the sum goes over dimension 0, down the columns, and the largest logit is not subtracted; sum over `dim`, with `keepdim=True`':
        lambda x, dim=-1: (x.exp()/x.exp().sum(0)).log(),
    'the exponentials are divided by the sum of all, and the largest logit is not subtracted; sum over `dim`, with `keepdim=True`':
        lambda x, dim=-1: (x.exp()/x.exp().sum()).log(),
    'the largest number of the whole tensor is subtracted; a row of far smaller ones then has exponentials of 0, so take that of each row':
        lambda x, dim=-1: (x-x.max()-(x-x.max()).exp().sum(dim, keepdim=True).log()) if x.numel() else x}
def log_of_sum(z, dim): return z-z.exp().sum(dim, keepdim=True).log()
def shifted(f):
    "A mistake after the largest logit was subtracted"
    return lambda x, dim=-1: f(x-x.max(dim, keepdim=True).values, dim) if x.numel() else x.clone()

EMPTY = 'a tensor without any numbers has no maximum; give one like it back'

check('log_softmax', '03', logits, near=1e-5, without=('softmax', 'numpy'), same=('log_softmax', 'softmax', 'logsumexp'),
    names=('x', 'dim'), hints=(
    'Above, it is written for the last dimension. What changes for `dim`, and which tensors have no maximum?',
    'Give back a copy if there are no numbers. Else subtract the maximum over `dim` (`keepdim=True`, and `.values`), and from the result '
    'the logarithm of the sum of its exponentials over `dim`.'),
    mistakes=SHARED | {
    'these are the probabilities; take their logarithms': lambda x, dim=-1: x.softmax(dim),
    'the logarithm of the softmax is taken at the end, and what was rounded to 0 has none; '
    'subtract the log-sum-exp from the logits instead':
        lambda x, dim=-1: x.softmax(dim).log(),
    'the largest logit is subtracted, but not the logarithm of the sum of the exponentials':
        lambda x, dim=-1: x-x.max(dim, keepdim=True).values if x.numel() else x,
    'the largest logit is subtracted once too often, or not everywhere: the log-sum-exp is that of the shifted logits':
        lambda x, dim=-1: x-(x-x.max(dim, keepdim=True).values).exp().sum(dim, keepdim=True).log() if x.numel() else x,
    'the sign is wrong: subtract the log-sum-exp from the logits': lambda x, dim=-1: -x.log_softmax(dim),
    'the logarithm is missing: subtract the *logarithm* of the sum of the exponentials':
        shifted(lambda z, dim: z-z.exp().sum(dim, keepdim=True)),
    'the logarithm is missing, and the largest logit is not subtracted: it is the logarithm of the sum of the exponentials of what is left':
        lambda x, dim=-1: x-x.exp().sum(dim, keepdim=True),
    'the log-sum-exp is added; subtract it': shifted(lambda z, dim: z+z.exp().sum(dim, keepdim=True).log()),
    'the exponential is missing: add up the exponentials of the logits, not the logits':
        shifted(lambda z, dim: z-z.sum(dim, keepdim=True).log()),
    'the logits come back as they are; that is right only for a tensor without any numbers': lambda x, dim=-1: x.clone(),
    'the maximum lost its axis, and lines up with the wrong numbers: `keepdim=True` keeps it':
        lambda x, dim=-1: log_of_sum(x-x.max(dim).values, dim) if x.numel() else x.clone(),
    'the sum lost its axis, and lines up with the wrong numbers: `keepdim=True` keeps it':
        shifted(lambda z, dim: z-z.exp().sum(dim).log()),
    'the largest number is added; subtract it, so that the largest exponential is 1':
        lambda x, dim=-1: log_of_sum(x+x.max(dim, keepdim=True).values, dim) if x.numel() else x.clone(),
    'the smallest logit is subtracted; take the largest, so that no exponential is above 1':
        lambda x, dim=-1: log_of_sum(x-x.min(dim, keepdim=True).values, dim) if x.numel() else x.clone(),
    'the logarithm is that of one more than the sum: `log1p` adds 1 first':
        shifted(lambda z, dim: z-z.exp().sum(dim, keepdim=True).log1p()),
    'this is the mean of the exponentials, not their sum':
        lambda x, dim=-1: x.log_softmax(dim)+(torch.log(torch.tensor(float(x.shape[dim]))) if x.numel() else 0),
    EMPTY: not_empty})(
    lambda x, dim=-1: (x.double()-x.double().logsumexp(dim, keepdim=True)).to(x.dtype) if x.numel() else x.clone())

check('softmax', '03', logits, near=1e-5, without=('softmax', 'numpy'), same=('softmax',), names=('x', 'dim'),
    hints=(
    '`log_softmax` gives the logarithms of the probabilities. Which function leads back?',
    'Take the exponential of `log_softmax`, and hand `dim` on to it.'),
    mistakes=softmax_by(SHARED) | {
    'these are the logarithms of the probabilities; take their exponentials': lambda x, dim=-1: x.log_softmax(dim),
    'the logits are divided by their sum; take the exponential of each first, which is never negative':
        lambda x, dim=-1: x/x.sum(dim, keepdim=True),
    'these are the exponentials; divide them by their sum, so that each row sums to 1': lambda x, dim=-1: x.exp(),
    'the exponentials of the shifted logits are not divided by their sum':
        lambda x, dim=-1: (x-x.max(dim, keepdim=True).values).exp() if x.numel() else x,
    'this divides by the largest exponential; divide by the sum of all':
        lambda x, dim=-1: x.exp()/x.exp().amax(dim, keepdim=True) if x.numel() else x,
    'this is the sigmoid, which looks at each logit alone; the softmax divides by the sum over the classes': lambda x, dim=-1: x.sigmoid(),
    'the softmax is that of minus the logits; the largest logit gets the largest probability': lambda x, dim=-1: (-x).softmax(dim),
    EMPTY: lambda x, dim=-1: not_empty(x, dim).exp()})(
    lambda x, dim=-1: x.double().softmax(dim).to(x.dtype))

def classes():
    "Logits and class numbers: whole numbers, certain ones, large ones, batches of one"
    def of(*targ): return torch.tensor(targ)
    yield whole([0.,0.]),of(0)
    yield whole([1.,2.],[3.,5.]),of(0,1)
    yield whole([1.,2.,0.],[3.,5.,1.]),of(2,0)
    yield whole([1.,2.],[3.,5.]),of(1,1)
    for i,(n,c) in enumerate([(1,1), (1,4), (4,1), (2,3), (3,3), (5,7), (20,10)]):
        yield randn(n,c, seed=i),torch.arange(n)*3%c
        yield randn(n,c, seed=i+20, dtype=torch.float32),torch.arange(n).flip(0)*2%c
    yield whole([1000.,1000.]),of(0)
    yield whole([1000.,0.]),of(1)
    yield whole([-1000.,-1003.],[1000.,1001.]),of(1,0)
    yield torch.tensor([[200.,0.,-200.]]),of(2)
    yield randn(3,4, seed=8).t(),of(0,2,1,2)
    yield randn(3,8, seed=9)[:,::2],of(3,3,0)
    yield randn(2,3, seed=10).requires_grad_(),of(2,1)

NARROW = ('`F.one_hot(targ)` makes as many columns as the largest class in this batch needs; pass the number of classes: '
          '`F.one_hot(targ, c)`')

def refused(x, t): raise AssertionError('the shapes')
def picked(p, targ): return p.gather(1, targ[:,None])[:,0]
def nll(x, targ): return -picked(x.double().log_softmax(1), targ)

@check('cross_entropy', '03', classes, near=1e-5, without=('losses', 'numpy'), same=('cross_entropy', 'CrossEntropy', 'nll_loss'),
    names=('preds', 'targ'), hints=(
    '`log_softmax(preds)` is (n,c). Which one number of each row counts?',
    '`gather(1, columns)` picks a number from each row, for `columns` of shape (n,1); `targ` needs a second axis for that. Then take the '
    'mean, with a minus sign.'),
    mistakes={
    'this is the sum over the batch; the loss is a mean, so divide by n': lambda x, t: nll(x, t).sum().to(x.dtype),
    'the sign is wrong: the loss is *minus* the log-probability, and never negative': lambda x, t: -nll(x, t).mean().to(x.dtype),
    'this is the probability of the right class; take its logarithm first': lambda x, t: -picked(x.softmax(1), t).mean(),
    'this is one minus the probability of the right class; the loss is minus its logarithm': lambda x, t: 1-picked(x.softmax(1), t).mean(),
    'the logarithm is taken of the mean probability; take it for each example, and then the mean':
        lambda x, t: -picked(x.softmax(1), t).mean().log(),
    'the mean goes over examples *and* classes; only one log-probability an example counts, so divide by n':
        lambda x, t: (nll(x, t).sum()/x.numel()).to(x.dtype),
    'the mean goes over the log-probabilities of all classes; pick that of the right class in each row':
        lambda x, t: -x.log_softmax(1).mean(),
    'each row picks the classes of *all* examples; `preds[:, targ]` is a matrix, `preds[range(n), targ]` a number for each row':
        lambda x, t: -x.log_softmax(1)[:,t].mean(),
    'the softmax goes down the columns; the probabilities of each row sum to 1, so take it over dimension 1':
        lambda x, t: -picked(x.log_softmax(0), t).mean(),
    'the softmax is taken twice: the log-softmax turns logits into probabilities by itself':
        lambda x, t: -picked(x.softmax(1).log_softmax(1), t).mean(),
    'this picks from the logits themselves; subtract the log-sum-exp of each row, which turns them into log-probabilities':
        lambda x, t: -picked(x, t).mean(),
    NAIVE: lambda x, t: -picked((x.exp()/x.exp().sum(1, keepdim=True)).log(), t).mean(),
    'a probability was rounded to 0 before its logarithm was taken; compute the logarithm of the softmax directly, with `log_softmax`':
        lambda x, t: -picked(x.softmax(1).log(), t).mean(),
    'a probability was rounded to 0: its logarithm is -inf, and 0 times that is nan; take `log_softmax`, which never makes a 0':
        lambda x, t: -(F.one_hot(t, x.shape[1])*x.softmax(1).log()).sum(1).mean(),
    NARROW: lambda x, t: -(F.one_hot(t)*x.log_softmax(1)).sum(1).mean(),
    'the largest number of all is subtracted, and a row of far smaller ones then has exponentials of 0; subtract that of each row':
        lambda x, t: -picked((lambda z: z-z.exp().sum(1, keepdim=True).log())(x-x.max()), t).mean(),
    'the sum goes down the columns; the probabilities of each row sum to 1, so sum over dimension 1, with `keepdim=True`':
        lambda x, t: -picked((x.exp()/x.exp().sum(0)).log(), t).mean(),
    'these are the losses of the examples; the loss is their mean': lambda x, t: nll(x, t).to(x.dtype),
    'the logarithm is that to base 2; take the natural one':
        lambda x, t: (nll(x, t).mean()/torch.log(torch.tensor(2., dtype=torch.float64))).to(x.dtype),
    'this is a number of Python; a loss stays a tensor, so that its gradient can be found': lambda x, t: nll(x, t).mean().item(),
    'this picks from columns: `gather(0, ...)` takes a row for each number, and `gather(1, ...)` a class of each row':
        lambda x, t: -x.log_softmax(1).gather(0, t[:,None]).mean(),
    'all are picked from the first row; pass the class numbers as a column, `targ[:,None]`, with one for each row':
        lambda x, t: -x.log_softmax(1).gather(1, t[None]).mean(),
    '`gather` needs as many axes in the class numbers as in the logits: pass a matrix (n,1), `targ[:,None]`':
        lambda x, t: -x.log_softmax(1).gather(1, t).mean(),
    'the shapes (n,c) and (n,) are right, but they are refused: what does your check of them ask for?': refused,
    'this is the largest log-probability of each row; pick that of the right class': lambda x, t: -x.log_softmax(1).max(1).values.mean(),
    'this is the root of the mean square; take the mean of the losses': lambda x, t: nll(x, t).square().mean().sqrt().to(x.dtype)})
def cross_entropy(preds, targ):
    x = preds.double()
    return (x.logsumexp(1)-picked(x, targ)).mean().to(preds.dtype)

def losses():
    "Logits without infinities, and class numbers"
    for x,targ in classes():
        if x.isfinite().all(): yield x.detach(),targ

OF_THE_FUNCTION = 'what `cross_entropy` gives, and that is not right: see its check first'

def use_entropy(layer, inp, targ):
    "As `use_loss`; a loss that is wrong only because the reader's `cross_entropy` is says so"
    told = use_loss(layer, inp, targ)
    f,loss = getattr(getattr(layer, 'forward', None), '__globals__', {}).get('cross_entropy'),told['the loss']
    if not callable(f) or not isinstance(loss, torch.Tensor) or loss.allclose(cross_entropy(inp, targ), rtol=1e-5, atol=1e-5): return told
    other = f(inp, targ)
    return told | ({'the loss': OF_THE_FUNCTION} if isinstance(other, torch.Tensor) and torch.equal(other, loss) else {})

def entropy_with(g, hot=lambda t, c: F.one_hot(t, c), store=set_g):
    "The mistake of a cross-entropy with this gradient"
    return layer_with(use_entropy, lambda self, x, t: nll(x, t).mean().to(x.dtype),
                      lambda self, out, x, t: store(x, g(x.softmax(1), hot(t, x.shape[1]), len(x)).to(x.dtype)))

def columns(t, c): return torch.zeros(len(t), c).index_fill(1, t, 1.)

@check('CrossEntropy', '03', losses, near=1e-5, use=use_entropy, names=('inp', 'targ'), without=(*WITHOUT, 'losses'),
    same=('CrossEntropy',),
    hints=(
    '`forward(inp, targ)` gives the loss. The gradient that `bwd(out, inp, targ)` sets stands in the text above the cell.',
    '`F.one_hot(targ, inp.shape[1])` is the one-hot target. Subtract it from the softmax, divide by the number of examples, and set '
    '`inp.g`.'),
    mistakes={
    'this is the gradient of the sum over the batch; the loss is a mean, so divide by n': entropy_with(lambda p, hot, n: p-hot),
    'the sign is wrong: softmax minus the one-hot target, so that the right logit has a negative gradient and rises':
        entropy_with(lambda p, hot, n: (hot-p)/n),
    'the one-hot target is missing: subtract 1 from the softmax at the right class': entropy_with(lambda p, hot, n: p/n),
    'only the logit of the right class gets a gradient; all others are in the log-sum-exp, too':
        entropy_with(lambda p, hot, n: hot*(p-1)/n),
    'this multiplies by n; the loss is a mean, so divide by it': entropy_with(lambda p, hot, n: (p-hot)*n),
    'the one-hot target is added; subtract it': entropy_with(lambda p, hot, n: (p+hot)/n),
    'the gradient is divided by the number of classes, too; the mean goes over the examples only':
        entropy_with(lambda p, hot, n: (p-hot)/p.numel()),
    'this is the gradient for *probabilities*, minus one over that of the right class; the softmax is part of this loss':
        entropy_with(lambda p, hot, n: -hot/p/n),
    ADDED_UP: entropy_with(lambda p, hot, n: (p-hot)/n, store=add_g),
    NARROW: entropy_with(lambda p, hot, n: (p-hot)/n, lambda t, c: F.one_hot(t)),
    'every row loses 1 at the classes of *all* examples: `g[:,targ]` are whole columns, and `g[range(n),targ]` one number of each row':
        entropy_with(lambda p, hot, n: (p-hot)/n, columns)})
def cross_entropy_layer(inp, targ):
    loss,grads = gradients(lambda x: cross_entropy(x, targ), inp)
    return {'the loss': loss, 'inp.g': grads[0]}
