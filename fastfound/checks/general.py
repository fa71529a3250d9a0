"Mistakes that have a name in any exercise: told from what came and what was wanted, whatever the function is for."
# mypy: ignore-errors
import re
import numpy as np
import torch

def without_numpy(o):
    "`o` with a tensor for each array and Python's numbers for NumPy's, in containers, too"
    if isinstance(o, np.generic): return o.item()
    if isinstance(o, np.ndarray) and o.dtype!=object: return torch.tensor(o)
    if type(o) is dict: return {without_numpy(k): without_numpy(v) for k,v in o.items()}
    return type(o)(map(without_numpy, o)) if type(o) in (tuple, list, set, frozenset) else o

def _parts(got, want, name=''):
    "Pairs of what came and what was wanted, with the names of the parts; of dicts and of lists of one length"
    if isinstance(want, dict) and isinstance(got, dict): return [o for k in want if k in got for o in _parts(got[k], want[k], k)]
    if isinstance(want, (tuple, list)) and isinstance(got, (tuple, list)) and len(got)==len(want):
        return [o for g,w in zip(got, want) for o in _parts(g, w, name)]
    return [(name,got,want)]

def _alike(got, want):
    "Whether `got` has all the parts of `want`, and those that are no numbers are as wanted"
    if isinstance(want, dict): return isinstance(got, dict) and got.keys()==want.keys() and all(_alike(got[k], want[k]) for k in want)
    if isinstance(want, (tuple, list)):
        return isinstance(got, (tuple, list)) and len(got)==len(want) and all(map(_alike, got, want))
    return isinstance(want, (torch.Tensor, float)) or type(got) is type(want) and got==want

def _numbers(o): return o.detach().double() if isinstance(o, torch.Tensor) else torch.tensor(float(o), dtype=torch.float64)

RAISED = [
    (RecursionError, '', 'it calls itself without end: a call must come, sooner or later, to a case that it answers at once'),
    (NameError, '', 'a name is used that has no value there: has the cell been run that sets it, is it spelt as there, and is it set on '
     'every way to that line?'),
    (Exception, 'NoneType', 'something that should be a value is `None`: a function that ends without `return` gives it, an argument that '
     'was left out may be it, and so is a gradient not yet computed'),
    (AttributeError, 'Module.__init__', 'a module must be set up before anything is kept in it: first `super().__init__()`'),
    (AttributeError, "attribute '_(modules|parameters|buffers|[a-z_]+hooks)'", 'a module keeps its parts in `_modules` and the like, which '
     '`super().__init__()` makes: does the class inherit from `nn.Module`, and call that first?'),
    (AttributeError, 'has no attribute', 'this object has no such attribute: is it the object that you mean, and was it set, under this '
     'very name, before?'),
    (KeyError, '', 'a key is asked for that is not there yet: set it first, or use `get` with a value to begin with'),
    (IndexError, 'Dimension out of range', 'an axis is named that this tensor has not: of n axes the last is n-1, or -1'),
    (IndexError, 'too many indices', 'there are more indices than axes'),
    (IndexError, 'out of', 'an index goes past the end: of n things the last has the index n-1'),
    (ZeroDivisionError, '', 'something is divided by 0: what is the divisor, and when is it 0?'),
    (TypeError, 'return_types', 'a maximum or minimum over an axis gives two tensors, the values and their indices: take `.values`'),
    (TypeError, 'function_or_method', 'a method is not called: its brackets are missing'),
    (AssertionError, '', 'an `assert` refuses what it gets here: compare what it asks for with the input above'),
    (TypeError, 'unsupported operand', 'two things are put together that do not go together: print the type of both just before that line'),
    (TypeError, 'missing', 'a function is called without an argument that it needs: compare the call with its signature'),
    (TypeError, 'not iterable', 'a list, or something like it, is needed there, and one thing came: print its type just before that line'),
    (TypeError, 'not callable', 'something is called that is no function: brackets stand after it, and the message names its type'),
    (TypeError, '', 'something is used as its kind does not allow, or a function gets too many or too few arguments: '
     'print what goes in, and its type, just before that line'),
    (RuntimeError, 'ambiguous', 'a tensor of several numbers is neither true nor false, and `if`, `and`, `or`, `not`, and '
     'the `max` and `min` of Python ask whether it is: ask for one truth value of many, as by `.any()`; `torch.maximum`, `clamp` '
     'and `where` go number by number'),
    (RuntimeError, 'must match', 'two shapes do not fit: print both just before that line, and align them at the right'),
    (RuntimeError, 'cannot be multiplied', 'the shapes of a product do not fit: the last size of the first must be the first of the '
     'second'),
    (RuntimeError, 'Expected size for first two dimensions', 'the shapes of a product of matrices do not fit: the last size of the first '
     'must be the last but one of the second'),
    (RuntimeError, 'is invalid for input of size', 'the numbers do not fill that shape: its sizes, multiplied, must give how many '
     'there are'),
    (RuntimeError, 'match the broadcast shape', 'what is written into a tensor in place has more axes or larger ones than it: print both '
     'shapes; `[:,None,None]` moves an axis to the left'),
    (RuntimeError, 'must be greater or equal', 'what is written into a place has more axes than it: is an index missing, or a sum?'),
    (RuntimeError, 'in-place operation', 'a tensor is changed in place whose gradient autograd keeps track of: make a new one, or use '
     '`torch.no_grad()`'),
    (RuntimeError, 'inplace operation', 'a tensor is changed in place that autograd needs as it was: make a new one'),
    (RuntimeError, 'view size is not compatible', 'the numbers lie in another order in memory than `view` needs: use `reshape`')]

