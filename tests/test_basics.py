"Seeds and devices, the comparison and the check of tensors with what they refuse, and timing."
import inspect, os, random, re
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import patch
import numpy as np, pytest, torch
from fastcore.test import test_fail as fails
from torch.overrides import TorchFunctionMode
from fastfound import basics
from fastfound.basics import central_differences, check_tensor, check_writable, checked, default_device, in_words, set_seed, speedup
from fastfound.basics import median_time, test_near

nan,inf = float('nan'),float('inf')

def draw(): return random.random(), np.random.rand(), torch.rand(1).item()

@pytest.mark.parametrize('seed', [0, 42, True, 2**32, 2**64-1, np.int64(3), torch.tensor(3)])
def test_seeds(seed):
    set_seed(seed)
    first = draw()
    assert draw()!=first
    set_seed(seed)
    assert draw()==first

@pytest.mark.parametrize('seed', [-1, 2**64, 2**70, 1.0, '42', None, float('nan')])
def test_seeds_that_are_none(seed):
    "Refused in words, before any generator is touched"
    set_seed(1)
    first = draw()
    set_seed(1)
    with pytest.raises((ValueError, TypeError), match=rf'^got seed {seed!r}, wanted a whole number'): set_seed(seed)
    assert draw()==first

@pytest.mark.parametrize('name, why', [
    ('gpu', 'PyTorch has no device of that name'), ('cuda:99', ''), ('meta', ''), ('', None), ('cpu', None)])
def test_device(monkeypatch, name, why):
    monkeypatch.setenv('FASTFOUND_DEVICE', name)
    if why is None: assert (torch.ones(2, device=default_device())+1).sum().item()==4
    else:
        wanted = rf"^FASTFOUND_DEVICE: got '{name}', which does not work here \(.*{why}.*\), wanted one that does: .*cpu$"
        with pytest.raises(ValueError, match=wanted): default_device()

def test_a_gpu_that_fails_is_passed_over(monkeypatch):
    "It is there, so the name is its own; but it cannot add, so the next device that can is taken. What somebody named is never changed"
    monkeypatch.delenv('FASTFOUND_DEVICE', raising=False)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(basics, '_cannot_add', {'cuda': 'no driver', 'mps': 'none', 'cpu': ''}.get)
    assert (basics.device_name(), default_device())==('cuda', torch.device('cpu'))
    monkeypatch.setenv('FASTFOUND_DEVICE', 'mps')
    with pytest.raises(ValueError, match=r"got 'mps', .*\(none\), wanted one that does: cpu$"): default_device()

def test_test_near():
    test_near([1.,inf], [1.,inf])
    test_near(torch.zeros(0,3), torch.zeros(0,3))
    test_near(torch.zeros(3), torch.zeros(3))
    test_near([1.,2.00001], [1.,2.])
    for a,b in [([1.,nan], [1.,2.]), ([nan,2.], [1.,2.]), ([inf,2.], [1.,2.]), ([-inf,2.], [1.,2.]),
                ([1.,2.], [1.,nan]), ([1.,5.], [1.,inf]), ([1.,2.00003], [1.,2.])]: fails(lambda: test_near(a, b), contains='off by')
    fails(lambda: test_near(torch.ones(3,1), torch.ones(3)), contains='got shape (3, 1), wanted (3,)')
    fails(lambda: test_near(torch.zeros(3), torch.full((3,), 9e-6)), contains='0 is not 9e-06')
    for flaw in (2e-10, -2e-10):  # Python's floats are float64
        for a,b in [(1+flaw, 1.), ([1.,1+flaw], [1.,1.]), (torch.tensor(1+flaw, dtype=torch.float64), 1.)]:
            fails(lambda: test_near(a, b, tol=1e-10), contains='off by')

def test_test_near_of_complex_numbers():
    "The imaginary part counts, in either argument"
    test_near([1+2j, 3j], [1+2j, 3j])
    test_near(torch.tensor([1+0j]), torch.tensor([1.]))
    for a,b in [([1+2j], [1+3j]), ([1+2j], [1.]), ([1.], [1+2j]), ([complex(1,nan)], [1+0j]), ([1e-9j], [1+0j])]:
        fails(lambda: test_near(a, b), contains='off by')
    fails(lambda: test_near([1+2j], [1+3j]), contains='1+2j is not 1+3j')

