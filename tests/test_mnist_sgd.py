"SGD and the optimizer base against torch.optim, and what they refuse."
import random
import pytest, torch
from torch import nn
from fastfound.backprop import CrossEntropy, Model
from fastfound.fully_connected import kaiming, lin
from fastfound.basics import test_near as near
from fastfound.optimizers import SGD, Optimizer
from fastfound.mnist_sgd import BasicOptim, linear1, mnist_distance, mnist_loss, sigmoid

def steps(opt_func, seed, n=20, clear=lambda p: setattr(p, 'grad', None), **kw):
    "Two parameters after `n` steps in float64"
    g = torch.Generator().manual_seed(seed)
    a,b = [torch.randn(s, dtype=torch.float64, generator=g).requires_grad_() for s in ((3,2), (2,))]
    opt = opt_func([a, b], **kw)
    for x in torch.randn(n,5,3, dtype=torch.float64, generator=g):
        (x@a+b).sin().pow(2).mean().backward()
        opt.step()
        for p in (a,b): clear(p)
    return torch.cat([a.detach().flatten(), b.detach()])

def test_sgd_takes_the_steps_of_pytorch():
    g = random.Random(0)
    for seed in range(50):
        lr,momentum,wd = g.uniform(1e-3, 0.3),g.choice([0., 0.5, 0.9, 1.]),g.choice([0., 0.01, 0.3])
        want = steps(torch.optim.SGD, seed, lr=lr, momentum=momentum, weight_decay=wd)
        for name in ('wd', 'weight_decay'): near(steps(SGD, seed, lr=lr, momentum=momentum, **{name: wd}), want, tol=1e-12)
        near(steps(BasicOptim, seed, lr=lr), steps(torch.optim.SGD, seed, lr=lr), tol=1e-12)

def test_gradients_cleared_in_place():
    "By those who write `p.grad.zero_()`: the momentum buffer must not be the gradient itself"
    near(steps(SGD, 0, lr=0.1, momentum=0.9, clear=lambda p: p.grad.zero_()), steps(torch.optim.SGD, 0, lr=0.1, momentum=0.9), tol=1e-12)

def test_state_has_the_names_of_pytorch():
    p,q = nn.Parameter(torch.ones(2)),nn.Parameter(torch.ones(2))
    ours,theirs = SGD([p], 0.1, momentum=0.9),torch.optim.SGD([q], 0.1, momentum=0.9)
    for _ in range(2):
        for o,opt in ((p, ours), (q, theirs)):
            (o**2).sum().backward()
            opt.step()
            opt.zero_grad()
    assert list(ours.state[p])==list(theirs.state[q])==['momentum_buffer']
    near(ours.state[p]['momentum_buffer'], theirs.state[q]['momentum_buffer'])

def test_groups():
    p,q,r = [torch.zeros(2) for _ in range(3)]
    opt = SGD([{'params': [p]}, {'params': iter([q]), 'lr': 10., 'weight_decay': 0.5}, {'params': r, 'wd': 0.25}], lr=1., weight_decay=0.125)
    assert [(o['lr'], o['wd']) for o in opt.param_groups]==[(1., 0.125), (10., 0.5), (1., 0.25)]
    assert not any('weight_decay' in o for o in opt.param_groups) and opt.settings==['lr', 'momentum', 'wd']
    for o in (p,q,r): o.g = torch.ones(2)
    opt.step()
    assert (p[0], q[0], r[0])==(-1, -10, -1)
    opt.lr = 0.5
    opt.step()
    assert [o['lr'] for o in opt.param_groups]==[0.5]*3 and p[0]==-1-0.5*(1-0.125) and q[0]==-10-0.5*(1-0.5*10)
    opt.zero_grad()
    with pytest.raises(RuntimeError, match='SGD: no parameter has a gradient'): opt.step()

class WithAll(Optimizer):
    "An optimizer with every setting that is checked"
    def __init__(self, params, lr=0.1, momentum=0., wd=0., eps=1e-8, alpha=0.9, betas=(0.9,0.99), **kw):
        super().__init__(params, lr=lr, momentum=momentum, wd=wd, eps=eps, alpha=alpha, betas=betas, **kw)

