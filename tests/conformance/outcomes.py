"How a suite tells what it saw: 'right', 'refused' (in words of ours), or 'wrong', and a detail."
import re
import torch

SAID = re.compile(r'\bgot\b.*\bwanted\b|unexpected keyword argument|takes (from )?\d.* positional|missing \d+ required positional', re.S)

def in_words(error):
    "Whether `error` says what came and what was wanted, or, as Python does, which argument there is not"
    return isinstance(error, (TypeError, ValueError, RuntimeError, AssertionError)) and bool(SAID.search(str(error)))

def attempt(f):
    "What `f()` returns, and None; or None and its error"
    try: return f(),None
    except Exception as e: return None,e

def same(got, want, tol):
    "Why two lists of tensors differ, or an empty string"
    if len(got)!=len(want): return f'got {len(got)} results, wanted {len(want)}'
    for i,(a,b) in enumerate(zip(got, want)):
        if a is None or b is None:
            if (b if a is None else a) is None or not (b if a is None else a).any(): continue  # no gradient is a gradient of 0
            return f'result {i}: got {a}, wanted {b}'
        if a.shape!=b.shape: return f'result {i}: got shape {tuple(a.shape)}, wanted {tuple(b.shape)}'
        if a.dtype!=b.dtype: return f'result {i}: got {a.dtype}, wanted {b.dtype}'
        scale = b[b.isfinite()].abs().max().item() if b.isfinite().any() else 1.
        near = torch.allclose(a, b, rtol=tol, atol=tol*scale, equal_nan=True)
        if not near: return f'result {i}: got {a.flatten()[:4]}, wanted {b.flatten()[:4]}'
    return ''

def outcome(ours, theirs, tol=1e-9):
    "'right', 'refused' or 'wrong', with a detail, for two functions that return lists of tensors: what we do, and what the twin does"
    (want,refusal),(got,error) = attempt(theirs),attempt(ours)
    if refusal is not None: return ('wrong' if error is None else 'right'),f'the twin refuses it: {refusal}; ours: {error}'
    if error is not None: return ('refused' if in_words(error) else 'wrong'),f'{type(error).__name__}: {error}'
    off = same(got, want, tol)
    return ('wrong' if off else 'right'),off

def results(out, leaves):
    "A result of PyTorch and the gradients of a weighted sum of it, for the tensors `leaves`"
    if not out.requires_grad: return [out.detach()]
    weights = torch.linspace(-1, 2, max(out.numel(), 1), dtype=out.dtype)[:out.numel()].reshape(out.shape)
    return [out.detach(), *torch.autograd.grad(out, leaves, weights, allow_unused=True)]

def engine_results(out, leaves):
    "The same for our engine, whose `leaves` are its Tensors"
    if not out.requires_grad: return [out.data]
    weights = torch.linspace(-1, 2, max(out.numel(), 1), dtype=out.dtype)[:out.numel()].reshape(out.shape)
    out.backward(weights)
    return [out.data, *(o.grad for o in leaves)]
