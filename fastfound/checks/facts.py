"How the answer to an exercise is told in facts, and the usual mistakes in the same facts."
# mypy: ignore-errors
import math
import torch

def to_first_wrong(found, want):
    "Those of the facts `found` that are as in `want`, and the first that is not"
    told = {}
    for k,w in want.items():
        told[k] = found[k]
        if found[k]!=w: break
    return told

def but(want, **wrong):
    "As a mistake: the facts `want` up to the first of `wrong`, and that one; `_` stands for a space in a key"
    key,value = next((k if k in want else k.replace('_', ' '), v) for k,v in wrong.items())
    def told(*_): return to_first_wrong({**want, key: value}, want)
    return told

def first_of(cases, other='something else'):
    "The name of the first of `cases`, pairs of a name and whether it is that, that is so"
    return next((k for k,is_so in cases if is_so), other)

RIGHT = 'right'

def as_number(o):
    "`o` as a number, whatever kind of one it is; nan if it is none"
    try: return float(o.detach() if isinstance(o, torch.Tensor) else o)
    except (TypeError, ValueError, RuntimeError): return float('nan')

def as_tensor(o):
    "`o` as a tensor, be it a list of numbers or of tensors, an array, or one already; None if it is none"
    try: return torch.stack([*map(as_tensor, o)]) if isinstance(o, (list, tuple)) and any(map(torch.is_tensor, o)) else torch.as_tensor(o)
    except (TypeError, ValueError, RuntimeError): return None

def near(a, b, digits=3):
    "Whether `a` is `b`, as far as the first digits go"
    return abs(a-b)<=abs(b)*2*10**-digits

def given(use, *answer):
    "What `use` gives for `answer`, which is a usual mistake"
    def told(): return use(answer if len(answer)>1 else answer[0])
    return told

def one_and_value(inputs, name, values):
    "Inputs of a function and one for a number that goes with it, and how both are used, as a pair"
    def both():
        yield name,
        yield from inputs()
    def use(of_function):
        def used(pair, *args):
            if args!=(name,): return of_function(pair[0], *args)
            return {name: next((k for k,v in values.items() if math.isclose(as_number(pair[1]), v, rel_tol=1e-6)), 'another number')}
        return used
    return both,use

def value_or(f, name, other=RIGHT):
    "Of a pair: `other` for the number, and what `f` gives for the function"
    def told(*args): return {name: other} if args==(name,) else f(*args)
    return told
