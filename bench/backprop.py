"""How long one forward and backward pass takes with our layers, as a ratio to PyTorch's autograd in the same run and with the same threads.

    python bench/backprop.py
"""
import sys
import torch
import torch.nn.functional as F
from torch import nn
from fastfound.backprop import Model
from fastfound.fully_connected import kaiming
from timing import in_turns

def contenders(n=50_000, n_in=784, nh=50):
    "The same model three times: ours, which finds the gradient of the input as well, autograd over our formulas, and over PyTorch's layers"
    x,y = torch.randn(n,n_in),torch.randn(n)
    params = kaiming(n_in,nh),torch.zeros(nh),kaiming(nh,1),torch.zeros(1)
    ours,copies = Model(*params),[p.clone().requires_grad_() for p in params]
    layers = nn.Sequential(nn.Linear(n_in,nh), nn.ReLU(), nn.Linear(nh,1))
    def by_hand():
        ours(x, y)
        ours.backward()
    def formulas():
        for p in copies: p.grad = None
        w1,b1,w2,b2 = copies
        F.mse_loss((F.relu(x@w1+b1)@w2+b2)[:,0], y).backward()
    def modules():
        layers.zero_grad()
        F.mse_loss(layers(x)[:,0], y).backward()
    return {'our layers': by_hand, 'autograd, same formulas': formulas, 'autograd, nn.Linear': modules}

if __name__ == '__main__':
    for threads in map(int, sys.argv[1:] or ['1', '2']):
        torch.set_num_threads(threads)
        t = in_turns(contenders(), 21)
        ours = t.pop('our layers')
        print(f'50,000 x 784 x 50 x 1, threads: {threads}, our layers {ours*1e3:.1f} ms')
        for k,v in t.items(): print(f'  {ours/v:.2f} times the time of {k} ({v*1e3:.1f} ms)')
