"NumPy's own tests of einsum: each call that they make is made of ours, too, and both answers are compared."
import contextlib, io, string
from pathlib import Path
import numpy as np, pytest, torch
from fastfound.einsum import einsum
from outcomes import attempt, in_words

TESTS = Path(np.__file__).with_name('_core')/'tests'/'test_einsum.py'
TOLERANCE = {torch.float16: 2e-2, torch.float32: 1e-4, torch.complex64: 1e-4}  # sums in another order

UNSIGNED = torch.uint16,torch.uint32,torch.uint64  # PyTorch cannot multiply them

def in_letters(args):
    "The arguments of a call with a spec; NumPy also takes lists of numbers instead of letters"
    if not args or isinstance(args[0], str): return args
    lists,result = args[1::2],args[-1:] if len(args)%2 else ()
    if not all(isinstance(o, (list,tuple,range)) or np.ndim(o)==1 for o in (*lists, *result)): return args
    terms = [''.join('...' if n is Ellipsis else (string.ascii_letters+'?')[min(n, 52)] for n in o) for o in (*lists, *result)]
    spec = ','.join(terms[:len(lists)]) + (f'->{terms[-1]}' if result else '')
    return spec,*args[:2*len(lists):2]

def as_tensors(operands, dtype):
    "Copies of the operands of NumPy as tensors; None if PyTorch has no such numbers, or does not compute with them"
    try: tensors = [torch.from_numpy(np.array(o, dtype or getattr(o, 'dtype', None))) for o in operands]
    except (TypeError, ValueError): return None
    return None if any(o.dtype in UNSIGNED for o in tensors) else tensors

def outcome(spec, tensors, want, refusal):
    "What ours does where NumPy gives `want`, or raises `refusal`"
    got,error = attempt(lambda: einsum(spec, *tensors))
    if refusal is not None: return ('wrong' if error is None else 'right'),f'NumPy refuses it: {refusal}; ours: {error}'
    if error is not None: return ('refused' if in_words(error) else 'wrong'),f'{type(error).__name__}: {error}'
    want, = as_tensors([want], None) or [None]
    if want is None or got.dtype!=want.dtype: want = torch.einsum(spec, *tensors)  # PyTorch sums small whole numbers as int64
    tol = TOLERANCE.get(got.dtype, 1e-9)
    scale = want.to(torch.complex128).abs().max().item() if want.numel() else 0.
    ok = got.shape==want.shape and torch.allclose(got, want, rtol=tol, atol=tol*scale, equal_nan=True)
    return ('right' if ok else 'wrong'),f'got {got.flatten()[:4]}, wanted {want.flatten()[:4]}'

def checks():
    seen,theirs = [],np.einsum
    def both(*args, **kw):
        spec,*operands = in_letters(args) or (None,)
        tensors = as_tensors(operands, kw.get('dtype')) if isinstance(spec, str) else operands
        out,refusal = attempt(lambda: theirs(*args, **kw))
        settings = kw.keys()-{'optimize'} or not isinstance(kw.get('optimize', False), bool)  # which ours does not have
        if tensors is not None and not (refusal is not None and settings):
            shapes = ' '.join(str(np.shape(o)) for o in operands) if isinstance(spec, str) else ''
            seen.append((f'einsum: {spec!r:.60} {shapes:.80}', *outcome(spec, tensors, out, refusal)))
        if refusal is not None: raise refusal
        return out
    np.einsum = both
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = pytest.main([str(TESTS), '-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', '-W', 'default'])
    finally: np.einsum = theirs
    yield 'einsum: NumPy passes its own tests','right' if code==0 else 'wrong',said.getvalue()[-1500:]
    yield from seen
