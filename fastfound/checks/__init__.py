"Checks of what a reader writes, by chapter: inputs, an oracle, the usual mistakes; without the book's functions or a reader's"
import importlib, pkgutil
from difflib import get_close_matches
from .spec import CHECKS, FORBIDDEN

def find_check(
    name, # of a function or class, or the number of an exercise, such as '01.4'
):
    "The check called `name`"
    if name not in CHECKS:
        for o in pkgutil.iter_modules(__path__): importlib.import_module(f'{__name__}.{o.name}')
    if name in CHECKS: return CHECKS[name]
    names = {o.lower(): o for o in CHECKS}
    near = get_close_matches(str(name).lower(), names, 1)
    other = f'did you mean {names[near[0]]}?' if near else 'wanted a function or class of a chapter, or the number of an exercise, as 01.4'
    raise LookupError(f'check: got {name!r}, for which there is no check; {other}')

def functions_in(
    groups, # names of groups of functions, or of functions
) -> set:
    "The names of PyTorch's functions in `groups`"
    return {name for o in groups for name in FORBIDDEN.get(o, [o])}
