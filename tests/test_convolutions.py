"What the room of convolutions promises of convolutions, pooling and batch normalisation of any size."
import math, pytest, torch, torch.nn.functional as F
from conftest import same
from hypothesis import given, settings, strategies as st
from torch import nn
from fastfound import resnet
from fastfound.convolutions import BatchNorm, as_pair, avg_pool2d, conv2d, init_convs, max_pool2d, out_size, update_running

def drawn(seed, *shape): return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

def value_and_gradients(f, *tensors):
    "The output of `f`, and the gradients of a weighted sum of it for all `tensors`"
    leaves = [t.clone().requires_grad_() for t in tensors]
    out = f(*leaves)
    return out.detach(),*torch.autograd.grad((out*drawn(7, *out.shape)).sum(), leaves)

def agree(f, g, *tensors):
    for a,b in zip(value_and_gradients(f, *tensors), value_and_gradients(g, *tensors)): same(a, b)

small = st.integers(1, 4)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(n=small, c_in=small, c_out=small, h=st.integers(1, 9), w=st.integers(1, 9), kh=small, kw=small, stride=st.integers(1, 3),
       padding=st.integers(0, 3), dilation=st.integers(1, 3), bias=st.booleans(), pairs=st.booleans(), seed=st.integers(0, 99))
def test_convolutions_of_any_size(n, c_in, c_out, h, w, kh, kw, stride, padding, dilation, bias, pairs, seed):
    x,k,b = drawn(seed, n, c_in, h, w),drawn(seed+1, c_out, c_in, kh, kw),drawn(seed+2, c_out)
    setting = dict(stride=stride, padding=padding, dilation=dilation)
    if pairs: setting = dict(stride=(stride, seed%3+1), padding=[padding, seed%4], dilation=(dilation, 1))
    size = [out_size(*o) for o in zip((h,w), (kh,kw), *map(as_pair, setting.values()))]
    if min(size)<1:
        for f in (conv2d, F.conv2d):
            with pytest.raises(RuntimeError): f(x, k, **setting)
        return
    assert conv2d(x, k, **setting).shape==(n, c_out, *size)
    if bias: agree(lambda *o: conv2d(*o, **setting), lambda *o: F.conv2d(*o, **setting), x, k, b)
    else: agree(lambda *o: conv2d(*o, **setting), lambda *o: F.conv2d(*o, **setting), x, k)

@pytest.mark.parametrize('x, w, says', [
    ((2,3,8,8), (4,2,3,3), 'got kernels of shape (4, 2, 3, 3), wanted (c_out,c_in,kh,kw) with c_in=3'),
    ((3,8,8), (4,3,3,3), 'got images of shape (3, 8, 8), wanted (n,c_in,h,w)'), ((2,3,8,8), (3,3,3), 'got kernels of shape (3, 3, 3)')])
def test_shapes_that_do_not_fit_are_named(x, w, says):
    with pytest.raises(ValueError) as e: conv2d(torch.zeros(x), torch.zeros(w))
    assert str(e.value).startswith(f'conv2d: {says}')

@pytest.mark.parametrize('setting', [
    {'stride': 0}, {'stride': (1,0)}, {'dilation': 0}, {'padding': -1}, {'padding': (0,-1)}, {'stride': 1.5}, {'padding': None},
    {'stride': '2'}, {'padding': (1,1,1)}, {'dilation': ()},
    {'b': torch.ones(1)}, {'b': torch.ones(4,1)}, {'b': torch.ones(4, dtype=torch.float64)},
    {'b': [1.,1.,1.,1.]}, {'x': torch.ones(2,3,8,8, dtype=torch.float64)}, {'w': [[1.]]}], ids=str)
def test_what_pytorch_refuses_is_refused(setting):
    given = {'x': torch.ones(2,3,8,8), 'w': torch.ones(4,3,3,3), 'b': torch.ones(4)} | setting
    tensors = [given.pop(o) for o in 'xwb']
    for f in (conv2d, F.conv2d):
        with pytest.raises((ValueError, TypeError, RuntimeError)): f(*tensors, **given)

@pytest.mark.parametrize('setting, says', [
    ({'padding': 'same'}, "got padding of 'same', wanted a whole number, or one for height and one for width"),
    ({'stride': (1,2,3)}, 'got stride of (1, 2, 3), wanted a whole number'), ({'groups': 3}, "unexpected keyword argument 'groups'"),
    ({'b': torch.ones(1)}, 'conv2d: got biases of shape (1,), wanted (c_out,) with c_out=4'),
    ({'b': 1.}, 'conv2d: got biases of type float, wanted a tensor')], ids=str)
def test_what_convolutions_leave_out_is_refused_in_words(setting, says):
    with pytest.raises((ValueError, TypeError)) as e: conv2d(torch.ones(2,3,8,8), torch.ones(4,3,3,3), **setting)
    assert says in str(e.value)

def test_pooling_takes_images_and_sizes():
    x = torch.ones(1,2,4,4)
    for f in (max_pool2d, avg_pool2d):
        with pytest.raises(TypeError, match='got size of 2.0, wanted a whole number'): f(x, 2.)
        with pytest.raises(ValueError, match=r'pooling: got images of shape \(4, 4\), wanted \(n,c,h,w\)'): f(x[0,0])
        with pytest.raises(TypeError, match='unexpected keyword argument'): f(x, 2, padding=2)
        for size in (0, -1, 5, (2,0)):
            with pytest.raises(RuntimeError): f(x, size)

