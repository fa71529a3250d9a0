"PyTorch's own database of optimizer inputs: the steps of our optimizers in float64 are those of their twins, or refused in words."
import copy, re, warnings
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db
from fastfound import optimizers

OURS = {'SGD': optimizers.SGD, 'Adam': optimizers.Adam, 'AdamW': optimizers.AdamW, 'RMSprop': optimizers.RMSProp, 'Muon': optimizers.Muon}
IN_WORDS = TypeError, ValueError, RuntimeError
# limits of how PyTorch computes a step, which ours does not have
TAKEN = ("lr as Tensor doesn't work with foreach & not capturable", 'betas must be either both floats or both Tensors',
         r'betas\[0\] as a Tensor is not supported for capturable=False and foreach=True', 'only support 2D parameters')

def parameters(): return [torch.randn(s, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) for i,s in enumerate(((4,3), (3,5)))]

def trained(opt_func, kwargs, groups, n=8):
    "Two matrices after each of `n` steps; with `groups` each in one of its own, the second with another rate, and without a gradient at first"
    a,b = [o.requires_grad_() for o in parameters()]
    opt = opt_func([{'params': [a]}, {'params': [b], 'lr': 0.02}] if groups else [a, b], **copy.deepcopy(kwargs))
    x,seen = torch.randn(n,6,4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)),[]
    for i,xb in enumerate(x):
        (xb@a@b).sin().pow(2).mean().backward()
        if groups and i<2: b.grad = None
        opt.step()
        opt.zero_grad()
        seen += [a.detach().clone(), b.detach().clone()]
    return seen

def outcome(ours, theirs, kwargs, groups):
    "'right' if the steps are the same, 'refused' if ours says in words what it does not take, or else 'wrong'; and the detail"
    wanted = trained(theirs, kwargs, groups)
    try: got = trained(ours, kwargs, groups)
    except IN_WORDS as e:
        said = str(e)
        return ('refused' if f'{ours.__name__}: got' in said and 'wanted' in said else 'wrong'),said
    off = max(((a-b).abs().max()/b.abs().max()).item() for a,b in zip(got, wanted))
    return ('right' if off<1e-12 else 'wrong'),f'off by {off:.1g}'

def refusal(ours, error):
    "'right' if ours refuses in words what its twin refuses, at construction or at the first step"
    o = error.optimizer_error_input
    params = parameters() if o.params is None else o.params
    try:
        opt = ours(params, **o.kwargs)
        if error.error_on is OptimizerErrorEnum.STEP_ERROR: opt.step()
    except IN_WORDS as e: return ('right' if re.search('got .*wanted|all optimizer param', str(e)) else 'wrong'),str(e)  # PyTorch's own words
    return 'wrong','taken, where the twin refuses it'

def checks():
    "Name, outcome and detail of every input of the optimizers that we have"
    warnings.filterwarnings('ignore', category=UserWarning, module='torch')
    for info in optim_db:
        name = info.optim_cls.__name__
        if name not in OURS: continue
        for o in info.optim_inputs_func('cpu', torch.float64):
            for groups in (False, True):
                yield f"{name}: {o.desc}{', two groups'*groups}",*outcome(OURS[name], info.optim_cls, o.kwargs, groups)
        for o in info.optim_error_inputs_func('cpu', torch.float64):
            desc = o.optimizer_error_input.desc
            if desc not in TAKEN: yield f'{name}: error, {desc}',*refusal(OURS[name], o)
