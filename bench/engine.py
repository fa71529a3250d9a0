"""How long a step of gradient descent takes with our engine, as a ratio to PyTorch's autograd in the same run and with the same threads.

    python bench/engine.py [THREADS...]

The contenders take turns, one step each, and each is told by the CPU seconds of a fast step (the 5th percentile), since on a busy machine
the slow ones measure what else runs there.
"""
import sys, time
import torch
import torch.nn.functional as F
from torch import nn
from fastfound.attention import name_model, name_params
from fastfound.engine import Tensor, no_grad
from fastfound.fully_connected import kaiming
from timing import in_turns

def descent(params, loss, off, lr=0.01):
    "A step of gradient descent with the function `loss`, whose update runs inside `off()`"
    def step():
        loss(*params).backward()
        with off():
            for p in params:
                p -= lr*p.grad
                p.grad = None
    return step

def both(start, logits, targ, x=None):
    "A step with our engine and one with autograd, over the same formulas for the logits of `x`, and from the same parameters"
    xt = None if x is None else Tensor(x)
    ours,theirs = [Tensor(o.clone(), requires_grad=True) for o in start],[o.clone().requires_grad_() for o in start]
    return {'our engine': descent(ours, lambda *ps: logits(xt, *ps).cross_entropy(targ), no_grad),
            'autograd, same formulas': descent(theirs, lambda *ps: F.cross_entropy(logits(x, *ps), targ), torch.no_grad)}

def layers(n, n_in=784, nh=50, c=10):
    "Two linear layers, for `n` rows; the third contender has PyTorch's own layers and optimizer"
    x,y = torch.randn(n,n_in),torch.randint(c, (n,))
    start = kaiming(n_in,nh),torch.zeros(nh),kaiming(nh,c),torch.zeros(c)
    net = nn.Sequential(nn.Linear(n_in,nh), nn.ReLU(), nn.Linear(nh,c))
    opt = torch.optim.SGD(net.parameters(), 0.01)
    def modules():
        F.cross_entropy(net(x), y).backward()
        opt.step()
        opt.zero_grad()
    return both(start, lambda x, w1, b1, w2, b2: (x@w1 + b1).relu()@w2 + b2, y, x) | {'autograd, nn.Linear and optim.SGD': modules}

def language_model(n=16, vocab=27):
    "The model of chapter 9 with 16 places, which has 4,192 parameters, on a text of 16 letters"
    ids,targ = torch.randint(vocab, (1,n)),torch.randint(vocab, (n,))
    start = [2*o.detach() for o in name_params(block=n).values()]
    return both(start, lambda _, *ps: name_model(ids, *ps)[0], targ)

if __name__ == '__main__':
    for threads in map(int, sys.argv[1:] or ['1', '2']):
        torch.set_num_threads(threads)
        for name,contenders in {'784-50-10, batch 256': layers(256), '784-50-10, batch 64': layers(64),
                                'a language model of 4,192 parameters': language_model()}.items():
            t = in_turns(contenders, 1000, at=0.05, clock=time.process_time)
            ours = t.pop('our engine')
            print(f'a step of {name}, threads: {threads}, our engine {ours*1e6:.0f} us')
            for k,v in t.items(): print(f'  {ours/v:.2f} times the time of {k} ({v*1e6:.0f} us)')
