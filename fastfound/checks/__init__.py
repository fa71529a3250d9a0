"Checks of what a reader writes, by chapter: inputs, an oracle, the usual mistakes; without the book's functions or a reader's"
import importlib, pkgutil
from .spec import CHECKS, FORBIDDEN

def find_check(
    name, # of a function or class, or the number of an exercise, such as '01.4'
):
    "The check called `name`"
    if name not in CHECKS:
        for o in pkgutil.iter_modules(__path__): importlib.import_module(f'{__name__}.{o.name}')
    if name not in CHECKS: raise LookupError(f'check: got {name!r}, for which there is no check; there are {", ".join(sorted(CHECKS))}')
    return CHECKS[name]

def functions_in(
    groups, # names of groups of functions, or of functions
) -> set:
    "The names of PyTorch's functions in `groups`"
    return {name for o in groups for name in FORBIDDEN.get(o, [o])}
