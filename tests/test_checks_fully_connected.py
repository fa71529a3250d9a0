"Chapter 2: other right ways pass the checks, and wrong ones do not."
import math, random
import numpy as np
import pytest, torch
from torch import nn
from fastfound.checking import verdict
from test_checks import as_a_readers

def normal_in_place(n_in, n_out, a=0., mode='fan_in'):
    fan = n_in if mode=='fan_in' else n_out
    return torch.empty(n_in, n_out).normal_(0, (2/(1+a**2)/fan)**0.5)
def torch_normal(n_in, n_out, a=0., mode='fan_in'):
    return torch.normal(0., math.sqrt(2/(1+a**2))/math.sqrt({'fan_in': n_in, 'fan_out': n_out}[mode]), (n_in, n_out))
def transposed_twice(n_in, n_out, a=0., mode='fan_in'):
    w = torch.randn(n_out, n_in)/(n_in if mode=='fan_in' else n_out)**0.5
    return (w*(2/(1+a*a))**0.5).t()
def from_python(n_in, n_out, a=0., mode='fan_in'):
    std = (2/((1+a*a)*(n_in if mode=='fan_in' else n_out)))**0.5
    return torch.tensor([[random.gauss(0, std) for _ in range(n_out)] for _ in range(n_in)])
def from_numpy(n_in, n_out, a=0., mode='fan_in'):
    return torch.from_numpy(np.random.randn(n_in, n_out)*np.sqrt(2/((1+a*a)*(n_in if mode=='fan_in' else n_out)))).float()

@pytest.mark.parametrize('f', [normal_in_place, torch_normal, transposed_twice, from_python, from_numpy])
def test_other_weights_are_right(f):
    v = verdict('kaiming', f)
    assert v, v.text

def lsuv_within(layers, x, tol=1e-3, max_iter=10):
    for f in layers:
        w = getattr(f, 'w', getattr(f, 'weight', None))
        for _ in range(max_iter if w is not None else 0):
            std = f(x).std().item()
            if abs(std-1)<=tol: break
            w /= std
        x = f(x)
def lsuv_close(layers, x, tol=1e-3, max_iter=10):
    for f in layers:
        w = getattr(f, 'w', getattr(f, 'weight', None))
        for _ in range(max_iter if w is not None else 0):
            std = f(x).std().item()
            if math.isclose(std, 1, abs_tol=tol): break
            w /= std
        x = f(x)

@pytest.mark.parametrize('f', [lsuv_within, lsuv_close])
def test_exactly_at_the_tolerance_both_ways_are_right(f):
    v = verdict('lsuv', f)
    assert v, v.text

def max_of_python(x): return max(x, 0)
def max_the_other_way(x): return max(0, x)
def lsuv_of_w(layers, x, tol=1e-3, max_iter=10):
    for layer in layers:
        for _ in range(max_iter):
            if abs(layer(x).std()-1)<tol: break
            layer.w /= layer(x).std()
        x = layer(x)
def seed_inside(n_in, n_out, a=0., mode='fan_in'):
    torch.manual_seed(0)
    return torch.randn(n_in, n_out)*math.sqrt(2/((1+a*a)*(n_in if mode=='fan_in' else n_out)))
def numpys_own_generator(n_in, n_out, a=0., mode='fan_in'):
    numbers = np.random.default_rng().standard_normal((n_in, n_out), np.float32)
    return torch.from_numpy(numbers)*math.sqrt(2/((1+a*a)*(n_in if mode=='fan_in' else n_out)))

@pytest.mark.parametrize('name,f,text', [('relu', max_of_python, "`max` is Python's"), ('relu', max_the_other_way, "`max` is Python's"),
    ('lsuv', lsuv_of_w, 'not every layer has a `w`'),
    ('kaiming', seed_inside, 'every call gives the same'), ('kaiming', numpys_own_generator, 'the numbers do not depend on the seed')])
def test_a_usual_mistake_of_readers_is_told(name, f, text):
    v = verdict(name, f)
    assert v.mistake.startswith(text), v.text

def loop_mse(output, targ):
    if output.shape!=targ.shape: raise ValueError('the shapes differ')
    total = output.new_zeros(())
    for o,t in zip(output.flatten(), targ.flatten()): total = total + (o-t)*(o-t)
    return total/output.numel()
def dot_mse(output, targ):
    assert output.shape==targ.shape
    d = (output-targ).reshape(-1)
    return d@d/len(d)
def expanded_mse(output, targ):
    assert output.shape==targ.shape
    return (targ-output).abs().pow(2).mean()

@pytest.mark.parametrize('f', [loop_mse, dot_mse, expanded_mse])
def test_another_mse_is_right(f):
    v = verdict('mse', f)
    assert v, v.text

def lin_by_lists(x, w, b):
    rows = [[sum(float(u)*float(v) for u,v in zip(row, column))+float(c) for column,c in zip(w.t(), b)] for row in x]
    return torch.tensor(rows, dtype=x.dtype).view(len(x), w.shape[1])
def relu_by_lists(x): return torch.tensor([max(0., float(o)) for o in x.flatten()], dtype=x.dtype).view(x.shape)

