"Chapter 7: other right answers to the exercises pass their checks, and wrong ones do not."
import copy
import numpy as np
import pytest, torch
import torch.nn.functional as F
from torch import nn, tensor
from fastfound.checking import verdict
from fastfound.resnet import ResBlock
from test_checks_resnet import BlockBySequential

DOWN = tensor([[0.,1.,0.],[0.,0.,0.],[0.,0.,0.]])
SMOOTH = tensor([[1.,2.,1.],[2.,4.,2.],[1.,2.,1.]])/16
EDGE = tensor([[1.,1.,1.],[0.,0.,0.],[-1.,-1.,-1.]])

def by_columns(kernel=EDGE):
    "The weights of each position, laid around its pixels"
    columns = []
    for i in range(6):
        for j in range(6): columns.append(F.pad(kernel, (j,5-j,i,5-i)).flatten())
    return torch.stack(columns, 1)

def merge_to_layer(conv, norm):
    out = copy.deepcopy(conv)
    factor = (norm.gamma*torch.rsqrt(norm.var+norm.eps)).flatten().detach()
    out.weight.data = torch.einsum('oikl,o->oikl', conv.weight, factor).detach()
    out.bias = nn.Parameter(norm.beta.flatten().detach()-factor*norm.mean.flatten())
    return out
def merge_to_new(conv, norm):
    out = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
    scale = norm.gamma/(norm.var+norm.eps).sqrt()
    with torch.no_grad():
        out.weight.copy_(conv.weight*scale[...,None])
        out.bias.copy_((norm.beta-norm.mean*scale).flatten())
    return out
def merge_in_place(conv, norm):
    scale = norm.gamma/(norm.var+norm.eps).sqrt()
    conv.weight.data = conv.weight*scale[...,None]
    return lambda x: conv(x)+norm.beta-norm.mean*scale
def no_merge(conv, norm): return lambda x: norm(conv(x))
def without_mean(conv, norm):
    scale = norm.gamma/(norm.var+norm.eps).sqrt()
    return lambda x: F.conv2d(x, conv.weight*scale[...,None], norm.beta.flatten(), conv.stride, conv.padding)

def field_by_autograd(*layers):
    x = torch.ones(1,1,40,40).requires_grad_()
    out = x
    for f in layers: out = f(out)
    g, = torch.autograd.grad(out[0,0,5,5], x)
    rows = g[0,0].nonzero()[:,0]
    return rows.max()-rows.min()+1
def field_by_wiggling(*layers):
    "Which rows change the result"
    def run(x):
        for f in layers: x = f(x)
        return x[0,0,3,3]
    x = torch.rand(1,1,28,28)
    found = 0
    for i in range(28):
        other = x.clone()
        other[:,:,i] += 1
        found += bool(run(other)!=run(x))
    return found
