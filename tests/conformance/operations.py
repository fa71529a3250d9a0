"PyTorch's database of operations: every sample in float64 for the operations of our engine and for our functions, with all gradients."
import torch
from torch.testing._internal.common_methods_invocations import op_db
from fastfound import backprop, convolutions, engine, fully_connected, resnet_by_hand
from fastfound.einsum import einsum
from fastfound.engine import Tensor
from outcomes import engine_results, outcome, results

ENGINE = {o: getattr(Tensor, o) for o in (
    'abs add sub mul neg exp log tanh sqrt sigmoid sin cos pow matmul maximum minimum clamp where amax amin sum mean var std '
    'softmax log_softmax reshape view flatten squeeze unsqueeze expand permute transpose float double __getitem__ '
    '__radd__ __rmul__ __rsub__ __rpow__ __rmatmul__').split()}
ENGINE |= {'true_divide': Tensor.div, 'div': Tensor.div, '__rdiv__': Tensor.__rtruediv__, 'cat': engine.cat,
           'nn.functional.relu': Tensor.relu, 'T': lambda t: t.T, 'mT': lambda t: t.mT, 'nn.functional.cross_entropy': Tensor.cross_entropy,
           'nn.functional.conv2d': lambda x, w, *args, **kw: as_tensor(x).conv2d(w, *args, **kw),
           'nn.functional.max_pool2d': Tensor.max_pool2d,
           'nn.functional.batch_norm': lambda x, mean, var, w=None, b=None, *args, **kw: resnet_by_hand.batch_norm(
               x, w, b, *(o.data if isinstance(o, Tensor) else o for o in (mean, var)), *args, **kw)}
PLAIN = {'nn.functional.conv2d': convolutions.conv2d,
         'nn.functional.max_pool2d': convolutions.max_pool2d, 'nn.functional.avg_pool2d': convolutions.avg_pool2d,
         'nn.functional.linear': lambda x, w, b: fully_connected.lin(x, w.t(), b), 'nn.functional.relu': fully_connected.relu,
         'nn.functional.mse_loss': fully_connected.mse, 'softmax': backprop.softmax, 'log_softmax': backprop.log_softmax,
         'nn.functional.cross_entropy': backprop.cross_entropy, 'einsum': lambda ts, spec: einsum(spec, *ts)}
LONG = 60  # samples of one operation, at most: evenly chosen

def as_tensor(o): return o if isinstance(o, Tensor) else Tensor(o)

def mapped(o, f):
    "`o` with `f` applied to every tensor in it"
    if isinstance(o, torch.Tensor): return f(o)
    if isinstance(o, (tuple,list)): return type(o)(mapped(p, f) for p in o)
    if isinstance(o, dict): return {k: mapped(p, f) for k,p in o.items()}
    return o

def run(f, sample, wrap, collect):
    "`f` called with copies of what is in `sample`, each tensor that needs a gradient wrapped; its result with the gradients"
    leaves = []
    def copied(o):
        if not o.requires_grad: return o.clone()
        leaves.append(wrap(o.detach().clone()))
        return leaves[-1]
    out = f(*mapped([sample.input, *sample.args], copied), **mapped(sample.kwargs, copied))
    return collect(out, leaves)

def checks():
    for op in op_db:
        variants = [(ENGINE, 'engine', lambda o: Tensor(o, requires_grad=True), engine_results),
                    (PLAIN, 'function', torch.Tensor.requires_grad_, results)]
        for table,what,wrap,collect in variants:
            if op.name not in table: continue
            samples = list(op.sample_inputs('cpu', torch.float64, requires_grad=True))
            for i,sample in enumerate(samples[::-(-len(samples)//LONG)]):
                def theirs(): return run(op.op, sample, torch.Tensor.requires_grad_, results)
                def ours(): return run(table[op.name], sample, wrap, collect)
                yield f'{what}: {op.name} {op.variant_test_name} {i} {sample.summary()}',*outcome(ours, theirs)
