"What an answer must leave as it is: settings and functions that the whole program uses."
# mypy: ignore-errors
import os, re, sys
import torch
from .spec import CHECKS

CHANGES = 'it changes what the whole program shares, and so what other functions do'

def _by_torch(new, old):
    "Whether `new` is what PyTorch itself wraps around `old` when it loads one of its parts"
    home = getattr(getattr(new, '__code__', None), 'co_filename', '')
    return getattr(new, '__wrapped__', None) is old and home.startswith(os.path.dirname(torch.__file__))

class Shared:
    "What the whole program shares: settings, and the functions of modules"
    def __init__(self):
        self.settings = {'the default dtype': (torch.set_default_dtype, torch.get_default_dtype),
                         'the default device': (torch.set_default_device, torch.get_default_device),
                         'whether there are gradients': (torch.set_grad_enabled, torch.is_grad_enabled),
                         'how deep calls may go': (sys.setrecursionlimit, sys.getrecursionlimit), 'the folder': (os.chdir, os.getcwd)}
        self.values = [get() for _,get in self.settings.values()]
        homes = [o for k,o in sys.modules.items() if re.fullmatch(r'torch(\.nn\.functional)?|math|builtins|random|fastfound\.check.*', k)]
        self.homes = [(o, dict(vars(o))) for o in (*homes, torch.Tensor, torch.nn.Module, *CHECKS.values())]
        self.modules,self.checks = {o.__name__: o for o in homes},dict(CHECKS)
    def restore(self):
        "Undo what has been changed since; its names"
        changed = []
        for (what,(put,get)),value in zip(self.settings.items(), self.values):
            if get()==value: continue
            put(value)
            changed.append(what)
        for o,before in self.homes:
            now = dict(vars(o))
            for k in [k for k,v in before.items() if now.get(k) is not v and not _by_torch(now.get(k), v)]:
                setattr(o, k, before[k])
                changed.append(f"{getattr(o, '__name__', 'a check')}.{k}")
            for k in now.keys()-before.keys() if isinstance(o, type) else ():  # hides what is inherited
                delattr(o, k)
                changed.append(f'{o.__name__}.{k}')
        changed += ['a check' for k,o in self.checks.items() if CHECKS.get(k) is not o]
        CHECKS.update(self.checks)
        changed += [k for k,o in self.modules.items() if sys.modules.get(k) is not o]
        sys.modules.update(self.modules)
        return changed
