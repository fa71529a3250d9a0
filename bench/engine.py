"""How long a step of gradient descent takes with our engine, as a ratio to PyTorch's autograd in the same run and with the same threads.

    python bench/engine.py [THREADS...]

The contenders take turns, one step each, and each is told by a fast step (the 5th percentile), since on a busy machine the slow ones
measure what else runs there.
"""
import sys
import torch
import torch.nn.functional as F
from torch import nn
from fastfound.engine import Tensor
from fastfound.fully_connected import kaiming
from timing import in_turns

def contenders(n=256, n_in=784, nh=50, c=10, lr=0.01):
    "A step of the same model with our engine, by autograd over the same formulas, and with PyTorch's own layers and optimizer"
    x,y = torch.randn(n,n_in),torch.randint(c, (n,))
    start = kaiming(n_in,nh),torch.zeros(nh),kaiming(nh,c),torch.zeros(c)
    xt,ours = Tensor(x),[Tensor(o.clone(), requires_grad=True) for o in start]
    theirs = [o.clone().requires_grad_() for o in start]
    layers = nn.Sequential(nn.Linear(n_in,nh), nn.ReLU(), nn.Linear(nh,c))
    opt = torch.optim.SGD(layers.parameters(), lr)
    def net(x, w1, b1, w2, b2): return (x@w1 + b1).relu()@w2 + b2
    def engine():
        net(xt, *ours).cross_entropy(y).backward()
        for p in ours:
            p.data -= lr*p.grad
            p.grad = None
    def formulas():
        F.cross_entropy(net(x, *theirs), y).backward()
        with torch.no_grad():
            for p in theirs:
                p -= lr*p.grad
                p.grad = None
    def modules():
        F.cross_entropy(layers(x), y).backward()
        opt.step()
        opt.zero_grad()
    return {'our engine': engine, 'autograd, same formulas': formulas, 'autograd, nn.Linear and optim.SGD': modules}

if __name__ == '__main__':
    for threads in map(int, sys.argv[1:] or ['1', '2']):
        torch.set_num_threads(threads)
        t = in_turns(contenders(), 1000, at=0.05)
        ours = t.pop('our engine')
        print(f'a step of 784-50-10, batch 256, threads: {threads}, our engine {ours*1e6:.0f} us')
        for k,v in t.items(): print(f'  {ours/v:.2f} times the time of {k} ({v*1e6:.0f} us)')