@pytest.mark.parametrize('name,f', [('relu', lambda x: x*(x>0)), ('relu', lambda x: torch.maximum(x, x.new_zeros(()))),
    ('relu', lambda x: (x+x.abs())/2),
    ('relu', lambda x: x.masked_fill(x<0, 0)), ('relu', lambda x: x.clamp(min=0)),
    ('lin', lambda x, w, b: b + x.matmul(w)), ('lin', lin_by_lists), ('relu', relu_by_lists), ('lin', lambda x, w, b: torch.addmm(b, x, w)),
    ('normalize', lambda x, mean, std: x/std - mean/std), ('normalize', lambda x, mean, std: x.sub(mean).div(std)),
    ('xavier', lambda n_in, n_out: torch.normal(0., ((n_in+n_out)/2)**-0.5, (n_in,n_out)))])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

def test_another_lsuv_is_right():
    def lsuv(layers, x, tol=1e-3, max_iter=10):
        for f in layers:
            w = f.w if hasattr(f, 'w') else f.weight if hasattr(f, 'weight') else None
            n = 0
            while w is not None and n<max_iter and abs(f(x).std()-1)>=tol:
                w.mul_(1/f(x).std())
                n += 1
            x = f(x)
    v = verdict('lsuv', lsuv)
    assert v, v.text

WRONG = {
    'kaiming': [('2/', '1/'), ('math.sqrt(2/((1+a*a)*fan))', '2/((1+a*a)*fan)'), ('(1+a*a)', '(1+a)'), ('(1+a*a)', '(1-a*a)'),
                ('(1+a*a)*fan', '(1+a*a)+fan'),
                ('fan_in=n_in, fan_out=n_out', 'fan_in=n_out, fan_out=n_in'), ('torch.randn(n_in, n_out)', 'torch.randn(n_out, n_in)'),
                ('randn', 'rand'),
                ('torch.randn(n_in, n_out)', '(2*torch.rand(n_in, n_out)-1)*3**0.5'),
                ('torch.randn(n_in, n_out)', 'torch.randn(n_in, n_out).double()'),
                ('torch.randn(n_in, n_out)', 'torch.randn(n_in, n_out, generator=torch.Generator().manual_seed(1))'), ('*math', '/math'),
                ("mode='fan_in'", "mode='fan_out'"),
                ('a=0.', 'a=1.'), ('torch.randn(n_in, n_out)', 'torch.randn(n_in, n_out).abs()'),
                ('torch.randn(n_in, n_out)', '(torch.randn(n_in, n_out)+0.2)')],
    'mse': [('.mean()', '.sum()'), ('.pow(2)', ''), ('.pow(2)', '.abs()'), ('.mean()', '/len(targ)'), ('output-targ', 'output+targ'),
            ('.mean()', '.mean().sqrt()'),
            ('.mean()', '.mean()/2'), ('assert', 'assert True or'), ('.mean()', '.mean(0)'), ('.mean()', '.mean().item()'),
            ('.mean()', '.median()'),
            ('.pow(2).mean()', '.mean().pow(2)'), ('(output-targ)', 'output.sub_(targ)'),
            ('.pow(2)', '.pow(3)')],
    'relu': [('clamp_min(0.)', 'clamp_min_(0.)'), ('clamp_min', 'clamp_max'), ('clamp_min(0.)', 'abs()'),
             ('clamp_min(0.)', 'clamp_min(0.1)'), ('clamp_min(0.)', 'clamp(0., 1.)')],
    'xavier': [('n_in+n_out', 'n_in*n_out'), ('2/', '1/'), ('math.sqrt(2/(n_in+n_out))', '2/(n_in+n_out)')],
    'lin': [('+ b', ''), ('+ b', '- b'), ('x@w', 'x@w.t()'), ('x@w + b', 'x@(w + b)')],
    'normalize': [('(x-mean)', 'x-mean'), ('/std', '*std'), ('x-mean', 'x-x.mean()'), ('x-mean', 'mean-x')],
    'lsuv': [('w /= std', 'w *= std'), ('w /= std', 'w = w/std'), ('            x = layer(x)', '            pass'), ('<tol', '<0.5'),
             ('.std()', '.var()'), ("'w', getattr", "'v', getattr")]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_pytorchs_initialisation_is_told():
    def by_torch(n_in, n_out, a=0., mode='fan_in'): return nn.init.kaiming_normal_(torch.empty(n_out, n_in), a, mode).t()
    assert 'it uses kaiming_normal_' in verdict('kaiming', by_torch).text
    assert 'it uses relu' in verdict('relu', torch.relu).text

@pytest.mark.parametrize('f', [lambda o, t: (o-t).pow(2).sum(), lambda o, t: (o-t).pow(2).mean().sqrt(), lambda o, t: (o-t).abs().mean()])
def test_a_loss_that_is_wrong_and_refuses_nothing_is_told_what_is_wrong_first(f):
    assert verdict('mse', f).mistake.startswith(('this is the sum', 'this is the root', 'these are the absolute'))