def raised(
    e, # an exception
):
    "What most often leads to an exception of this kind; empty if there is nothing to tell"
    return next((text for kind,part,text in RAISED if isinstance(e, kind) and re.search(part, str(e))), '')

LEFT_OUT = 'it is right but where `{}` is left out: is its default still the one in the signature?'

def _tensors(args): return [o for o in args if isinstance(o, torch.Tensor)]

KINDS = {  # what inputs may have in common, and of which sort that is
    'a tensor is empty': ('size', lambda ts: any(not o.numel() for o in ts)),
    'an axis has the size 1': ('size', lambda ts: any(1 in o.shape for o in ts)),
    'the numbers are integers': ('dtype', lambda ts: any(not o.is_floating_point() for o in ts)),
    'the numbers are float32': ('dtype', lambda ts: any(o.dtype==torch.float32 for o in ts)),
    'a gradient is asked for': ('gradient', lambda ts: any(o.requires_grad for o in ts)),
    'a number is inf or nan': ('value', lambda ts: any(not o.isfinite().all() for o in ts)),
    'no number is negative': ('value', lambda ts: all((o>=0).all() for o in ts) if any(o.numel() for o in ts) else None)}
BESIDE = {  # by what else they may differ, so that one of the above need not be the reason
    'size': lambda ts: tuple(o.ndim for o in ts), 'dtype': lambda ts: tuple(o.dtype for o in ts),
    'gradient': lambda ts: tuple(o.requires_grad for o in ts), 'memory': lambda ts: tuple(o.is_contiguous() for o in ts)}

