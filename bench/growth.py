"""How the cost of each public structure grows with its size: CPU seconds for four sizes, and the power of the size in the last doubling.

    python bench/growth.py [PICTURE]

Where the power is clearly above 1 the table says why. PICTURE is a file for a plot of the same numbers.
"""
import contextlib, io, math, sys, tempfile, time
from functools import partial
from pathlib import Path
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from fastfound.checkpoints import Checkpoint
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.diagnostics import ActivationStats
from fastfound.engine import Tensor, cat
from fastfound.graphs import Graph
from fastfound.images import ImageDataLoaders
from fastfound.interpret import confusion_matrix
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import AdamW
from timing import in_turns

def leaf(*shape): return Tensor(torch.randn(*shape), requires_grad=True)

def shared(n):
    x = y = leaf(1)
    for _ in range(n): y = y*x
    return y

def rows(make, n):
    x = make(n, 64)
    sum(x[i].sum() for i in range(n)).backward()

def skips(n):
    "Each of `n` results leads to the next one and to the end"
    parts = [leaf(1)]
    for _ in range(n): parts.append(parts[-1].exp())
    return cat(parts)

def learner(rows, bs=4, **kw):
    "A Learner of a small network, with `rows` examples to train and to validate it on"
    part = torch.randn(rows,4),torch.randint(3, (rows,))
    dls = DataLoaders(DataLoader(part, bs, shuffle=True), DataLoader(part, bs))
    return Learner(dls, nn.Sequential(nn.Linear(4,8), nn.ReLU(), nn.Linear(8,3)), F.cross_entropy, metrics=accuracy, **kw)

def fit(rows, epochs, quiet=True, **kw):
    with contextlib.redirect_stdout(io.StringIO()): learner(rows, **kw).fit(epochs, quiet=quiet)

def saved(rows, epochs):
    with tempfile.TemporaryDirectory() as folder: fit(rows, epochs, cbs=[Checkpoint(Path(folder)/'run')])

def folder(n):
    "Loaders for `n` pictures of 8 by 8, written and read"
    with tempfile.TemporaryDirectory() as path:
        for o in ('train','valid'):
            for label in 'ab':
                (Path(path)/o/label).mkdir(parents=True)
                for i in range(n//4): Image.new('L', (8,8)).save(Path(path)/o/label/f'{i}.png')
        ImageDataLoaders.from_folder(path)

def steps(n):
    ps = [nn.Parameter(torch.randn(4)) for _ in range(n)]
    for p in ps: p.grad = torch.randn(4)
    AdamW(ps, 0.01).step()

GROWTH = {
    'DataLoader: batches of tensors': lambda n: [*DataLoader((torch.randn(16*n,4), torch.arange(16*n)), 64, shuffle=True)],
    'DataLoader: a list of pairs': lambda n: [*DataLoader([(torch.ones(4), i) for i in range(n)], 64, shuffle=True)],
    'ImageDataLoaders.from_folder: pictures': folder,
    'Learner: batches of an epoch': lambda n: fit(4*n, 1),
    'Learner: epochs': lambda n: fit(8, n),
    'Learner: epochs, with the table of progress': lambda n: fit(8, n, quiet=False),
    'Learner: validation, examples': lambda n: learner(n).validate(),
    'Learner: predictions, examples': lambda n: learner(n).get_preds(),
    'Checkpoint: tens of epochs': lambda n: saved(16, n//10),
    'ActivationStats: batches': lambda n: fit(4*n, 1, cbs=[ActivationStats()]),
    'optimizer: parameters of a step': steps,
    'confusion_matrix: examples': lambda n: confusion_matrix(torch.arange(16*n)%10, torch.arange(16*n)%7, 10),
    'Graph: arrows of a chain, drawn': lambda n: Graph([(str(i), str(i+1), '') for i in range(n)])._repr_svg_(),
    'engine: backward pass of a chain': lambda n: shared(n).backward(),
    'engine: picture of a chain that shares a tensor': lambda n: shared(n).graph()._repr_svg_(),
    'engine: picture of a chain with arrows to the end': lambda n: skips(n//4).graph()._repr_svg_(),
    'engine: x[i] over rows': lambda n: rows(leaf, n),
    "PyTorch: x[i] over rows": lambda n: rows(lambda *s: torch.randn(*s).requires_grad_(), n)}
WHY = {  # some of them grow faster than their size, or might
    'Checkpoint: tens of epochs': 'writes the whole record each epoch, 18 bytes a batch',
    'engine: x[i] over rows': 'each of n gradients is as large as x',
    "PyTorch: x[i] over rows": 'each of n gradients is as large as x'}
SIZES = 250, 500, 1000, 2000

def measure():
    "Print the CPU milliseconds for each size and the power with which they grow; from each name to the seconds"
    found = {}
    for name,f in GROWTH.items():
        took = found[name] = [*in_turns({n: partial(f, n) for n in SIZES}, 3, at=0, clock=time.process_time).values()]
        power = math.log(took[-1]/took[-2])/math.log(SIZES[-1]/SIZES[-2])
        print(f"  {name:52}{''.join(f'{o*1e3:9.1f}' for o in took)}  n^{power:.1f}  {WHY.get(name, '')}", flush=True)
    return found

def plot(found, path):
    from matplotlib import pyplot as plt
    fig,ax = plt.subplots(figsize=(8,7), layout='constrained')
    for i,(name,took) in enumerate(found.items()): ax.loglog(SIZES, took, marker='o^s'[i%3], label=name)
    ax.plot(SIZES, [1e-6*o for o in SIZES], ':', color='grey', label='proportional to the size')
    ax.set_xticks(SIZES, map(str, SIZES))
    ax.set_xticks([], minor=True)
    ax.set(title='Cost against size', xlabel='size', ylabel='CPU seconds')
    fig.legend(loc='outside right', fontsize=7)
    fig.savefig(path)

if __name__ == '__main__':
    torch.set_num_threads(1)
    print(f'CPU milliseconds for {SIZES} parts')
    found = measure()
    if sys.argv[1:]: plot(found, sys.argv[1])