def test_test_near_is_no_test(request):
    "pytest does not take it for a test where it is imported, as it is in this file"
    found = {o.name for o in request.node.getparent(pytest.Module).collect()}
    assert 'test_test_near' in found and 'test_near' not in found

x,y,images = torch.zeros(4,3),torch.zeros(4, dtype=torch.int64),torch.zeros(2,3,8,8)

@pytest.mark.parametrize('args, kw, sizes', [
    ([x], {}, {}), ([x, 'x', 'n c'], {}, dict(n=4, c=3)), ([x, 'x', 'n 3', 'float'], {}, dict(n=4)),
    ([x[:0], 'x', 'n c'], {}, dict(n=0, c=3)),
    ([torch.tensor(1.), 'x', ''], {}, {}), ([y, 'y', 'n'], dict(n=4, c=3), dict(n=4, c=3)), ([images, 'x', 'n ... c'], {}, dict(n=2, c=8)),
    ([images, 'x', '... n n'], {}, dict(n=8)), ([x, 'x', 'n c ...'], {}, dict(n=4, c=3)), ([x, 'x', '...'], {}, {}),
    ([images, 'x', '... h w'], dict(h=8), dict(h=8, w=8)), ([torch.nn.Parameter(x), 'x', 'n c', 'float32'], {}, dict(n=4, c=3)),
    ([y, 'y', None, 'bool int'], dict(n=7), dict(n=7)), ([y>0, 'y', None, 'int bool'], {}, {}), ([x+1j, 'x', None, 'complex'], {}, {}),
    ([x.to(torch.bfloat16), 'x', None, 'float'], {}, {}), ([y.to(torch.uint8), 'y', None, 'int'], {}, {}),
    ([x, 'x'], dict(device='cpu'), {}),
    ([x, 'x'], dict(device=y.device, finite=True), {}), ([y, 'y'], dict(finite=True), {}), ([x.to('meta'), 'x'], dict(device='meta'), {})])
def test_check_tensor(args, kw, sizes): assert check_tensor('f', *args, **kw)==sizes

@pytest.mark.parametrize('error, args, kw, says', [
    (TypeError, [[1.]], {}, 'f: got input of type list, wanted a tensor'),
    (TypeError, [np.zeros(3), 'images'], {}, 'f: got images of type ndarray, wanted a tensor'),
    (TypeError, [None, 'x'], {}, 'f: got x of type NoneType, wanted a tensor'),
    (ValueError, [images, 'logits', 'n c'], {}, 'f: got logits of shape (2, 3, 8, 8), wanted (n,c)'),
    (ValueError, [x, 'targets', 'n'], {}, 'f: got targets of shape (4, 3), wanted (n,)'),
    (ValueError, [y, 'targets', 'n'], dict(n=5), 'f: got targets of shape (4,), wanted (n,) with n=5'),
    (ValueError, [y, 'y', 'n 1'], dict(n=4, c=3), 'f: got y of shape (4,), wanted (n,1) with n=4'),
    (ValueError, [x, 'x', 'n n'], {}, 'f: got x of shape (4, 3), wanted (n,n)'),
    (ValueError, [x, 'x', 'n 784'], {}, 'f: got x of shape (4, 3), wanted (n,784)'),
    (ValueError, [y, 'y', ''], {}, 'f: got y of shape (4,), wanted a number'),
    (ValueError, [y, 'y', 'n ... c'], {}, 'f: got y of shape (4,), wanted (n,...,c)'),
    (ValueError, [torch.tensor(1.), 'x', 'n c ...'], {}, 'f: got x of shape (), wanted (n,c,...)'),
    (ValueError, [images, 'x', '... h w'], dict(h=8, w=9), 'f: got x of shape (2, 3, 8, 8), wanted (...,h,w) with h=8 and w=9'),
    (TypeError, [x, 'targets', 'n c', 'int'], {}, 'f: got targets of dtype float32, wanted int'),
    (TypeError, [y, 'x', None, 'float complex'], {}, 'f: got x of dtype int64, wanted float or complex'),
    (TypeError, [x, 'x', None, 'float64'], {}, 'f: got x of dtype float32, wanted float64'),
    (TypeError, [y>0, 'y', None, 'int'], {}, 'f: got y of dtype bool, wanted int'),
    (TypeError, [x+1j, 'x', None, 'float'], {}, 'f: got x of dtype complex64, wanted float'),
    (ValueError, [x, 'x'], dict(device='meta'), 'f: got x on cpu, wanted it on meta'),
    (ValueError, [x/0, 'a loss'], dict(finite=True), 'f: got a loss with 12 of 12 values nan or infinite, wanted finite ones'),
    (ValueError, [torch.tensor([1.,-inf]), 'x'], dict(finite=True), 'f: got x with 1 of 2 values nan or infinite, wanted finite ones')])
