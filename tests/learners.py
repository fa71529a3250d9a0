"What the tests of the Learner share: a program that can be run in a process of its own, and small Learners."
import subprocess, sys, textwrap
import torch
import torch.nn.functional as F
from torch import nn
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.basics import set_seed
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD

PROGRAM = '''
import os, signal, sys, time, torch
import torch.nn.functional as F
from functools import partial
from torch import nn
from fastfound.all import *

set_seed(42)
x = torch.randn(90,8)
y = (x[:,0]>x[:,1]).long()
dls = DataLoaders(DataLoader((x[:70], y[:70]), 16, shuffle=True), DataLoader((x[70:], y[70:]), 16))
model = nn.Sequential(nn.Linear(8,6), nn.Dropout(0.2), nn.ReLU(), nn.Linear(6,2))
def learner(opt_func=SGD, **kw): return Learner(dls, model, F.cross_entropy, opt_func, lr=0.1, metrics=accuracy, **kw)
'''

def run(folder, body, *args, command=(), **kw):
    "Run PROGRAM and `body` in `folder`"
    (folder/'program.py').write_text(PROGRAM + textwrap.dedent(body))
    for attempt in range(3):
        command_line = [sys.executable, *command, 'program.py', *map(str, args)]
        r = subprocess.run(command_line, cwd=folder, capture_output=True, text=True, timeout=900, **kw)
        # rare, of threads of PyTorch's own after the program has ended
        if 'terminate called without an active exception' not in r.stderr: break
    return r

def weights(path): return torch.load(path, weights_only=True)['weights']

def same(a, b): return a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)

def tiny(dtype=torch.float32, **kw):
    "A Learner with two training batches of four rows and one validation batch"
    set_seed(42)
    x,y = torch.randn(12,5, dtype=dtype),torch.randn(12,1, dtype=dtype)
    dls = DataLoaders(DataLoader((x[:8], y[:8]), 4), DataLoader((x[8:], y[8:]), 4))
    return Learner(dls, nn.Linear(5,1).to(dtype), F.mse_loss, **{'opt_func': SGD, 'lr': 0.1, **kw})

def three_classes():
    "A Learner for three classes, with batch normalisation"
    set_seed(42)
    x = torch.randn(40,20)
    y = x.argmax(1)%3
    dls = DataLoaders(DataLoader((x[:30], y[:30]), 10), DataLoader((x[30:], y[30:]), 10))
    return Learner(dls, nn.Sequential(nn.Linear(20,9), nn.BatchNorm1d(9), nn.Linear(9,3)), F.cross_entropy, SGD, lr=0.1, metrics=accuracy)

def steps(opt_func, seed, n=20, clear=lambda p: setattr(p, 'grad', None), **kw):
    "Two parameters after `n` steps in float64"
    g = torch.Generator().manual_seed(seed)
    a,b = [torch.randn(s, dtype=torch.float64, generator=g).requires_grad_() for s in ((3,2), (2,))]
    opt = opt_func([a, b], **kw)
    for x in torch.randn(n,5,3, dtype=torch.float64, generator=g):
        (x@a+b).sin().pow(2).mean().backward()
        opt.step()
        for p in (a,b): clear(p)
    return torch.cat([a.detach().flatten(), b.detach()])
