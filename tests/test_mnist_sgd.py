"The loss, the linear model, the loader and the optimizer of chapter 4 against PyTorch's and the library's."
import random
import pytest, torch
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader
from fastfound.fully_connected import lin
from fastfound.mnist_sgd import BasicLoader, BasicOptim, basic_collate, basic_sampler, linear1, mnist_distance, mnist_loss, sigmoid
from fastfound.optimizers import SGD
from learners import steps

def test_the_basic_optimizer_takes_the_steps_of_pytorch_and_of_the_library():
    g = random.Random(0)
    for seed in range(50):
        lr = g.uniform(1e-3, 0.3)
        ours = steps(BasicOptim, seed, lr=lr)
        for theirs in (torch.optim.SGD, SGD): near(ours, steps(theirs, seed, lr=lr), tol=1e-12)

def pairs(n, seed=0):
    "Inputs (n,3) and targets (n,1), and the same as a list of pairs"
    g = torch.Generator().manual_seed(seed)
    x,y = torch.rand(n,3, dtype=torch.float64, generator=g),torch.randint(2, (n,1), generator=g)
    return x,y,list(zip(x, y))

def epoch_of(dl):
    set_seed(42)
    return list(dl)

@pytest.mark.parametrize('shuffle', [False, True])
@pytest.mark.parametrize('n, batch_size', [(1,1), (10,4), (12,4), (5,64), (67,10)])
def test_the_basic_loader_makes_the_batches_of_the_library(n, batch_size, shuffle):
    "The same rows in the same order from the same seed, the last short batch included"
    x,y,both = pairs(n)
    ours,theirs = epoch_of(BasicLoader(both, batch_size, shuffle)),epoch_of(DataLoader((x, y), batch_size, shuffle))
    assert len(ours)==len(theirs)
    for a,b in zip(ours, theirs): assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert torch.equal(torch.cat([o[0] for o in ours]), x)==(n==1 or not shuffle)

def test_each_epoch_has_its_own_order():
    dl = BasicLoader(pairs(50)[2], 50, shuffle=True)
    (a,_),(b,_) = next(iter(dl)),next(iter(dl))
    assert not torch.equal(a, b) and torch.equal(a.sum(1).sort().values, b.sum(1).sort().values)

def test_sampler_and_collate():
    assert torch.equal(basic_sampler(7), torch.arange(7)) and torch.equal(basic_sampler(7, True).sort().values, torch.arange(7))
    x,y,both = pairs(4)
    for ours,theirs in zip(basic_collate(both), (x, y)): assert torch.equal(ours, theirs)

def test_the_lesson_and_the_library_train_the_same_model():
    "Three epochs of mini-batches from the same seed"
    x,y,both = pairs(67)
    def trained(dl, opt_func):
        set_seed(42)
        model = nn.Linear(3,1).double()
        opt = opt_func(model.parameters(), 0.3)
        for xb,yb in (o for _ in range(3) for o in dl):
            mnist_loss(model(xb), yb).backward()
            opt.step()
            opt.zero_grad()
        return torch.cat([p.detach().flatten() for p in model.parameters()])
    ours = trained(BasicLoader(both, 10, True), BasicOptim)
    near(ours, trained(DataLoader((x, y), 10, True), SGD), tol=1e-12)
    assert not torch.equal(ours, trained(BasicLoader(both, 10), BasicOptim))

def test_sigmoid_and_its_gradient():
    x = torch.cat([torch.linspace(-30, 30, 601, dtype=torch.float64), torch.tensor([-1e4,1e4], dtype=torch.float64)]).requires_grad_()
    sigmoid(x).sum().backward()
    s = x.detach().sigmoid()
    near(sigmoid(x), s, tol=1e-14)
    near(x.grad, s*(1-s), tol=1e-14)
    assert torch.autograd.gradcheck(sigmoid, x)

def test_mnist_loss():
    g = torch.Generator().manual_seed(0)
    x,y = torch.randn(50,1, dtype=torch.float64, generator=g).requires_grad_(),torch.randint(2, (50,1), generator=g)
    near(mnist_loss(x, y), (x.sigmoid()-y).abs().mean(), tol=1e-14)
    assert torch.autograd.gradcheck(lambda o: mnist_loss(o, y), x)
    with pytest.raises(AssertionError, match=r'got \(50, 1\) and \(50,\), wanted equal shapes'): mnist_loss(x, y[:,0])

def test_distance_broadcasts():
    g = torch.Generator().manual_seed(0)
    a,b = torch.rand(5,28,28, dtype=torch.float64, generator=g),torch.rand(28,28, dtype=torch.float64, generator=g)
    near(mnist_distance(a, b), torch.stack([nn.functional.l1_loss(o, b) for o in a]), tol=1e-12)

def test_one_linear_layer():
    g = torch.Generator().manual_seed(0)
    x,w,b = [torch.randn(o, dtype=torch.float64, generator=g) for o in ((5,3), (3,1), (1,))]
    near(linear1(x, w, b), lin(x, w, b), tol=0)
