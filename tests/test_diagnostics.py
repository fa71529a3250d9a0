"Checks of a run, activation statistics and gradient clipping where the page does not go."
import math
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.diagnostics import ActivationStats, GradientClip, alone_gap, duplicates, overfit_one_batch
from fastfound.handwriting import new_learner
from fastfound.learner import Callback, CancelBackwardException
from fastfound.mixed_precision import MixedPrecision
from fastfound.optimizers import SGD
from learners import three_classes, tiny

def test_clipping_sees_the_unscaled_gradients():
    norms = []
    for cbs in ([], [MixedPrecision(torch.float16, force=True)]):
        clip,learn = GradientClip(0.5),three_classes()
        learn.fit(2, cbs=[*cbs, clip], quiet=True)
        norms.append(torch.tensor(clip.norms))
    near(norms[1], norms[0], tol=0.05)

def test_statistics_are_of_training_only():
    "A callback that evaluates in the middle of training adds nothing to them"
    class Evaluates(Callback):
        run_valid = False
        def after_loss(self): self.learn.validate()
    def stats(*cbs):
        set_seed(0)
        learn,s = three_classes(),ActivationStats(bins=7)
        learn.model[2] = nn.Sequential(nn.ReLU(), learn.model[2])
        learn.fit(2, cbs=[s, *cbs], quiet=True)
        return s.stats[0]
    plain,with_evaluation = stats(),stats(Evaluates)
    assert len(plain['mean'])==6 and plain['mean']==with_evaluation['mean'] and plain['dead']==with_evaluation['dead']

def test_errors():
    with pytest.raises(ValueError, match='wanted a number above 0'): GradientClip(0)
    with pytest.raises(ValueError, match='got a model without ReLU'): tiny(cbs=ActivationStats()).fit(1, quiet=True)

# Gradients that cannot be clipped

@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('cbs', [[], [MixedPrecision(force=True)]], ids=['float32', 'bfloat16'])
def test_gradients_that_are_no_numbers(value, cbs):
    "An error in words before the step, so the weights stay good; neither a step of nan, nor one of zeros"
    class Breaks(Callback):
        run_valid = False
        def after_backward(self):
            if self.learn.epoch==1:
                self.before = [p.detach().clone() for p in self.learn.model.parameters()]
                next(self.learn.model.parameters()).grad.view(-1)[0] = value
    learn,breaks,clip = three_classes(),Breaks(),GradientClip(1.)
    with pytest.raises(FloatingPointError, match=f'got gradients with a norm of {abs(value)} in epoch 1, batch 0 .*wanted finite ones'):
        learn.fit(2, cbs=[breaks, clip, *cbs], quiet=True)
    assert all(torch.equal(a, b) for a,b in zip(breaks.before, learn.model.parameters())) and len(clip.norms)==3

def test_an_overflow_that_loss_scaling_skips_is_not_clipped():
    class Overflow(Callback):
        order,run_valid = -30,False
        def after_backward(self):
            if self.learn.iter==1: next(self.learn.model.parameters()).grad.fill_(math.inf)
    learn,clip = three_classes(),GradientClip(1.)
    learn.fit(1, cbs=[MixedPrecision(torch.float16, force=True), Overflow, clip], quiet=True)
    assert len(clip.norms)==2 and all(p.isfinite().all() for p in learn.model.parameters())

def test_without_gradients_the_step_says_so():
    "A frozen model, or a backward pass that was cancelled"
    class Cancels(Callback):
        def before_backward(self): raise CancelBackwardException
    learn = tiny(opt_func=SGD, cbs=[Cancels, GradientClip()])
    with pytest.raises(RuntimeError, match='no parameter has a gradient'): learn.fit(1, quiet=True)

def test_some_parameters_without_gradients():
    clip,learn = GradientClip(1e-3),three_classes()
    learn.model[0].weight.requires_grad_(False)
    before = learn.model[0].weight.clone()
    learn.fit(1, cbs=clip, quiet=True)
    assert len(clip.norms)==3 and torch.equal(before, learn.model[0].weight)

