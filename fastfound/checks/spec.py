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
    needs: tuple = ()             # functions of PyTorch of which at least one must have been used, on some input
    arrays: bool = False          # whether arrays in the answer to an exercise stay what they are; else they become tensors
    hints: tuple = ()             # two: how to begin, and one that tells more; those of an exercise stand in its chapter
    names: tuple = ()             # of the arguments, where the reader's own do not tell; or gives them, from an input's arguments

def check(name, chapter, inputs, **kw):
    "Make the function below the oracle of the check `name`"
    def keep(want):
        CHECKS[name] = Check(name, chapter, want, inputs, **kw)
        return want
    return keep

def exercise(number, **kw):
    "Make the function below, which takes no arguments, the answer to an exercise that asks for a value"
    def alone(): yield ()
    return check(number, number.partition('.')[0], alone, **{'use': lambda answer: answer, **kw})

def made(use, wrong):
    "A mistake as `want` of a Check: what `use` gives for `wrong`, an object that makes it"
    def told(*args): return use(wrong, *copy.deepcopy(args))
    told.wrong = wrong
    return told

# functions of PyTorch that an exercise may forbid, by what they have in common
FORBIDDEN = {
    'products': '''matmul __matmul__ __rmatmul__ __imatmul__ mm bmm addmm addmm_ baddbmm addbmm einsum dot mv addmv inner vdot vecdot
        linalg_vecdot tensordot linear bilinear chain_matmul multi_dot linalg_multi_dot kron conv1d conv2d conv3d _sparse_mm _sparse_addmm
        sspaddmm smm hspmm'''.split(),
    'einsum': ['einsum'],
    'sums': 'sum nansum cumsum mean'.split(),
    'numpy alone': 'numpy __array__ __array_wrap__ from_numpy'.split(),  # without `tolist`
    'relu': 'relu relu_ leaky_relu leaky_relu_ relu6 hardtanh threshold prelu rrelu elu'.split(),
    'linear': ['linear', 'bilinear'],
    'losses': 'mse_loss cross_entropy nll_loss huber_loss smooth_l1_loss binary_cross_entropy_with_logits'.split(),
    'softmax': 'softmax log_softmax softmin logsumexp logaddexp cross_entropy'.split(),
    'init': '''kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_'''.split(),
    'broadcasting': '''broadcast_shapes broadcast_tensors broadcast_arrays broadcast_to expand expand_as add sub mul div where maximum
        __add__ __sub__ __mul__ __truediv__'''.split(),
    'autograd': 'backward grad grad_and_value autograd_grad requires_grad_ vjp jvp jacobian jacrev jacfwd hessian'.split()}
FORBIDDEN['numpy'] = [*FORBIDDEN['numpy alone'], 'tolist']

def rng(seed): return torch.Generator().manual_seed(seed)

def randn(*shape, seed=0, dtype=torch.float64):
    "Normal numbers, rounded to two places, so that they fit on a line"
    return (torch.randn(shape, generator=rng(seed), dtype=torch.float64)*100).round().div(100).to(dtype)