def field_of_sequential(*layers):
    x = torch.rand(1,1,28,28, requires_grad=True)
    out = nn.Sequential(*layers)(x)
    out[0,0,out.shape[2]//2,out.shape[3]//2].backward()
    return x.grad[0,0].any(1).sum()
def field_of_corner(*layers):
    x = torch.rand(1,1,28,28, requires_grad=True)
    nn.Sequential(*layers)(x)[0,0,0,0].backward()
    return x.grad[0,0].any(1).sum()
def field_of_sizes(*layers): return 1+2*len(layers)
def field_of_everything(*layers):
    x = torch.rand(1,1,32,32, requires_grad=True)
    out = x
    for f in layers: out = f(out)
    out.sum().backward()
    return (x.grad[0,0].abs().sum(1)>0).sum().item()

class ZeroBlock(ResBlock):
    def __init__(self, *args):
        super().__init__(*args)
        nn.init.zeros_(self.bn2.weight)
class ZeroBySequential(BlockBySequential):
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        with torch.no_grad(): self.f[4].weight *= 0
class ZeroFrozen(ResBlock):
    def __init__(self, *args):
        super().__init__(*args)
        self.bn2.weight = nn.Parameter(torch.zeros_like(self.bn2.weight), requires_grad=False)
class NotSetUp(ResBlock):
    def __init__(self, *args): self.n = args[0]
class ZeroFirst(ResBlock):
    def __init__(self, *args):
        super().__init__(*args)
        nn.init.zeros_(self.bn1.weight)
class NoBlock(nn.Module):
    def __init__(self, *args):
        super().__init__()
        self.conv = nn.Conv2d(args[0], args[1], 3, padding=1)
    def forward(self, x): return x
class UsualBlock(ResBlock): pass

RIGHT = {'07.1': [{(4,0), (4,1)}, ([4,0],[4,1]), tensor([[4,1],[4,0]])],
         '07.2': [(DOWN,SMOOTH), (DOWN[None,None],torch.full((1,1,3,3), 1/9)), (DOWN.tolist(),(torch.eye(3)/3).tolist()),
                   (DOWN.numpy(),np.ones((3,3))/9)],
         '07.3': [(by_columns(),0.90625,3), (by_columns().double(),tensor(0.90625),tensor(3)), (by_columns().tolist(),0.906,3),
                   (by_columns().numpy(),0.90625,3)],
         '07.4': [(903_168,18_432), (tensor(903168.),18432.)], '07.5': [merge_to_layer, merge_to_new],
         '07.6': [field_by_autograd, field_by_wiggling, field_of_sequential],
         '07.7': [(ZeroBlock,True,False), (ZeroBySequential,tensor(True),tensor(False))]}

WRONG = {'07.1': [[(4,1)], [(4,0),(4,1),(3,1)], [(0,4),(1,4)], [], [(4,0),(4,1),(4,0)], [4,1,4,0], 2, [(4,0),(4,1),(4,2)],
                  [(4,0),(4,1),(4,3)], [(s,p) for s in range(1,5) for p in range(3) if (28+p-3)//s+1==7],
                  [(s,p) for s in range(1,5) for p in range(3) if (28+2*p-3)//s==7]],
         '07.2': [(DOWN.flip(0),SMOOTH), (DOWN.t(),SMOOTH), (DOWN,SMOOTH*16), (DOWN,DOWN), (SMOOTH,DOWN), (DOWN,EDGE), (DOWN,None),
                  (DOWN*2,SMOOTH), (DOWN,torch.ones(5,5)/25), (torch.ones(3,3)/9,DOWN)],
         '07.3': [(by_columns().t(),0.90625,3), (by_columns(),0.09375,3), (by_columns(),0.90625,2), (by_columns(EDGE.t()),0.90625,3),
                  (by_columns().t().reshape(64,36),0.90625,3), (None,0.90625,3), (by_columns(),None,3)],
         '07.4': [(18_432,903_168), (64*9*49,64*9), (903_168,18_496), (64*32*9*25,18_432), (903_168,None), (64*49,18_432)],
         '07.5': [merge_in_place, lambda conv, norm: (conv.weight,norm.beta), lambda conv, norm: conv.weight, no_merge, without_mean,
                   lambda conv, norm: conv],
         '07.6': [field_of_sizes, field_of_corner, field_of_everything, lambda *layers: 3, lambda *layers: (7,7)],
         '07.7': [(UsualBlock,True,False), (ZeroFirst,True,False), (ZeroFrozen,True,False), (NotSetUp,True,False), (NoBlock,True,False),
                   (ZeroBlock,False,False), (ZeroBlock,True,True)]}

@pytest.mark.parametrize('number,answer', [(k, o) for k,os in RIGHT.items() for o in os])
def test_a_right_answer_passes(number, answer):
    v = verdict(number, answer)
    assert v, v.text

@pytest.mark.parametrize('number,answer', [(k, o) for k,os in WRONG.items() for o in os])
def test_a_wrong_answer_is_found(number, answer): assert verdict(number, answer).state=='wrong'

def test_what_is_wrong_is_told():
    for number,i,text in (('07.1', 2, 'other way round'), ('07.2', 0, 'moves the image up'), ('07.3', 0, 'transposed'),
                          ('07.1', 7, 'on both sides'), ('07.1', 9, 'on both sides'), ('07.1', 10, 'six steps'),
                          ('07.2', -1, 'it is `blur`'),
                          ('07.4', 2, 'biases'), ('07.5', 1, 'several things'), ('07.5', 2, 'no function'),
                          ('07.5', 4, '`beta - mean*scale`'), ('07.6', 1, 'the padding'), ('07.7', 1, 'the first gamma is 0'),
                          ('07.7', 2, 'takes no gradient'), ('07.7', 3, 'super().__init__()')):
        v = verdict(number, WRONG[number][i])
        assert text in v.mistake, v.text
    assert '4, 1' not in verdict('07.1', [(4,0)]).text and '903168' not in verdict('07.4', (1, 2)).text  # what was wanted is not shown

@pytest.mark.parametrize('number,answer', [('07.1', ...), ('07.2', (DOWN,...)), ('07.7', (ZeroBlock,...,...))])
def test_an_empty_answer_is_not_yet(number, answer): assert verdict(number, answer).text==f'{number}: not yet'