def test_check_tensor_refuses(error, args, kw, says):
    "In the same words everywhere, and without a change of the sizes it was given"
    before = dict(kw)
    with pytest.raises(error) as e: check_tensor('f', *args, **kw)
    assert str(e.value)==says and kw==before

def test_check_tensor_only_looks():
    "It asks for what a tensor knows of itself, and computes nothing with its numbers unless they should be finite"
    class Asked(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            asked.append(func.__name__)
            return func(*args, **(kwargs or {}))
    for finite in (False, True):
        asked = []
        with Asked(): check_tensor('f', images, 'images', 'n c h w', 'float', n=2, finite=finite)
        assert ('isfinite' in asked)==finite and (finite or set(asked)=={'__get__'}), asked

def test_median_time_has_a_median():
    "Three calls at least beside the one that warms up: one that waits for a busy machine, longer than all the budget, does not count"
    now,calls = [0.],iter((.01,.9,.01,.01))
    def f(): now[0] += next(calls, 9.)
    with patch('time.perf_counter', lambda: now[0]): test_near(median_time(f, 0.2), .01, tol=1e-10)

def test_speedup():
    now = [0.]
    def takes(seconds):
        def f(x): now[0] += seconds*x
        return f
    with patch('time.perf_counter', lambda: now[0]): test_near(speedup(takes(.03), takes(.01), 2), 3., tol=1e-10)

# Annotations that hold

@checked
def annotated(x:torch.Tensor, n:int=1, rate:float|None=None, f:Callable=abs, name:str='', path:os.PathLike='.', *rest:int, flag:bool=False,
              items:Iterable=(), mode:'int'=0, **more:int):
    "Returns its arguments"
    return x,n,rate,f,name,path,rest,flag,items

one = torch.tensor(1.)

@pytest.mark.parametrize('kw', [
    {'n': 3}, {'n': np.int32(3)}, {'n': torch.tensor(3)}, {'n': True}, {'rate': None}, {'rate': 3}, {'rate': np.float32(3)}, {'rate': one},
    {'rate': inf}, {'f': torch.nn.ReLU()}, {'name': 'a'}, {'path': Path('.')}, {'path': 'a'}, {'items': (1,2)}, {'items': np.ones(2)},
    {'items': iter('ab')}, {'flag': 'yes'}, {'mode': 'x'}, {'other': 'x'}, {'x': torch.nn.Parameter(one)}])
def test_arguments_that_are_what_their_annotations_say(kw):
    "Also those of NumPy, single tensors, defaults, and what has no type for an annotation"
    annotated(**{'x': one, **kw})

@pytest.mark.parametrize('kw, message', [
    ({'x': [1.]}, 'x of type list, wanted a tensor'), ({'x': np.ones(2)}, 'x of type ndarray, wanted a tensor'),
    ({'x': 3}, 'x=3, wanted a tensor'),
    ({'x': None}, 'x=None, wanted a tensor'), ({'n': 1.5}, 'n=1.5, wanted a whole number'), ({'n': None}, 'n=None, wanted a whole number'),
    ({'n': one}, 'n of type Tensor, wanted a whole number'), ({'n': torch.ones(2).long()}, 'n of type Tensor, wanted a whole number'),
    ({'rate': nan}, 'rate=nan, wanted a number'), ({'rate': torch.ones(2)}, 'rate of type Tensor, wanted a number'),
    ({'rate': 1j}, 'rate=1j, wanted a number'), ({'rate': '0.1'}, "rate='0.1', wanted a number"), ({'f': 3}, 'f=3, wanted a function'),
    ({'name': 3}, 'name=3, wanted a text'), ({'path': 3}, 'path=3, wanted a path'), ({'items': 'ab'}, "items='ab', wanted a list"),
    ({'items': 3}, 'items=3, wanted a list')])
def test_arguments_that_are_not(kw, message):
    "By name and by position, with what came and what was wanted"
    kw = {'x': one, **kw}
    error = ValueError if '=nan' in message else TypeError
    with pytest.raises(error, match='^annotated: got '+re.escape(message)+'$'): annotated(**kw)
    place = list(inspect.signature(annotated).parameters).index(next(reversed(kw)))
    if place>5: return
    args = list(inspect.signature(annotated).bind(one).args)+[1, None, abs, '', '.']
    args[place] = kw[next(reversed(kw))]
    with pytest.raises(error, match=re.escape(message)): annotated(*args)

def test_each_of_the_rest():
    "Of positional arguments without a name of their own; those that are named are not looked at"
    @checked
    def total(start:float, *rest:torch.Tensor, **more:int): return start+sum(rest)
    assert total(1, one, one, a='b')==3 and total(1)==1
    with pytest.raises(TypeError, match='got rest of type list, wanted a tensor$'): total(1, one, [1.])

def test_a_checked_function_is_still_itself():
    "Name, text and signature; errors of its own pass; a method is named by its class alone"
    assert (annotated.__name__, annotated.__doc__)==('annotated', 'Returns its arguments')
    assert str(inspect.signature(annotated)).startswith('(x: torch.Tensor, n: int = 1')
    class Halves:
        @checked
        def __init__(self, n:int): self.n = n
        @checked
        def of(self, x:float|torch.Tensor): return x/2/self.n
    with pytest.raises(TypeError, match=r"Halves: got n='2', wanted a whole number$"): Halves('2')
    with pytest.raises(TypeError, match=r"Halves.of: got x of type list, wanted a number or a tensor$"): Halves(1).of([2.])
    with pytest.raises(ZeroDivisionError): Halves(0).of(2.)

def test_what_can_only_be_named_is_no_other_argument():
    "However many arguments come before it"
    @checked
    def f(a:int, *rest, h:float=1.): return h
    assert f(1, 'x', 'y')==f(1)==1. and f(1, 'x', 'y', h=2)==2
    with pytest.raises(TypeError, match="f: got h='x', wanted a number"): f(1, 2., 3., h='x')

@pytest.mark.parametrize('folder', [True, 1, None, b'.', 1.5, ['.']], ids=repr)
def test_a_folder_is_no_number(folder):
    "Python takes a number for a file that is open"
    with pytest.raises(TypeError, match='check_writable: got folder.*, wanted a text or a path'): check_writable(folder)

@pytest.mark.parametrize('error, kind', [(OverflowError('too big'), ValueError), (NotImplementedError('no'), RuntimeError),
    (TypeError('not so'), TypeError), (IndexError('out'), IndexError), (AttributeError('a'), ValueError)])
def test_an_error_in_words(error, kind):
    said = in_words(error, 'f', torch.ones(2,3), 10**20, [1]*99)
    assert type(said) is kind and len(str(said))<200
    assert str(said).startswith('f: got torch.float32 of shape (2, 3) and 100000000000000000000 and [1, 1')
    assert f', wanted what fits ({error})' in str(said)

@pytest.mark.parametrize('error', [ValueError('g: got 1, wanted 2'), MemoryError(), torch.OutOfMemoryError('no memory')], ids=repr)
def test_what_is_said_already_stays(error): assert in_words(error, 'f', 1) is error

def test_checked_sizes_belong_to_the_caller():
    "Those of an earlier check are no part of a later one, and what a caller writes into them is not kept"
    x = torch.zeros(2,3)
    sizes = check_tensor('f', x, shape='n c')
    sizes['n'] = 7
    assert check_tensor('f', x, shape='n c')=={'n': 2, 'c': 3}
    with pytest.raises(ValueError, match=r'got input of shape \(2, 3\), wanted .* with n=7'): check_tensor('f', x, shape='n c', **sizes)

def test_central_differences_of_one_of_two_inputs():
    x,y = torch.tensor([[1.,2.]], dtype=torch.float64),torch.tensor([3.,4.], dtype=torch.float64)
    def f(x, y): return (x*x*y).sum()
    test_near(central_differences(f, [x, y]), 2*x*y, tol=1e-8)
    test_near(central_differences(f, (x, y), 1), (x*x)[0], tol=1e-8)
