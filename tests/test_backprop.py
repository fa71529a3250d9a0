"What 03_backprop promises of memory, gradients of any size, and the edge cases: infinite and missing numbers, empty batches, wrong types."
import copy, sys
from functools import partial
import pytest, torch
import torch.nn.functional as F
import conftest
from conftest import run_page
from hypothesis import given, settings, strategies as st
from torch import nn
from fastfound import backprop
from fastfound.backprop import CrossEntropy, LayerFunction, Lin, LinearLayer, Model, Module, Mse, Relu
from fastfound.backprop import cross_entropy, forward_and_backward, log_softmax, mse_grad, relu_grad, softmax
from fastfound.fully_connected import lin

same = partial(conftest.same, equal_nan=True)

def torch_grad(f, *tensors):
    "The gradient of the sum of `f(*tensors)` for the first of `tensors`, by PyTorch"
    x = tensors[0].detach().clone().requires_grad_()
    return torch.autograd.grad(f(x, *tensors[1:]).sum(), x)[0]

@pytest.mark.long
@pytest.mark.skipif(sys.platform=='win32', reason='Windows has no getrusage to ask for the peak of memory')
def test_page_needs_less_than_a_gigabyte(tmp_path):
    "The whole page with Python and PyTorch in it stays below 1 GB, so each of its cells does"
    peak = """
import re, resource, sys
from pathlib import Path
status = Path('/proc/self/status')  # of this program alone; on Linux getrusage counts the memory of the process that started it, too
if status.exists(): peak = int(re.search(r'VmHWM:\\s*(\\d+)', status.read_text())[1])*1024
else: peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*(1 if sys.platform=='darwin' else 1024)
print('peak', peak)
"""
    def used(change=str):
        r = run_page('03_backprop', tmp_path, after=peak, change=change)
        assert r.returncode==0, r.stderr
        return int(r.stdout.split('peak ')[-1])
    def eighty_times(cell):
        "The cell with the outer products of 100 rows takes 8,000, and the page ends there"
        more = cell.replace('torch.randn(100, 784),torch.randn(100, 50)',
                            'torch.randn(8000, 784),torch.randn(8000, 50)').replace('100*784*50*4', '8000*784*50*4')
        return cell if more==cell else f'{more}\n{peak}\nsys.exit()'
    assert used()<1e9<used(eighty_times)

sizes = st.integers(1, 6)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(sizes, sizes, sizes, sizes, st.booleans(), st.integers(0, 999))
def test_gradients_of_any_size(n, n_in, nh, c, digits, seed):
    g = torch.Generator().manual_seed(seed)
    def randn(*shape): return torch.randn(*shape, generator=g, dtype=torch.float64)
    if not digits: c = 1
    x,*params = randn(n,n_in),randn(n_in,nh),randn(nh),randn(nh,c),randn(c)
    targ = torch.randint(c, (n,), generator=g) if digits else randn(n)
    model = Model(*params, loss=CrossEntropy() if digits else Mse())
    loss = model(x, targ)
    model.backward()
    copies = [t.clone().requires_grad_() for t in (x,*params)]
    a,w1,b1,w2,b2 = copies
    out = (a@w1+b1).relu()@w2 + b2
    want = F.cross_entropy(out, targ) if digits else ((out[:,0]-targ)**2).mean()
    want.backward()
    same(loss, want.detach())
    found = [t.g for t in (x,*params)]
    for got,t in zip(found, copies): same(got, t.grad)
    if not digits:
        same(forward_and_backward(x, targ, *params), want.detach())
        for got,t in zip(found, (x,*params)): same(t.g, got)

