"The bare rules and schedules of chapter 6 against the library's and PyTorch's."
import random
from functools import partial
import pytest, torch
from fastfound.basics import test_near as near
from fastfound.optimizers import SGD, Adam, AdamW, Muon, RMSProp, orthogonalize
from fastfound.schedules import cosine_schedule, linear_schedule, one_cycle
from fastfound.update_rules import (RuleOptim, basic_adam, basic_adamw, basic_cosine, basic_linear, basic_momentum, basic_muon,
                                    basic_one_cycle, basic_rmsprop, basic_sgd, newton_schulz)
from learners import steps

def settings(g):
    "Random settings of each rule, and the same as the library and PyTorch name them"
    ranges = (1e-3,0.1),(0.3,0.99),(0.5,0.99),(0.5,0.95),(0.8,0.999),(1e-9,1e-3),(0,0.5)
    lr,beta,alpha,b1,b2,eps,wd = [g.uniform(*o) for o in ranges]
    adam,theirs = dict(beta1=b1, beta2=b2, eps=eps),dict(betas=(b1,b2), eps=eps)
    return {basic_sgd: (lr, {}, {}), basic_momentum: (lr, dict(beta=beta), dict(momentum=beta)),
            basic_rmsprop: (lr, dict(alpha=alpha, eps=eps), dict(alpha=alpha, eps=eps)), basic_adam: (lr, adam, theirs),
            basic_adamw: (lr, dict(wd=wd, **adam), dict(weight_decay=wd, **theirs))}

TWINS = {basic_sgd: (SGD, torch.optim.SGD), basic_momentum: (SGD, torch.optim.SGD), basic_rmsprop: (RMSProp, torch.optim.RMSprop),
         basic_adam: (Adam, torch.optim.Adam), basic_adamw: (AdamW, torch.optim.AdamW)}

@pytest.mark.parametrize('rule', TWINS)
def test_a_rule_takes_the_steps_of_the_library_and_of_pytorch(rule):
    "Twenty steps of two parameters, in float64"
    g = random.Random(0)
    for seed in range(20):
        lr,ours,theirs = settings(g)[rule]
        basic = steps(RuleOptim, seed, rule=rule, lr=lr, **ours)
        for twin in TWINS[rule]: near(basic, steps(twin, seed, lr=lr, **theirs), tol=1e-10)

@pytest.mark.parametrize('rule', TWINS)
def test_defaults_are_those_of_pytorch(rule):
    theirs = {'momentum': 0.9} if rule is basic_momentum else {}
    for twin in TWINS[rule]: near(steps(RuleOptim, 0, rule=rule, lr=0.01), steps(twin, 0, lr=0.01, **theirs), tol=1e-10)

def test_the_check_can_fail():
    a,b = steps(RuleOptim, 0, rule=basic_adam, lr=0.01),steps(Adam, 0, lr=0.01, betas=(0.9,0.99))
    with pytest.raises(AssertionError): near(a, b, tol=1e-10)

def matrix_steps(make_opt, shape):
    "A matrix after twenty steps in float64"
    g = torch.Generator().manual_seed(0)
    w = torch.randn(shape, dtype=torch.float64, generator=g).requires_grad_()
    opt = make_opt([w])
    for x in torch.randn(20,7,shape[0], dtype=torch.float64, generator=g):
        (x@w).sin().pow(2).mean().backward()
        opt.step()
        opt.zero_grad()
    return w.detach()

@pytest.mark.parametrize('shape', [(3,4), (5,5), (2,9), (1,6)])
def test_muon_takes_the_steps_of_the_library(shape):
    "With what the library adds switched off; it also scales the steps of matrices with more rows than columns"
    basic = matrix_steps(partial(RuleOptim, rule=basic_muon, lr=0.02, beta=0.9), shape)
    library = partial(Muon, lr=0.02, momentum=0.9, nesterov=False, weight_decay=0., dtype=None)
    near(basic, matrix_steps(library, shape), tol=1e-10)

@pytest.mark.parametrize('shape', [(4,9), (9,4), (6,6)])
def test_newton_schulz(shape):
    "Equal to the library's; the singular values get near 1, the directions stay"
    m = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = newton_schulz(m)
    near(x, orthogonalize(m), tol=1e-8)
    u,s,vt = torch.linalg.svd(m, full_matrices=False)
    inner = u.T@x@vt.T
    near(inner, inner.diag().diag(), tol=1e-8)
    assert 0.6<inner.diag().min() and inner.diag().max()<1.25

def test_parameters_keep_states_of_their_own():
    a,b = [torch.zeros(2).requires_grad_() for _ in range(2)]
    opt = RuleOptim([a, b], basic_momentum, lr=1., beta=0.5)
    for ga,gb in ((1.,10.), (1.,0.)):
        a.grad,b.grad = torch.full((2,), ga),torch.full((2,), gb)
        opt.step()
    near(torch.stack([a, b]), torch.tensor([[-2.5]*2,[-15.]*2]))
    opt.zero_grad()
    assert a.grad is b.grad is None

@pytest.mark.parametrize('i', range(0, 101, 5))
def test_schedules_are_those_of_the_library(i):
    pos = i/100
    pairs = {basic_linear: linear_schedule(1, 0), basic_cosine: cosine_schedule(1, 0), basic_one_cycle: one_cycle(1/25, 1, 0),
             partial(basic_one_cycle, peak=0.4, low=0.1): one_cycle(0.1, 1, 0, pct_start=0.4)}
    for ours,theirs in pairs.items():
        assert abs(ours(pos)-theirs(pos))<1e-12