@pytest.mark.parametrize('max_norm', [1e-3, 1e9])
def test_gradients_of_our_own_layers_are_clipped(max_norm):
    "Which keep them in `.g`"
    x,y = torch.rand(8,1,28,28),torch.randint(0, 10, (8,))
    norms = []
    class Norms(Callback):
        run_valid = False
        def after_step(self): norms.append(torch.cat([p.g.flatten() for p in self.learn.model.parameters()]).norm())
    clip = GradientClip(max_norm)
    new_learner((x, y), (x, y), bs=4).fit(1, cbs=[clip, Norms], quiet=True)
    near(torch.stack(norms), torch.tensor(clip.norms).clamp(max=max_norm), tol=1e-5)

def test_sparse_gradients_are_clipped():
    learn = three_classes()
    learn.model,clip = nn.Sequential(nn.Embedding(9,3, sparse=True), nn.Flatten(), nn.Linear(6,3)),GradientClip(1e-2)
    x,y = torch.randint(0, 9, (30,2)),torch.randint(0, 3, (30,))
    learn.dls,learn.opt_func = DataLoaders(DataLoader((x, y), 10)),torch.optim.SGD
    learn.fit(1, cbs=clip, quiet=True)
    assert len(clip.norms)==3 and min(clip.norms)>1e-2

# The checks of the page: each finds its fault, is silent on a healthy run, and leaves the model as it was

def digits(n=10):
    set_seed(0)
    return torch.rand(n,20),torch.arange(n)%3

def net(*more): return nn.Sequential(nn.Linear(20,30), nn.ReLU(), *more, nn.Linear(30,3))

def over_dim_0(pred, targ): return F.nll_loss(pred.log_softmax(0), targ)

def broadcast(pred, targ): return (pred - targ).pow(2).mean()

def same_shapes(pred, targ): return (pred - targ[:,None]).pow(2).mean()

@pytest.mark.parametrize('seed', range(3))
def test_examples_alone(seed):
    set_seed(seed)
    (x,y),model,one = digits(),net(),nn.Linear(20,1)
    assert alone_gap(model, F.cross_entropy, x, y)<1e-5 and alone_gap(one, same_shapes, x, y.float())<1e-5
    assert alone_gap(model, over_dim_0, x, y)>1 and alone_gap(one, broadcast, x, y.float())>1e-3
    dropout = net(nn.Dropout(0.5))
    assert alone_gap(dropout, F.cross_entropy, x, y)>1e-3 and alone_gap(dropout.eval(), F.cross_entropy, x, y)<1e-5

@pytest.mark.parametrize('seed', range(3))
def test_one_batch_by_heart(seed):
    set_seed(seed)
    (x,y),model = digits(),net()
    before = [p.detach().clone() for p in model.parameters()]
    assert overfit_one_batch(model, F.cross_entropy, x, y, lr=0.5, steps=300)<0.1
    assert all(torch.equal(a, b) and b.grad is None for a,b in zip(before, model.parameters()))
    for p in model.parameters(): p.data *= 0
    assert overfit_one_batch(model, F.cross_entropy, x, y, lr=0.5, steps=300)>1
    one = nn.Sequential(nn.Linear(20,30), nn.ReLU(), nn.Linear(30,1))
    right,wrong = [overfit_one_batch(one, f, x, y.float(), lr=0.1, steps=1000) for f in (same_shapes, broadcast)]
    assert right<0.1<wrong

def test_one_batch_is_that_of_an_optimizer():
    (x,y),model = digits(),net()
    loss = overfit_one_batch(model, F.cross_entropy, x, y, lr=0.1, steps=5)
    opt = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(5):
        opt.zero_grad()
        want = F.cross_entropy(model(x), y)
        want.backward()
        opt.step()
    near(torch.tensor(loss), want.detach(), tol=1e-5)

def test_copies():
    x,_ = digits()
    assert duplicates(x, x)==list(range(10)) and duplicates(x[:5], x[5:])==[]
    assert duplicates(x, torch.stack([x[3]+1e-6, x[3]]))==[1]
    images = x.view(10,1,4,5)
    assert duplicates(images[:3], images.flip(0))==[7,8,9]