def test_relu_selects_as_pytorch_does():
    "Any input with any gradient of the output, infinite and nan ones among them; long enough for the vectorised kernels"
    inf,nan = float('inf'),float('nan')
    x,g = (o.flatten().repeat(5)
           for o in torch.meshgrid(torch.tensor([-inf,-1.,-0.,0.,1e-45,2.,inf,nan]), torch.tensor([-inf,-1.,0.,3.,inf,nan]), indexing='ij'))
    for dtype in (torch.float32, torch.float64):
        x,g = x.to(dtype),g.to(dtype)
        relu = Relu()
        out = relu(x)
        out.g = g
        relu.backward()
        copy = x.clone().requires_grad_()
        want = copy.relu()
        want.backward(g)
        same(out, want.detach())
        same(x.g, copy.grad)
    strided = torch.randn(6,4).t()
    out = strided.clamp_min(0.)
    out.g = torch.randn(4,6)
    relu_grad(strided, out)
    same(strided.g, out.g*(out>0))

@pytest.mark.parametrize('f', [lambda x: 1/x, torch.sqrt], ids=['1/relu', 'sqrt(relu)'])
def test_infinite_gradients_stop_at_a_relu(f):
    "The derivative at the 0 that a ReLU puts out is infinite, and 0 times infinity is no number"
    class Op(LayerFunction):
        def forward(self, inp): return f(inp)
        def bwd(self, out, inp): inp.g = torch_grad(f, inp)*out.g
    x,relu,op = torch.tensor([-1.,0.,4.]),Relu(),Op()
    out = op(relu(x))
    out.g = torch.ones(3)
    op.backward()
    relu.backward()
    assert relu.out.g.isinf().any()
    same(x.g, torch_grad(lambda x: f(x.relu()), x))
    assert x.g[0]==0

@pytest.mark.parametrize('ours,theirs', [(log_softmax, F.log_softmax), (softmax, F.softmax)], ids=['log_softmax', 'softmax'])
def test_softmax_edge_cases(ours, theirs):
    inf,nan = float('inf'),float('nan')
    for shape in ((3,0), (0,4), (0,0), (2,3,0), (1,1), (2,3,4)):
        x = torch.randn(shape, dtype=torch.float64)
        same(ours(x), theirs(x, -1))
        for dim in range(-x.ndim, x.ndim): same(ours(x, dim=dim), theirs(x, dim=dim))
    x = torch.tensor([[-inf,0.,1.], [-inf,-inf,-inf], [inf,0.,1.], [nan,0.,1.], [1e300,-1e300,1e300], [-745.,0.,-1000.]],
                     dtype=torch.float64)
    same(ours(x), theirs(x, -1))
    x = torch.randn(5, 4, dtype=torch.float64)
    weight = torch.randn(5, 4, dtype=torch.float64)
    same(torch_grad(lambda x: ours(x)*weight, x), torch_grad(lambda x: theirs(x, -1)*weight, x))

def test_cross_entropy_edge_cases():
    ce = CrossEntropy()
    empty,none = torch.zeros(0,3),torch.zeros(0).long()
    same(cross_entropy(empty, none), F.cross_entropy(empty, none))
    assert ce(empty, none).isnan()
    ce.backward()
    assert empty.g.shape==(0,3)
    for targ in ([0,-1], [0,3]):
        with pytest.raises(RuntimeError, match='out of bounds'): cross_entropy(torch.ones(2,3), torch.tensor(targ))

@pytest.mark.parametrize('size', [1., 100., 1e4, 1e300])
def test_cross_entropy_is_pytorchs(size):
    "The loss, the gradient of the layer, and the gradient that autograd finds for the function, for small and for enormous logits"
    g = torch.Generator().manual_seed(0)
    x,targ,ce = torch.randn(50, 10, generator=g, dtype=torch.float64)*size,torch.randint(10, (50,), generator=g),CrossEntropy()
    same(ce(x, targ), F.cross_entropy(x, targ))
    same(cross_entropy(x, targ), F.cross_entropy(x, targ))
    ce.backward()
    want = torch_grad(F.cross_entropy, x, targ)
    same(x.g, want)
    same(torch_grad(cross_entropy, x, targ), want)
    assert want.abs().max()>1e-3

