"The loss, the linear model and the optimizer of chapter 4 against PyTorch's."
import random
import pytest, torch
from torch import nn
from fastfound.basics import test_near as near
from fastfound.fully_connected import lin
from fastfound.mnist_sgd import BasicOptim, BasicSGD, linear1, mnist_distance, mnist_loss, sigmoid
from fastfound.optimizers import SGD
from learners import steps

def test_the_basic_optimizer_takes_the_steps_of_pytorch():
    g = random.Random(0)
    for seed in range(50):
        lr = g.uniform(1e-3, 0.3)
        near(steps(BasicOptim, seed, lr=lr), steps(torch.optim.SGD, seed, lr=lr), tol=1e-12)

def test_the_lesson_and_the_library_take_the_same_steps():
    "With momentum and weight decay, and groups with settings of their own"
    g = random.Random(0)
    for seed in range(20):
        kw = {'lr': g.uniform(1e-3, 0.3), 'momentum': g.choice([0., 0.9]), 'wd': g.choice([0., 0.1])}
        def in_groups(f): return lambda ps, **kw: f([{'params': ps[:1], 'lr': 0.05}, {'params': ps[1:], 'wd': 0.2}], **kw)
        wanted = steps(in_groups(SGD), seed, **kw)
        near(steps(in_groups(BasicSGD), seed, **kw), wanted, tol=1e-12)
        assert not torch.equal(wanted, steps(SGD, seed, **kw))

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

def test_one_linear_layer(): assert linear1 is lin
