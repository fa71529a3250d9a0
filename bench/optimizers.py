"""CPU seconds of an optimizer step, ours beside PyTorch's with `foreach=True`, and their ratio, all in one run.

    python bench/optimizers.py [--rounds 15]

Four small tensors, a multilayer perceptron of a million parameters, and resnet18 with eleven millions. One thread.
"""
import argparse, time
from functools import partial
import torch
from torch import nn
from fastfound.optimizers import SGD, Adam, AdamW, RMSProp
from fastfound.resnet import resnet18
from timing import in_turns

NETWORKS = {'4 small tensors': (lambda: nn.Sequential(nn.Linear(10,8), nn.Linear(8,3)), 300),  # and steps in a row
            'MLP, 1 million': (lambda: nn.Sequential(*[nn.Linear(500,500) for _ in range(4)]), 10),
            'resnet18, 11 millions': (resnet18, 1)}
OPTIMIZERS = {'SGD': (partial(SGD, lr=0.01, momentum=0.9), partial(torch.optim.SGD, lr=0.01, momentum=0.9)),
              'Adam': (Adam, torch.optim.Adam), 'AdamW': (AdamW, torch.optim.AdamW), 'RMSProp': (RMSProp, torch.optim.RMSprop)}

def steps(opt_func, network, n):
    "A function that takes `n` steps of a network with gradients"
    torch.manual_seed(42)
    params = list(network().parameters())
    for p in params: p.grad = torch.randn_like(p)
    opt = opt_func(params)
    def take():
        for _ in range(n): opt.step()
    return take

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=15, help='measurements of each, in turns, of which the shortest counts')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f'PyTorch {torch.__version__}\n{"network":24}{"optimizer":12}{"ours, ms":>12}{"foreach, ms":>14}{"ratio":>8}')
    for net,(network,n) in NETWORKS.items():
        for name,(ours,theirs) in OPTIMIZERS.items():
            fs = {'ours': steps(ours, network, n), 'theirs': steps(partial(theirs, foreach=True), network, n)}
            a,b = [o/n for o in in_turns(fs, args.rounds, at=0, clock=time.process_time).values()]
            print(f'{net:24}{name:12}{1e3*a:12.3f}{1e3*b:14.3f}{a/b:8.2f}', flush=True)

if __name__=='__main__': main()
