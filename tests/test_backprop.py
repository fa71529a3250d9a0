"What 03_backprop promises of memory, and gradients of sizes that nobody tried."
import sys
import pytest, torch
from conftest import run_page
from hypothesis import given, settings, strategies as st
from fastfound.backprop import CrossEntropy, Model, Mse, forward_and_backward
from fastfound.matmul import test_near as near

@pytest.mark.skipif(sys.platform=='win32', reason='Windows has no getrusage to ask for the peak of memory')
def test_page_needs_less_than_a_gigabyte(tmp_path):
    "The whole page with Python and PyTorch in it stays below 1 GB, so each of its cells does"
    peak = f"import resource; print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*{1 if sys.platform=='darwin' else 1024})"
    def used(**kw):
        r = run_page('03_backprop', tmp_path, after=peak, **kw)
        assert r.returncode==0, r.stderr
        return int(r.stdout.split('peak ')[-1])
    assert used()<1e9
    assert used(change=lambda cell: cell.replace('torch.randn(100, 784),torch.randn(100, 50)', 'torch.randn(8000, 784),torch.randn(8000, 50)').replace('100*784*50*4', '8000*784*50*4'))>1e9

sizes = st.integers(1, 6)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(sizes, sizes, sizes, sizes, st.booleans(), st.integers(0, 999))
def test_gradients_of_any_size(n, n_in, nh, c, digits, seed):
    g = torch.Generator().manual_seed(seed)
    def randn(*shape): return torch.randn(*shape, generator=g, dtype=torch.float64)
    if not digits: c = 1
    x,*params = randn(n,n_in),randn(n_in,nh),randn(nh),randn(nh,c),randn(c)
    targ = torch.randint(c, (n,), generator=g) if digits else randn(n)
    model = Model(*params, loss=CrossEntropy() if digits else Mse(), inp_grad=True)
    loss = model(x, targ)
    model.backward()
    copies = [t.clone().requires_grad_() for t in (x,*params)]
    a,w1,b1,w2,b2 = copies
    out = (a@w1+b1).relu()@w2 + b2
    want = torch.nn.functional.cross_entropy(out, targ) if digits else ((out[:,0]-targ)**2).mean()
    want.backward()
    near(loss, want, tol=1e-10)
    found = [t.g for t in (x,*params)]  # relative where a gradient is above 1: one that is all zeros has no scale of its own
    for got,t in zip(found, copies): assert got.shape==t.shape and (got-t.grad).abs().max()<=1e-10*max(1, t.grad.abs().max())
    if not digits:
        near(forward_and_backward(x, targ, *params), want, tol=1e-10)
        for got,t in zip(found, (x,*params)): near(t.g, got, tol=1e-10)

def test_no_input_gradient_unless_asked():
    x,targ = torch.randn(3,4),torch.randn(3)
    model = Model(torch.randn(4,2), torch.zeros(2), torch.randn(2,1), torch.zeros(1))
    model(x, targ)
    model.backward()
    assert not hasattr(x, 'g') and all(p.g.shape==p.shape for p in model.parameters())
