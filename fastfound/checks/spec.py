"What a check is: inputs from small to large, an oracle that gives the answers wanted, and oracles of the usual mistakes."
import copy
from dataclasses import dataclass, field
from typing import Callable
import torch

CHECKS = {}  # from a name to its Check

def call(f, *args): return f(*args)

@dataclass
class Check:
    name: str                     # of the function or class that is checked
    chapter: str                  # in which it is written, such as '01'
    want: Callable                # from an input's arguments to the answer
    inputs: Callable              # gives tuples of arguments, the smallest first, the same ones each time
    use: Callable = call          # gives what is compared: from the reader's object and an input's arguments to an answer
    mistakes: dict = field(default_factory=dict)  # from a sentence to what the mistake gives, as `want`
    without: tuple = ()           # what must not be used: names of groups in FORBIDDEN
    same: tuple = ()              # names in the book that do the same, which must not be called either
    changes: bool = False         # whether the inputs may be changed in place
    near: float = 0.              # a tolerance beside that of the dtype, relative to the largest number wanted
    facts: bool = False           # whether facts about the answer are compared, so that no mistake in its numbers is looked for
    names: tuple = ()             # of the arguments, where the reader's own do not tell; or gives them, from an input's arguments

def check(name, chapter, inputs, **kw):
    "Make the function below the oracle of the check `name`"
    def keep(want):
        CHECKS[name] = Check(name, chapter, want, inputs, **kw)
        return want
    return keep

def made(use, wrong):
    "A mistake as `want` of a Check: what `use` gives for `wrong`, an object that makes it"
    def told(*args): return use(wrong, *copy.deepcopy(args))
    told.wrong = wrong
    return told

# functions of PyTorch that an exercise may forbid, by what they have in common
FORBIDDEN = {
    'products': '''matmul __matmul__ __rmatmul__ __imatmul__ mm bmm addmm addmm_ baddbmm addbmm einsum dot mv addmv inner vdot vecdot
        linalg_vecdot tensordot linear bilinear chain_matmul multi_dot linalg_multi_dot kron conv1d conv2d conv3d'''.split(),
    'einsum': ['einsum'],
    'sums': 'sum nansum cumsum mean'.split(),
    'relu': 'relu relu_ leaky_relu leaky_relu_ relu6 hardtanh threshold prelu rrelu elu'.split(),
    'linear': ['linear', 'bilinear'],
    'losses': 'mse_loss cross_entropy nll_loss huber_loss smooth_l1_loss binary_cross_entropy_with_logits'.split(),
    'softmax': 'softmax log_softmax softmin logsumexp logaddexp cross_entropy'.split(),
    'init': '''kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_'''.split(),
    'broadcasting': '''broadcast_shapes broadcast_tensors broadcast_arrays broadcast_to expand expand_as add sub mul div where maximum
        __add__ __sub__ __mul__ __truediv__'''.split(),
    'autograd': 'backward grad autograd_grad requires_grad_ vjp jvp jacobian'.split(),
    'numpy': 'numpy __array__ __array_wrap__ from_numpy tolist'.split()}

def rng(seed): return torch.Generator().manual_seed(seed)

def randn(*shape, seed=0, dtype=torch.float64):
    "Normal numbers, rounded to two places, so that they fit on a line"
    return (torch.randn(shape, generator=rng(seed), dtype=torch.float64)*100).round().div(100).to(dtype)

def _parts(got, want, name=''):
    "Pairs of what came and what was wanted, with the names of the parts; of dicts and of lists of one length"
    if isinstance(want, dict) and isinstance(got, dict): return [o for k in want if k in got for o in _parts(got[k], want[k], k)]
    if isinstance(want, (tuple, list)) and isinstance(got, (tuple, list)) and len(got)==len(want):
        return [o for g,w in zip(got, want) for o in _parts(g, w, name)]
    return [(name,got,want)]

def in_general(
    pairs,   # what came and what was wanted, for each input
    near=0., # as in a Check
):
    "A mistake that has a name in any exercise: nothing returned, the wrong sign, a factor, a transposition; empty if there is none"
    def numbers(o): return o.detach().double() if isinstance(o, torch.Tensor) else torch.tensor(float(o), dtype=torch.float64)
    def number(o): return isinstance(o, (torch.Tensor, float)) and not isinstance(o, bool)
    def same(a, b): return a.shape==b.shape and torch.allclose(a, b, rtol=max(near, 1e-5), atol=max(near, 1e-9), equal_nan=True)
    parts = [o for got,want in pairs if not isinstance(got, Exception) for o in _parts(got, want) if not isinstance(o[2], str)]
    missing = [k for k,got,want in parts if got is None and want is not None]
    if missing and len(missing)==len(parts) and not any(missing): return 'nothing comes back: end with `return` and what it gives'
    if any(missing): return f'`{next(filter(None, missing))}` is not set'
    parts = [(got,want) for _,got,want in parts if number(got) and number(want)]
    other_dtype = any(isinstance(o, torch.Tensor) and isinstance(w, torch.Tensor) and o.dtype!=w.dtype for o,w in parts)
    off = [(g,w) for g,w in ((numbers(got),numbers(want)) for got,want in parts) if not same(g, w)]
    if not off: return 'the numbers are right, but not their dtype: keep that of the input' if other_dtype else ''
    if all(g.shape==w.t().shape and same(g, w.t()) for g,w in off if w.ndim==2) and all(w.ndim==2 for _,w in off):
        return 'the result is transposed: rows and columns are swapped'
    if not all(g.shape==w.shape for g,w in off): return ''
    g,w = (torch.cat([o.flatten() for o in side]) for side in zip(*off))
    known = w.isfinite() & g.isfinite()
    g,w = g[known],w[known]
    if len(w)<3 or not w.any(): return ''
    if not g.any(): return 'every number that should not be 0 is 0: what is computed gets lost, or is never added'
    k = ((g*w).sum()/(w*w).sum()).item()
    if same(g, k*w): return 'every sign is wrong' if abs(k+1)<max(near, 1e-5) else f'every number is {k:.4g} times what it should be'
    if same(g-w, (g-w).mean().expand_as(g)): return f'every number is off by {(g-w).mean().item():.4g}'
    return ''