nan,inf = float('nan'),float('inf')
@pytest.mark.parametrize('name, value', [(name, value) for name in ('lr','momentum','wd','weight_decay','eps','alpha') for value in (-0.1, nan, inf, -inf)] +
    [('alpha', 1.), ('alpha', 1.5)] + [('betas', o) for o in ((0.9,1.), (-0.1,0.9), (nan,0.9), (0.9,inf), (0.9,), (0.9,0.9,0.9), 0.9, ())])
def test_settings_out_of_range_are_refused(name, value):
    said = f"WithAll: got {'wd' if name=='weight_decay' else name}="
    with pytest.raises(ValueError) as e: WithAll([torch.zeros(1)], **{name: value})
    assert str(e.value).startswith(said) and 'wanted' in str(e.value)
    with pytest.raises(ValueError) as e: WithAll([{'params': [torch.zeros(1)]}, {'params': [torch.zeros(1)], name: value}])  # of a group, too
    assert str(e.value).startswith(said)

@pytest.mark.parametrize('name, value', [('lr', 'fast'), ('lr', None), ('betas', 'ab'), ('betas', (0.9,'b')), ('momentum', [])])
def test_settings_that_are_no_numbers_are_refused(name, value):
    with pytest.raises((TypeError,ValueError), match=f'WithAll: got {name}=.*wanted'): WithAll([torch.zeros(1)], **{name: value})

def test_settings_that_are_right():
    for kw in (dict(lr=0.), dict(lr=torch.tensor(0.1)), dict(momentum=2.), dict(eps=0), dict(alpha=0), dict(betas=[0,0.5]), dict(lr=1)): WithAll([torch.zeros(1)], **kw)
    class Own(Optimizer):
        def __init__(self, params, depth): super().__init__(params, depth=depth)
    assert Own([torch.zeros(1)], depth=-3).param_groups[0]['depth']==-3  # settings of your own are yours to check

def test_a_wrong_rate_is_refused_later_too():
    opt = SGD([torch.zeros(1)], 0.1)
    with pytest.raises(ValueError, match='SGD: got lr=nan'): opt.lr = nan
    assert opt.lr==0.1

def test_weight_decay_given_twice():
    with pytest.raises(ValueError, match='got wd=0.1 and weight_decay=0.2'): SGD([torch.zeros(1)], 0.1, wd=0.1, weight_decay=0.2)

@pytest.mark.parametrize('params, error, says', [
    ([], ValueError, 'got no parameters'), ((o for o in ()), ValueError, 'got no parameters'), ([{'params': []}], ValueError, 'got no parameters'),
    (torch.zeros(3), TypeError, 'got a Tensor, wanted a list of tensors'), ({torch.zeros(3)}, TypeError, 'got a set'),
    ([3.], TypeError, 'got a parameter of type float, wanted a tensor'), ([torch.zeros(1), 'w'], TypeError, 'got a parameter of type str'),
    (list(nn.Linear(2,1).named_parameters()), TypeError, 'got a parameter of type tuple'),
    ([{'params': [torch.zeros(1)]}, torch.zeros(1)], ValueError, "got groups without 'params'"), ([{'lr': 0.1}], ValueError, "got groups without 'params'"),
    ([torch.ones(2, requires_grad=True)*0.1], ValueError, r'got a tensor \(2,\) that was calculated from others')])
def test_parameters_that_are_refused(params, error, says):
    with pytest.raises(error, match=f'SGD: {says}'): SGD(params, 0.1)

def test_the_same_parameter_twice():
    p = torch.zeros(2)
    for params in ([p, torch.zeros(2), p], [{'params': [p]}, {'params': [p], 'lr': 1.}]):
        with pytest.raises(ValueError, match='SGD: got the same parameter twice'): SGD(params, 0.1)
    SGD([p, torch.zeros(2)], 0.1)  # equal values are not the same parameter

def test_own_layers_are_trained():
    "Ten seeds: the loss of a two-layer network on random data falls with gradients in `.g`"
    for seed in range(10):
        torch.manual_seed(seed)
        x,y = torch.randn(60,8),torch.arange(60)%3
        model = Model(kaiming(8,16), torch.zeros(16), kaiming(16,3), torch.zeros(3), loss=CrossEntropy())
        opt,before = SGD(model.parameters(), 0.5),model(x, y)
        for _ in range(100):
            model(x, y)
            model.backward()
            opt.step()
            opt.zero_grad()
        assert model(x, y)<0.8*before, seed

# Loss and linear model

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