def where_only(
    results,   # for each input its arguments, and whether what came is right
    names,     # of the arguments
    own=(),    # those of them that the reader's function has, under this name
    changed=(), # those whose default in the reader's function is another one than in the book's
):
    "What all inputs have in common for which the answer is wrong, if the others have it not and nothing else tells them apart"
    right,wrong = ([args for args,good in results if good is which] for which in (True,False))
    if len(right)<3 or not wrong: return ''
    def given(args):
        "The settings in `args`, by name"
        dicts = {k: v for o in args if isinstance(o, dict) for k,v in o.items() if isinstance(k, str)}
        return dicts | {k: o for k,o in zip(names, args) if not isinstance(o, dict) and (not isinstance(o, str) or o!='left out')}
    rights,wrongs = [*map(given, right)],[*map(given, wrong)]
    for k in changed:
        if not any(k in o for o in wrongs) and sum(k in o for o in rights)>1: return LEFT_OUT.format(k)
    sorts,found = set(),[]  # by which sorts of things they differ, and what is to be said of it
    for text,(sort,has) in KINDS.items():
        bad,good = ({has(_tensors(o)) for o in side} for side in (wrong,right))
        if len(bad)>1 or bad & good or None in bad: continue
        sorts.add(sort)
        if bad=={True}: found.append(f'it is right but where {text}: go through that case by hand')
    def beside(of):
        bad,good = ({of(_tensors(o)) for o in side} for side in (wrong,right))
        return len(bad)==1 and not bad & good
    sorts |= {sort for sort,of in BESIDE.items() if beside(of)}
    for name in dict.fromkeys(k for o in rights+wrongs for k in o):
        values = [o.get(name, 'left out') for o in rights+wrongs]
        if not all(isinstance(o, (bool, int, float, str, tuple, type(None))) for o in values): continue
        bad,good = set(values[len(rights):]),set(values[:len(rights)])
        if bad & good or len(bad)>1 and len(good-{None})>1: continue  # as where each input has another value
        sorts.add(name)
        if beside(lambda ts: tuple(o.shape for o in ts)): sorts.add('size')
        value = next(iter(bad))
        edge = value is None or isinstance(value, (bool, str)) or value in (0,1) or len(good)<=max(1, len(right)//2)
        if 'left out' in bad or len(str(value))>30: continue
        if len(bad)==1: found += [f'it is right but where `{name}` is {value}: go through that case by hand']*edge
        elif good<={'left out', None}: found += [f'it is wrong wherever `{name}` is given: is `{name}` used?']*(name in own)
        elif name in own: found.append(f'it is right only where `{name}` is {good.pop()}: is it used as it should be?')
    return found[0] if len(found)==len(sorts)==1 else ''  # several may be the reason, and the wrong one would mislead

def _border(off):
    "Which row or column of each result is wrong, if all others are right"
    for d in (-1,-2):
        if not all(w.ndim>=-d and w.shape[d]>0 for _,w in off): continue
        wrong = [(~torch.isclose(g, w, rtol=1e-5, atol=1e-9, equal_nan=True)).movedim(d, 0).flatten(1).any(1) if w.ndim>1 else
                 ~torch.isclose(g, w, rtol=1e-5, atol=1e-9, equal_nan=True) for g,w in off]
        what = 'number' if all(w.ndim==1 for _,w in off) else {-1: 'column', -2: 'row'}[d]
        long = [o for o in wrong if len(o)>1]
        if len(long)<3 or max(map(len, long))<3: continue  # it may be by chance
        what += ' of each result'
        if all(o[-1] and not o[:-1].any() for o in long): return f'only the last {what} is wrong: does the loop, or the slice, reach it?'
        if all(o[0] and not o[1:].any() for o in long): return f'only the first {what} is wrong: does the loop, or the slice, begin at 0?'
        if all(not o[0] and o[1:].all() for o in long): return f'only the first {what} is right: what is different in the next one?'
    return ''

def in_general(
    pairs,     # what came and what was wanted, for each input
    near=0.,   # as in a Check
    shown=..., # what came for the input that is shown; by default for the first
):
    "A mistake that has a name in any exercise, such as a wrong sign, a factor, a transposition; empty if there is none"
    def number(o): return isinstance(o, (torch.Tensor, float)) and not isinstance(o, bool)
    def same(a, b): return a.shape==b.shape and torch.allclose(a, b, rtol=max(near, 1e-5), atol=max(near, 1e-9), equal_nan=True)
    parts = [o for got,want in pairs if not isinstance(got, Exception) for o in _parts(got, want) if not isinstance(o[2], str)]
    missing = [k for k,got,want in parts if got is None and want is not None]
    if (pairs[0][0] if shown is ... else shown) is None:
        if all(got is None for got,want in pairs if want is not None): return 'nothing comes back: end with `return` and what it gives'
        return 'for some inputs nothing comes back: which way through the function ends without `return`?'
    if any(missing) and all(got is None for k,got,_ in parts if k==missing[0]): return f'`{missing[0]}` is not set'
    def comparable(got, want): return number(want) and (number(got) or type(got) is int)
    strange = any(got is not None and (isinstance(want, (tuple, list, dict)) or number(want) and not comparable(got, want))
                  for _,got,want in parts)
    whole = not strange and not missing and not any(isinstance(got, Exception) or not _alike(got, want) for got,want in pairs)
    parts = [(got,want) for _,got,want in parts if comparable(got, want)]
    kinds = [(got,want) for got,want in parts if isinstance(got, torch.Tensor) and isinstance(want, torch.Tensor) and got.dtype!=want.dtype]
    both = [(_numbers(got),_numbers(want)) for got,want in parts]
    off = [(g,w) for g,w in both if not same(g, w)]
    if not off and kinds and whole:
        default = all(o.dtype==torch.get_default_dtype() for o,_ in kinds)
        return 'the numbers are right, but not their dtype' + ': a new tensor has the default dtype unless you name another'*default
    if not off or strange: return ''
    if not any(o.numel() for both in off for o in both): return ''
    if all(w.ndim==2 and same(g, w.t()) for g,w in off): return 'the result is transposed: rows and columns are swapped'
    if all(g.ndim!=w.ndim and g.numel()==w.numel() and same(g.flatten(), w.flatten()) for g,w in off):
        return ('the numbers are right, but there is an axis too many or too few: `keepdim` or an index with `None` makes one, `squeeze` '
                'drops it')
    if all(g.ndim<w.ndim for g,w in off): return 'there are too few axes: a sum, a mean or an index takes one away; which should stay?'
    if all(g.ndim>w.ndim for g,w in off): return 'there are too many axes: a sum, a mean or an index takes one away; which should go?'
    if not all(g.shape==w.shape for g,w in off): return ''
    if border := _border(off): return border
    g,w = off[0]
    if (g.isnan() & ~w.isnan()).any(): return ('there is a nan where a number belongs: 0/0, inf-inf, 0 times inf, or the root or the '
                                               'logarithm of a negative number makes one')
    if (g.isinf() & w.isfinite()).any():
        return 'there is an inf where a number belongs: something is divided by 0, or is the logarithm of 0, or grew past the largest float'
    if not missing and (text := _of_all_numbers(off, same, near)):
        right = any(w.any() and (not w.ndim or len(w.unique())>1) for g,w in both if same(g, w))
        return f'where it is wrong, {text}' if right else text
    return ''

def _of_all_numbers(off, same, near):
    "What can be said of every number that came, for pairs of one shape of what came and what was wanted"
    def spread(o): return len(o[o.isfinite()].unique())
    if all(same(g.flatten().sort().values, w.flatten().sort().values) for g,w in off) and any(spread(w)>2 for _,w in off):
        return 'the right numbers come, but in another order'
    wide = [g for g,w in off if spread(w)>1]
    constant = len(wide)>1 and all(g.isfinite().all() and spread(g)==1 and g.any() for g in wide)
    g,w = (torch.cat([o.flatten() for o in side]) for side in zip(*off))
    known = w.isfinite()
    if not known.equal(g.isfinite()): return ''
    g,w = g[known],w[known]
    if (w!=0).sum()<3: return ''
    if not g.any(): return 'every number that should not be 0 is 0: what is computed gets lost, or is never added'
    k,about,digits = ((g*w).sum()/(w*w).sum()).item(),*(('about ',3) if near>=1e-3 else ('',6))
    if same(g, -w): return 'every sign is wrong'
    if len(w[w!=0].unique())>1 and same(g, k*w): return f'every number is {about}{k:.{digits}g} times what it should be'
    if len(w.unique())>1 and same(g-w, (g-w).mean().expand_as(g)): return f'every number is off by {about}{(g-w).mean().item():.{digits}g}'
    if same(g.abs(), w.abs()): return 'the numbers are right, but for the signs of some'
    if same(g*w, torch.ones_like(w)): return 'these are the reciprocals: a quotient is upside down'
    if same(g, w*w): return 'these are the squares of what was wanted: a root is missing, or a square too many'
    if (w>=0).all() and same(g*g, w): return 'these are the roots of what was wanted: a root too many, or a square is missing'
    if constant: return 'all numbers of a result are the same: what should differ between places is lost, as by a sum or mean over all'
    return ''
