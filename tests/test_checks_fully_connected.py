"Chapter 2: other right ways pass the checks, and wrong ones do not."
import math, random
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

@pytest.mark.parametrize('f', [normal_in_place, torch_normal, transposed_twice, from_python])
def test_other_weights_are_right(f):
    v = verdict('kaiming', f)
    assert v, v.text

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

@pytest.mark.parametrize('name,f', [('relu', lambda x: x*(x>0)), ('relu', lambda x: torch.maximum(x, x.new_zeros(()))),
    ('relu', lambda x: (x+x.abs())/2),
    ('relu', lambda x: x.masked_fill(x<0, 0)), ('relu', lambda x: x.clamp(min=0)),
    ('lin', lambda x, w, b: b + x.matmul(w)), ('lin', lambda x, w, b: torch.addmm(b, x, w)),
    ('normalize', lambda x, mean, std: x/std - mean/std), ('normalize', lambda x, mean, std: x.sub(mean).div(std)),
    ('xavier', lambda n_in, n_out: torch.normal(0., ((n_in+n_out)/2)**-0.5, (n_in,n_out)))])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

def test_a_list_of_rows_and_the_other_divisor_of_a_variance_are_right():
    def stats(layers, x):
        rows = []
        for i,f in enumerate(layers):
            x = f(x)
            rows.append(dict(layer=i+1, mean=x.mean(), std=x.std(correction=0), dead=x.eq(0).double().mean(0).eq(1).double().mean()))
        return rows
    v = verdict('layer_stats', stats)
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
            ('.mean()', '.mean().detach()'), ('.pow(2).mean()', '.mean().pow(2)'), ('(output-targ)', 'output.sub_(targ)'),
            ('.pow(2)', '.pow(3)')],
    'relu': [('clamp_min(0.)', 'clamp_min_(0.)'), ('clamp_min', 'clamp_max'), ('clamp_min(0.)', 'abs()'),
             ('clamp_min(0.)', 'clamp_min(0.1)'), ('clamp_min(0.)', 'clamp(0., 1.)')],
    'xavier': [('n_in+n_out', 'n_in*n_out'), ('2/', '1/'), ('math.sqrt(2/(n_in+n_out))', '2/(n_in+n_out)')],
    'lin': [('+ b', ''), ('+ b', '- b'), ('x@w', 'x@w.t()'), ('x@w + b', 'x@(w + b)')],
    'normalize': [('(x-mean)', 'x-mean'), ('/std', '*std'), ('x-mean', 'x-x.mean()'), ('x-mean', 'mean-x')],
    'layer_stats': [('.all(0)', ''), ('.all(0)', '.any(0)'), ('.all(0)', '.all()'), ('layer(x)', 'layer(x)+0.1'), ('x.std()', 'x.var()'),
                    ('layers, 1', 'layers'), ('x==0', 'x<=0')],
    'lsuv': [('w /= std', 'w *= std'), ('w /= std', 'w = w/std'), ('            x = layer(x)', '            pass'), ('<tol', '<0.5'),
             ('.std()', '.var()'), ("'w', getattr", "'v', getattr")]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_pytorchs_initialisation_is_told():
    def by_torch(n_in, n_out, a=0., mode='fan_in'): return nn.init.kaiming_normal_(torch.empty(n_out, n_in), a, mode).t()
    assert 'it uses kaiming_normal_' in verdict('kaiming', by_torch).text
    assert 'it uses relu' in verdict('relu', torch.relu).text