def test_mse_grad_of_more_axes_and_of_none():
    for shape in ((3,), (3,4), (2,3,4), ()):
        inp,targ,mse = torch.randn((*shape,1), dtype=torch.float64),torch.randn(shape, dtype=torch.float64),Mse()
        mse(inp, targ)
        mse.backward()
        same(inp.g, torch_grad(lambda x: F.mse_loss(x.squeeze(-1), targ), inp))
    inp = torch.zeros(0,1)
    mse_grad(inp, torch.zeros(0))
    assert inp.g.shape==(0,1)
    for a,b in (((3,4),(3,)), ((3,),(3,)), ((3,1),(3,1)), ((3,1),(4,)), ((1,1),())):
        with pytest.raises(AssertionError, match='mse_grad: got'): mse_grad(torch.zeros(a), torch.zeros(b))

def test_one_linear_layer():
    "`Lin` and `LinearLayer` compute what `lin` computes, and nothing of their own"
    layer,x = LinearLayer(4, 3).double(),torch.randn(5, 4, dtype=torch.float64)
    w,b = layer.weight.detach().t(),torch.randn(3, dtype=torch.float64)
    with torch.no_grad(): layer.bias.copy_(b)
    same(layer(x).detach(), F.linear(x, layer.weight, layer.bias).detach())
    same(Lin(w, b)(x), lin(x, w, b))
    calls = []
    with pytest.MonkeyPatch.context() as m:
        m.setattr(backprop, 'lin', lambda *a: calls.append(a) or lin(*a))
        layer(x), Lin(w, b)(x)
    assert len(calls)==2

def test_model_from_sizes():
    class Sub(Model): pass
    loss = CrossEntropy()
    model = Sub.from_sizes(6, 5, 4, loss=loss)
    assert type(model) is Sub and model.loss is loss and isinstance(Model.from_sizes(6, 5, 1).loss, Mse)
    assert [tuple(p.shape) for p in model.parameters()]==[(6,5), (5,), (5,4), (4,)]
    assert not any(model.parameters()[i].any() for i in (1,3))
    for seed in range(10):  # 250,000 weights: their standard deviation is known to 1/sqrt(500,000), 0.14 %, and this is ten times that
        torch.manual_seed(seed)
        w1,_,w2,_ = Model.from_sizes(500, 500, 500).parameters()
        for w in (w1,w2): assert abs(w.std()/(2/500)**0.5-1)<0.014

def test_module_without_super_init():
    "One that calls super().__init__() all the same loses nothing, a copy has parameters of its own, and wrong arguments are refused"
    class Late(Module):
        def __init__(self):
            self.w = nn.Parameter(torch.ones(2))
            super().__init__()
    class Net(Module):
        def __init__(self, n): self.layer = LinearLayer(n, 1)
        def forward(self, x): return self.layer(x)
    assert len(list(Late().parameters()))==1
    net = Net(3)
    twin,x = copy.deepcopy(net),torch.randn(2,3)
    assert twin.layer.weight is not net.layer.weight and torch.equal(twin(x), net(x))
    assert list(net.state_dict())==['layer.weight', 'layer.bias']
    with pytest.raises(TypeError, match='argument'): Module(3)

@pytest.mark.parametrize('bias', [True, False])
def test_linear_layer_with_and_without_biases(bias):
    ours,theirs = LinearLayer(4, 3, bias=bias).double(),nn.Linear(4, 3, bias=bias).double()
    theirs.load_state_dict(ours.state_dict())
    for x in (torch.randn(5,4), torch.randn(2,5,4), torch.randn(4)): same(ours(x.double()), theirs(x.double()))
    assert [name for name,_ in ours.named_parameters()]==[name for name,_ in theirs.named_parameters()]
    for o in (ours, theirs):
        with pytest.raises(RuntimeError): o(torch.randn(5,3).double())

@pytest.mark.parametrize('preds, targ', [((2,3,1), (2,1)), ((2,3,4), (2,3)), ((3,), ()), ((2,3), (3,)), ((2,3), (2,1))], ids=str)
def test_cross_entropy_takes_rows_and_class_numbers(preds, targ):
    "Some of these would have been gathered along a wrong dimension"
    for dtype in (torch.int64, torch.int32, torch.float32):
        with pytest.raises(AssertionError, match='cross_entropy: got .* wanted .* class numbers'):
            cross_entropy(torch.zeros(preds), torch.zeros(targ, dtype=dtype))
