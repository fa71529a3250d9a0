"Chapter 7: other right ways pass the checks, and wrong ones do not."
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.checking import verdict
from fastfound.resnet import BasicNorm
from test_checks import as_a_readers

def padded(x, padding):
    n,c,h,w = x.shape
    out = x.new_zeros(n, c, h+2*padding, w+2*padding)
    out[:,:,padding:padding+h,padding:padding+w] = x
    return out

def conv_by_windows(x, w, b, stride=1, padding=0):
    windows = padded(x, padding).unfold(2, w.shape[2], stride).unfold(3, w.shape[3], stride)
    return torch.einsum('ncyxij,ocij->noyx', windows, w) + b.view(-1,1,1)
def conv_by_shifts(x, w, b, stride=1, padding=0):
    "One product of matrices for each pixel of the kernel"
    x = padded(x, padding)
    h,v = [(x.shape[2+i]-w.shape[2+i])//stride+1 for i in (0,1)]
    out = b[None,:,None,None].expand(len(x), len(w), h, v)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            part = x[:,:,i:i+stride*(h-1)+1:stride,j:j+stride*(v-1)+1:stride]
            out = out + (part.movedim(1, -1)@w[:,:,i,j].t()).movedim(-1, 1)
    return out
def conv_by_loops(x, w, b, stride=1, padding=0):
    x = padded(x, padding)
    rows,columns = range(0, x.shape[2]-w.shape[2]+1, stride),range(0, x.shape[3]-w.shape[3]+1, stride)
    def at(i, j): return (x[:,None,:,i:i+w.shape[2],j:j+w.shape[3]]*w).sum((2,3,4))+b
    return torch.stack([torch.stack([at(i, j) for j in columns], -1) for i in rows], -2)

class NormBySums(nn.Module):
    def __init__(self, c, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight,self.bias = nn.Parameter(torch.ones(c)),nn.Parameter(torch.zeros(c))
        self.register_buffer('mean', torch.zeros(c))
        self.register_buffer('var', torch.ones(c))
        self.settings = eps,momentum
    def forward(self, x):
        eps,momentum = self.settings
        m,v = self.mean,self.var
        if self.training:
            flat = x.transpose(0, 1).flatten(1)
            n = flat.shape[1]
            m = flat.sum(1)/n
            v = (flat-m[:,None]).square().sum(1)/n
            with torch.no_grad():
                self.mean = (1-momentum)*self.mean + momentum*m
                self.var = (1-momentum)*self.var + momentum*v*n/(n-1)
        scale = self.weight*torch.rsqrt(v+eps)
        return x*scale[:,None,None] + (self.bias-m*scale)[:,None,None]

class NormByMoments(nn.Module):
    def __init__(self, c, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps,self.momentum,shape = eps,momentum,(1,c,1,1)
        self.beta,self.gamma = nn.Parameter(torch.zeros(shape)),nn.Parameter(torch.ones(shape))
        for name,f in (('mean', torch.zeros), ('var', torch.ones)): self.register_buffer(name, f(shape))
    def forward(self, x):
        if not self.training: mean,std = self.mean,torch.sqrt(self.var+self.eps)
        else:
            mean = x.mean((0,2,3), keepdim=True)
            var = ((x-mean)**2).mean((0,2,3), keepdim=True)
            std = torch.sqrt(var+self.eps)
            self.mean.data = self.mean*(1-self.momentum) + self.momentum*mean.data
            self.var.data = self.var*(1-self.momentum) + self.momentum*x.data.var((0,2,3), keepdim=True)
        return (x-mean)/std*self.gamma+self.beta

class ConvLayer(nn.Module):
    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.stride,self.weight = stride,nn.Parameter(torch.randn(n_out, n_in, 3, 3)*0.1)
    def forward(self, x): return F.conv2d(x, self.weight, stride=self.stride, padding=1)

class BlockBySequential(nn.Module):
    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.shortcut = nn.Sequential()
        if stride!=1 or n_in!=n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(n_out))
        self.f = nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(n_out),
                               nn.ReLU(inplace=True),
                               nn.Conv2d(n_out, n_out, 3, padding='same', bias=False), nn.BatchNorm2d(n_out))
    def forward(self, x): return F.relu(self.f(x)+self.shortcut(x))

class BlockWithOwnNorms(nn.Module):
    "The layers of this chapter, and a sum in place"
    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.c1,self.c2,self.n1,self.n2 = ConvLayer(n_in, n_out, stride),ConvLayer(n_out, n_out),BasicNorm(n_out),BasicNorm(n_out)
        self.fits = n_in==n_out and stride==1
        if not self.fits: self.c3,self.n3 = nn.Conv2d(n_in, n_out, 1, stride, bias=False),BasicNorm(n_out)
    def forward(self, x):
        out = self.n1(self.c1(x)).clamp_min(0)
        out = self.n2(self.c2(out))
        out += x if self.fits else self.n3(self.c3(x))
        return out.clamp(min=0)

class BlockWithZeroGamma(BlockBySequential):
    def __init__(self, *args):
        super().__init__(*args)
        nn.init.zeros_(self.f[4].weight)

class SkipByList(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.all = nn.ModuleList(layers)
    def forward(self, x):
        out = x
        for o in self.all: out = o(out)
        return torch.relu(out+x)

class SmallResnet(nn.Module):
    def __init__(self, n_out=10, n_in=1, widths=(16,32,64)):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a,b in zip((n_in, *widths), widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in widths)
        self.skips = nn.ModuleList(nn.Sequential(nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b)) for b in widths[1:])
        self.last = nn.Linear(widths[-1], n_out)
    def forward(self, x):
        for i,(conv,norm) in enumerate(zip(self.convs, self.norms)):
            x = F.relu(norm(F.max_pool2d(conv(x), 2)))
            if i: x = F.relu(x+self.skips[i-1](x))
        return self.last(x.flatten(2).max(2).values)

OTHERS = {'basic_conv': [conv_by_windows, conv_by_shifts, conv_by_loops], 'BasicNorm': [NormBySums, NormByMoments],
          'ResBlock': [BlockBySequential, BlockWithOwnNorms, BlockWithZeroGamma], 'Skip': [SkipByList],
          'small_resnet': [SmallResnet]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

WRONG = {
    'basic_conv': [(' + b[:,None]', ''), (' + b[:,None]', ' - b[:,None]'), ('w.flatten(1)', 'w.flip(2,3).flatten(1)'),
                   ('w.flatten(1)', 'w.mT.flatten(1)'), (', stride=stride)', ', stride=1)'),
                   ('padding=padding', 'padding=0'), ('+ 2*padding', '+ padding'), ('stride + 1', 'stride'),
                   ('w.flatten(1)', 'w.flatten(1).abs()'), ('@ columns', '@ columns.flip(1)'),
                   ('zip(size, ks)', 'zip(size[::-1], ks[::-1])'), ('w.flatten(1) @', '2*w.flatten(1) @'), ('b[:,None]', 'b.mean()'),
                   ('stride=1, padding=0', 'stride=1, padding=1'),
                   ('F.unfold(x,', 'F.unfold(x.mul_(1.5),'), ('return out', 'return out.detach()'), ('return out', 'return out.float()'),
                   ('F.unfold(x,', 'F.unfold(x.relu(),'),
                   ('w.flatten(1)', 'w.transpose(0,1).reshape(w.shape[0], -1)'), ('F.unfold(x,', 'F.unfold(x.mT.contiguous(),')],
    'BasicNorm': [('(0,2,3), correction=0', '(0,2,3)'), ('*n/(n-1)', ''), ('x.mean((0,2,3))', 'x.mean()'),
                  ('self.momentum)', '1-self.momentum)'), ('.sqrt()', ''), ('if self.training', 'if True'),
                  ('if self.training', 'if False'), ('(var+self.eps).sqrt()', '(var.sqrt()+self.eps)'), ('+self.eps', ''),
                  ('self.gamma*', ''), (' + self.beta', ''), ('mean.detach()', 'mean'),
                  ('(x-mean)', 'x'), ('(x-mean)', '(x+mean)'), ('torch.ones(c,1,1)', 'torch.zeros(c,1,1)'), ('eps=1e-5', 'eps=1e-3'),
                  ('momentum=0.1', 'momentum=0.9'), ('x.numel()//x.shape[1]', 'len(x)'),
                  ("self.register_buffer('var', torch.ones(c,1,1))", "self.var = torch.ones(c,1,1)"),
                  ("'mean', torch.zeros", "'mean', torch.ones"), ('self.var.lerp_(', 'self.mean.lerp_('),
                  ('return self.gamma*(x-mean)', 'return self.gamma*(x-mean).detach()'), ('self.gamma*(x-mean)', 'self.beta*(x-mean)'),
                  ('(0,2,3)', '(2,3)'), ('x.mean(', 'x.detach().mean('),
                  ('nn.Parameter(torch.zeros(c,1,1))', 'torch.zeros(c,1,1)'), ('self.gamma*(x-mean)', 'self.gamma*x.sub_(mean)')],
    'ResBlock': [('self.downsample(x) + ', ''), ('self.downsample(x) + ', 'self.downsample(x) - '), (' + self.residual(x)', ''),
                 ('self.residual(x)).relu()', 'self.residual(x))'),
                 ('self.residual(x)).relu()', 'self.residual(x).relu())'), ('self.bn1(self.conv1(x)).relu()', 'self.bn1(self.conv1(x))'),
                 ('self.bn1(self.conv1(x))', 'self.conv1(x)'),
                 ('self.bn2(self.conv2(', '(self.conv2('), ('conv3x3(n_in, n_out, stride)', 'conv3x3(n_in, n_out)'),
                 ('conv3x3(n_out, n_out)', 'conv3x3(n_out, n_out, stride)'), ('n_in!=n_out or ', ''),
                 (' or stride>1', ''), ('n_in!=n_out or stride>1', 'True'), ('nn.Sequential(conv, nn.BatchNorm2d(n_out))', 'conv'),
                 ('1, stride, bias=False', '1, stride'), ('1, stride, bias', '1, 1, bias'),
                 ('self.downsample(x) + ', 'x + '), ('self.bn2(self.conv2(', 'self.bn1(self.conv2('),
                 ('self.conv2(self.bn1(', 'self.conv1(self.bn1('), ('(n_in, n_out, 1, stride', '(n_in, n_out, 3, stride, 1'),
                 ('.relu()))', '.sigmoid()))'), ('n_in, n_out, stride=1', 'n_in, n_out, stride=2')],
    'Skip': [('x + ', ''), ('.relu()', ''), ('x + self.layers(x)', 'x*self.layers(x)'), ('x + self.layers(x)', '2*x + self.layers(x)'),
             ('(*layers)', '(*layers[::-1])'), ('(*layers)', '(*layers[:1])'),
             ('(x + self.layers(x)).relu()', 'x + self.layers(x).relu()')],
    'small_resnet': [('MaxPool2d(2)', 'AvgPool2d(2)'), ('AdaptiveMaxPool2d', 'AdaptiveAvgPool2d'), (',nn.ReLU()', ''),
                     ('nn.MaxPool2d(2),nn.BatchNorm2d(n_out)', 'nn.BatchNorm2d(n_out),nn.MaxPool2d(2)'),
                     (',Skip(conv3x3(n_out, n_out), nn.BatchNorm2d(n_out))', ','),
                     ('Skip(conv3x3(n_out, n_out), nn.BatchNorm2d(n_out))', 'Skip(conv3x3(n_out, n_out))'),
                     ('*shrink(n_in, a)', '*stage(n_in, a)'),
                     ('conv3x3(n_in, n_out)', 'nn.Conv2d(n_in, n_out, 3, padding=1)'),
                     ('nn.Linear(c, n_out)', 'nn.Linear(c, n_out, bias=False)'), ('(16,32,64)', '(8,16,32)'), ('Skip(', 'nn.Sequential('),
                     ('MaxPool2d(2)', 'MaxPool2d(3, 2, 1)'), ('n_out=10', 'n_out=11')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

class NormOfPytorch(nn.BatchNorm2d):
    "As PyTorch has it, with names of our own"
    def __init__(self, c, eps=1e-5, momentum=0.1): super().__init__(c, eps, momentum)

def test_what_an_exercise_does_without_is_told():
    assert 'it uses conv2d' in verdict('basic_conv', lambda x, w, b, stride=1, padding=0: F.conv2d(x, w, b, stride, padding)).text
    assert 'it uses batch_norm' in verdict('BasicNorm', NormOfPytorch).text