@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('shape', [(2,1,4,4), (2,4,4,4), (2,3,4), (3,4,4), (2,3), (3,), (2,3,4,4,4)], ids=str)
def test_batch_normalisation_does_not_broadcast(shape, training):
    ours,theirs = BatchNorm(3).train(training),nn.BatchNorm2d(3).train(training)
    with pytest.raises(ValueError, match='BatchNorm: got images of shape'): ours(torch.randn(shape))
    with pytest.raises((ValueError, RuntimeError)): theirs(torch.randn(shape))
    with pytest.raises(TypeError, match='BatchNorm: got images of type list'): ours([[1.]])
    assert (ours.running_mean==0).all() and (ours.running_var==1).all()

@settings(max_examples=50, deadline=None, derandomize=True)
@given(n=small, c=small, h=st.integers(4, 12), w=st.integers(4, 12), seed=st.integers(0, 99),
       size=st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_pooling_of_any_size(n, c, h, w, size, seed):
    x = drawn(seed, n, c, h, w)
    for ours,theirs in ((max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)):
        agree(lambda o: ours(o, size), lambda o: theirs(o, size), x)

@settings(max_examples=50, deadline=None, derandomize=True)
@given(n=st.integers(1, 5), c=small, h=st.integers(1, 5), w=st.integers(2, 5), eps=st.sampled_from([1e-5, 1e-3]),
       momentum=st.sampled_from([0., 0.1, 0.5, 1.]), seed=st.integers(0, 99))
def test_batch_normalisation(n, c, h, w, eps, momentum, seed):
    "Value, gradients and running statistics over three batches, then in evaluation mode"
    ours,theirs = BatchNorm(c, eps, momentum).double(),nn.BatchNorm2d(c, eps, momentum).double()
    for o in (ours,theirs):
        with torch.no_grad():
            o.weight.copy_(drawn(seed, c))
            o.bias.copy_(drawn(seed+1, c))
    def both(x):
        agree(lambda t: ours(t), lambda t: theirs(t), x)
        grads = [torch.autograd.grad((o(x)*drawn(7, *x.shape)).sum(), list(o.parameters())) for o in (ours,theirs)]
        for a,b in zip(*grads): same(a, b)
        for name in ('running_mean', 'running_var'): same(getattr(ours, name), getattr(theirs, name))
    for i in range(3): both(3*drawn(seed+i, n, c, h, w)+1)
    ours.eval(), theirs.eval()
    before = ours.running_var.clone()
    both(drawn(seed+9, n, c, h, w))
    assert torch.equal(ours.running_var, before)
    assert set(ours.state_dict())=={'weight', 'bias', 'running_mean', 'running_var'}

@pytest.mark.parametrize('setting', [{'eps': 0}, {'eps': -1e-5}, {'eps': math.nan}, {'eps': 1j}, {'c': 0}, {'c': -3}, {'c': 2.5}], ids=str)
def test_normalisation_needs_numbers_above_0(setting):
    with pytest.raises((ValueError, TypeError), match='BatchNorm: got .*wanted '): BatchNorm(**{'c': 3} | setting)

@pytest.mark.parametrize('f, theirs', [(max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)])
@pytest.mark.parametrize('dtype', [torch.bool, torch.complex64, torch.complex128])
def test_what_has_no_order_or_mean_is_not_pooled(f, theirs, dtype):
    x = torch.ones(1,1,4,4, dtype=dtype)
    with pytest.raises(TypeError, match=f'pooling: got images of dtype {str(dtype)[6:]}, wanted float'): f(x, 2)
    with pytest.raises(RuntimeError): theirs(x, 2)

def test_settings_are_refused_in_words():
    for make in (lambda: init_convs([nn.Linear(1,1)]), lambda: init_convs(nn.Linear(1,1), 'both'),
                 lambda: out_size('a', 3), lambda: out_size(3, 3, 0)):
        with pytest.raises((ValueError, TypeError), match='got .*wanted |must be'): make()

def test_one_value_has_no_variance():
    with pytest.raises(ValueError, match=r'got \(1, 3, 1, 1\) in training'): BatchNorm(3)(torch.zeros(1,3,1,1))
    assert BatchNorm(3).eval()(torch.zeros(1,3,1,1)).shape==(1,3,1,1)
    with pytest.raises(TypeError, match='BatchNorm: got momentum=None, wanted a number'): BatchNorm(3, momentum=None)

@pytest.mark.parametrize('mode, fan', [('fan_in', 16), ('fan_out', 64)])
def test_initial_weights(mode, fan):
    torch.manual_seed(0)
    conv = init_convs(nn.Sequential(nn.Conv2d(16, 64, 9)), mode)[0]
    assert abs(conv.weight.std()*(fan*81/2)**0.5-1)<0.02

def test_the_names_are_in_the_chapter_as_well():
    names = BatchNorm,as_pair,avg_pool2d,conv2d,init_convs,max_pool2d,out_size,update_running
    for f in names: assert getattr(resnet, f.__name__) is f
