"PyTorch's own database of optimizer inputs: the steps of our optimizers in float64 are those of their twins, or refused in words."
import copy, re
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db
from fastfound.optimizers import SGD, Adam, AdamW, Muon, RMSProp

OURS = {'SGD': SGD, 'Adam': Adam, 'AdamW': AdamW, 'RMSprop': RMSProp, 'Muon': Muon}
IN_WORDS = TypeError, ValueError, RuntimeError
# limits of how PyTorch computes a step, which ours does not have
TAKEN = ("lr as Tensor doesn't work with foreach & not capturable", 'betas must be either both floats or both Tensors',
         r'betas\[0\] as a Tensor is not supported for capturable=False and foreach=True', 'only support 2D parameters')

def randn(*size, seed): return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

def trained(opt_func, kwargs, groups, n=8):
    "Two matrices after each of `n` steps; with `groups` each in one of its own, the second with its own rate and no gradient at first"
    a,b = randn(4, 3, seed=0).requires_grad_(),randn(3, 5, seed=1).requires_grad_()
    opt = opt_func([{'params': [a]}, {'params': [b], 'lr': 0.02}] if groups else [a, b], **copy.deepcopy(kwargs))
    seen = []
    for i,xb in enumerate(randn(n, 6, 4, seed=2)):
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
    params = [randn(4, 3, seed=0)] if o.params is None else o.params
    try:
        opt = ours(params, **o.kwargs)
        if error.error_on is OptimizerErrorEnum.STEP_ERROR: opt.step()
    except IN_WORDS as e:  # of names that only some parameters have PyTorch itself speaks
        return ('right' if re.search('got .*wanted|all optimizer param.* should be with/without names', str(e)) else 'wrong'),str(e)
    return 'wrong','taken, where the twin refuses it'

def checks():
    "Name, outcome and detail of every input of the optimizers that we have"
    for info in optim_db:
        name = info.optim_cls.__name__
        if name not in OURS: continue
        for o in info.optim_inputs_func('cpu', torch.float64):
            for groups in (False, True):
                yield f"{name}: {o.desc}{', two groups'*groups}",*outcome(OURS[name], info.optim_cls, o.kwargs, groups)
        for o in info.optim_error_inputs_func('cpu', torch.float64):
            desc = o.optimizer_error_input.desc
            if desc not in TAKEN: yield f'{name}: error, {desc}',*refusal(OURS[name], o)
